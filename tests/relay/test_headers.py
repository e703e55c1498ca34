from relayproxy.relay import headers as policy

TRACE = "0af7651916cd43dd8448eb211c80319c"
SPAN = "b7ad6b7169203331"


def sent(headers: policy.Headers, traceparent: str | None = None) -> policy.Headers:
    return policy.to_backend(
        headers, peer="203.0.113.9", host="phone.example.net", proto="https", traceparent=traceparent
    )


def test_hop_by_hop_headers_stay_behind_and_everything_else_goes_on_in_order() -> None:
    got = [
        ("Host", "h"),
        ("Connection", "Upgrade, X-Private"),
        ("Upgrade", "websocket"),
        ("X-Private", "1"),
        ("Proxy-Authorization", "Basic x"),
        ("TE", "trailers"),
        ("x-a", "1"),
        ("Cookie", "c=1"),
        ("x-a", "2"),
    ]
    assert sent(got)[:6] == [
        ("Host", "h"),
        ("Connection", "Upgrade, X-Private"),
        ("Upgrade", "websocket"),
        ("x-a", "1"),
        ("Cookie", "c=1"),
        ("x-a", "2"),
    ]


def test_forwarded_headers_are_appended_to_what_a_tunnel_said_so_that_the_first_item_stays_the_public_one() -> None:
    got = [("X-Forwarded-For", "198.51.100.1"), ("x-forwarded-host", "public.example"), ("X-Forwarded-Proto", "https")]
    assert sent(got) == [
        ("X-Forwarded-For", "198.51.100.1, 203.0.113.9"),
        ("x-forwarded-host", "public.example, phone.example.net"),
        ("X-Forwarded-Proto", "https, https"),
    ]


def test_traceparent_comes_last() -> None:
    assert sent([], f"00-{TRACE}-{SPAN}-01")[-1] == ("traceparent", f"00-{TRACE}-{SPAN}-01")


def test_a_callers_valid_traceparent_is_understood_and_others_are_not() -> None:
    assert policy.trace_of([("Traceparent", f"00-{TRACE}-{SPAN}-01")]) == (TRACE, SPAN)
    for bad in (f"ff-{TRACE}-{SPAN}-01", f"00-{'0' * 32}-{SPAN}-01", f"00-{TRACE.upper()}-{SPAN}-01", "x"):
        assert policy.trace_of([("traceparent", bad)]) is None


def test_secrets_are_masked_for_the_record_and_other_bytes_made_printable() -> None:
    got = policy.decode(
        [(b"X-Twilio-Signature", b"abc="), (b"Cookie", b"s=1"), (b"X-Api-Key", b"k"), (b"X-Plain", b"\xe9")]
    )
    assert policy.mask(got) == (
        ("X-Twilio-Signature", "<redacted>"),
        ("Cookie", "<redacted>"),
        ("X-Api-Key", "<redacted>"),
        ("X-Plain", "\N{REPLACEMENT CHARACTER}"),
    )


def test_credentials_in_odd_places_are_masked_for_the_record() -> None:
    got = [
        ("Sec-WebSocket-Protocol", "bearer, eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.e30"),
        ("Location", "https://user:secret@h/x?code=1"),
        ("Ocp-Apim-Subscription-Key", "k"),
        ("X-Amzn-Oidc-Data", "d"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ]
    assert [value for _, value in policy.mask(got)] == [
        "bearer, <redacted>",
        "https://<redacted>@h/x?code=<redacted>",
        "<redacted>",
        "<redacted>",
        "dGhlIHNhbXBsZSBub25jZQ==",
    ]


def test_query_values_are_masked_for_the_record() -> None:
    assert policy.mask_query("/ws?token=abc&flag&x=") == "/ws?token=<redacted>&<redacted>&x=<redacted>"
    assert policy.mask_query("/ws") == "/ws"


def test_a_refusal_keeps_its_headers_and_closes() -> None:
    got = [("WWW-Authenticate", "Basic"), ("Transfer-Encoding", "chunked"), ("Connection", "keep-alive"), ("X-A", "1")]
    assert policy.to_caller(got) == [("WWW-Authenticate", "Basic"), ("X-A", "1"), ("Connection", "close")]


def test_what_counts_as_an_upgrade() -> None:
    assert policy.is_websocket_upgrade([("connection", "keep-alive, Upgrade"), ("UPGRADE", "WebSocket")])
    assert not policy.is_websocket_upgrade([("connection", "keep-alive"), ("upgrade", "websocket")])
    assert not policy.is_websocket_upgrade([("connection", "upgrade"), ("upgrade", "h2c")])
    assert not policy.is_websocket_upgrade([("connection", "upgrade"), ("upgrade", "websocket, h2c")])
