import time

import pytest

from relayproxy.relay import headers as policy

TRACE = "0af7651916cd43dd8448eb211c80319c"
SPAN = "b7ad6b7169203331"


FORWARDED = [("X-Forwarded-For", "203.0.113.9"), ("X-Forwarded-Proto", "https")]


def sent(headers: policy.Headers, traceparent: str | None = None, *, trusted: bool = False) -> policy.Headers:
    return policy.to_backend(headers, forwarded=FORWARDED, trusted=trusted, via="relayproxy-1", traceparent=traceparent)


def test_hop_by_hop_headers_stay_behind_and_everything_else_goes_on_in_order() -> None:
    got = [
        ("Host", "h"),
        ("Connection", "keep-alive, Upgrade"),
        ("Upgrade", "websocket"),
        ("Proxy-Authorization", "Basic x"),
        ("TE", "trailers"),
        ("x-a", "1"),
        ("Cookie", "c=1"),
        ("x-a", "2"),
    ]
    assert sent(got) == [
        ("Host", "h"),
        ("Connection", "keep-alive, Upgrade"),
        ("Upgrade", "websocket"),
        ("x-a", "1"),
        ("Cookie", "c=1"),
        ("x-a", "2"),
        *FORWARDED,
        ("Via", "1.1 relayproxy-1"),
    ]


def test_connection_cannot_name_headers_that_anybody_needs() -> None:
    named = ("Host", "X-Twilio-Signature", "X-Forwarded-For", "Authorization")
    got = [("Connection", f"Upgrade, {', '.join(named)}"), *((name, "1") for name in named)]
    found = dict(sent(got))
    assert found["Connection"] == "Upgrade"
    assert {name: found[name] for name in named} == {
        "Host": "1",
        "X-Twilio-Signature": "1",
        "X-Forwarded-For": "203.0.113.9",
        "Authorization": "1",
    }
    several = [("Connection", "X-Twilio-Signature"), ("Connection", "Upgrade"), ("connection", "")]
    assert [line for line in sent(several) if line[0].lower() == "connection"] == [("Connection", "Upgrade")]
    refusal = [("Connection", "close, WWW-Authenticate"), ("WWW-Authenticate", "Basic")]
    assert policy.to_caller(refusal) == [("WWW-Authenticate", "Basic"), ("Connection", "close")]


def test_of_several_protocols_only_the_websocket_is_asked_for() -> None:
    assert sent([("upgrade", "WebSocket")])[0] == ("upgrade", "WebSocket")
    got = sent([("Upgrade", "h2c"), ("x-a", "1"), ("Upgrade", "websocket, h2c")])
    assert got[:3] == [("Upgrade", "websocket"), ("x-a", "1"), FORWARDED[0]]


def test_ours_take_the_place_of_what_came_and_are_one_value_each() -> None:
    got = [("X-Forwarded-Proto", "ws"), ("x-forwarded-for", "198.51.100.1"), ("x-a", "1"), ("x-forwarded-proto", "b")]
    assert sent(got)[:3] == [("X-Forwarded-Proto", "https"), ("x-forwarded-for", "203.0.113.9"), ("x-a", "1")]
    assert [name for name, _ in sent(got)].count("x-forwarded-proto") == 0


def test_what_a_stranger_claims_of_where_a_request_came_from_stays_behind() -> None:
    got = [("Forwarded", "host=evil"), ("X-Forwarded-Port", "1"), ("X-Real-IP", "192.0.2.1"), ("x-a", "1")]
    assert sent(got)[0] == ("x-a", "1")
    assert sent(got, trusted=True)[:4] == got


def test_a_relay_adds_its_name_behind_those_of_others() -> None:
    got = sent([("Via", "1.1 front, 1.0 other (x)")])
    assert policy.hops(got) == ["front", "other", "relayproxy-1"]


def test_a_traceparent_that_is_not_believed_is_replaced_and_its_state_stays_behind() -> None:
    got = [("traceparent", "theirs"), ("tracestate", "theirs"), ("x-a", "1")]
    assert sent(got, "ours")[:2] == [("traceparent", "ours"), ("x-a", "1")]
    assert sent(got)[:3] == got


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


def test_of_a_huge_head_the_record_has_the_beginning_and_says_so() -> None:
    got = [(f"x-{n}", "y" * 60_000) for n in range(200)]
    kept = policy.mask(got)
    assert sum(len(name) + len(value) for name, value in kept) < 20_000
    assert kept[0] == ("x-0", "y" * (policy.RECORDED_TEXT - 1) + "…")
    assert kept[-1] == ("…", f"{len(got) - len(kept) + 1} more headers")
    usual = [("host", "relay.example.com"), ("x-home-region", "us1")]
    assert policy.mask(usual) == tuple(usual)


def test_signatures_are_told_apart_by_digests_that_hold_nothing_of_them() -> None:
    one, other = [("X-Twilio-Signature", "c2lnbmF0dXJl")], [("x-twilio-signature", "YW5vdGhlcg==")]
    assert policy.signature_digest(one) == policy.signature_digest([("Host", "h"), *one])
    assert policy.signature_digest(one) != policy.signature_digest(other)
    assert "c2ln" not in (policy.signature_digest(one) or "")
    assert policy.signature_digest([("Host", "h")]) is None


@pytest.mark.parametrize(
    ("path", "counted"),
    [
        ("/ws", "/ws"),
        ("/r/sales-2026/v2?a=<redacted>", "/r/sales-2026/v2?a=<redacted>"),
        ("/call/+15550100001/x", "/call/+…/x"),
        ("/4111/1111/1111/1111", "/…"),
        ("/4111%201111%201111%201111", "/…"),
        ("/u/jane@example.com/x", "/u/…/x"),
        ("/u/jane%40example.com", "/u/…"),
    ],
)
def test_of_a_path_that_is_only_counted_nobodys_number_or_address_is_kept(path: str, counted: str) -> None:
    assert policy.without_personal(path) == counted


@pytest.mark.parametrize("piece", ["x", "1", "@", "%40", "/", "/@", "%", "1.", "://", "&", "?a=", "x://"])
def test_a_target_of_64_kib_costs_no_call_its_time(piece: str) -> None:
    def cost(length: int) -> float:
        path = "/" + piece * (length // len(piece)) + "x"
        began = time.process_time()
        policy.without_personal(path)
        policy.mask_query(path)
        policy.mask([("Referer", path), ("Cookie", path), ("X-Forwarded-For", path)])
        return time.process_time() - began

    # Where the time grows with the square of the length, it is more than a second.
    assert cost(65_536) < max(0.1, 40 * cost(8_192))


def test_query_values_are_masked_for_the_record() -> None:
    assert policy.mask_query("/ws?token=abc&flag&x=") == "/ws?token=<redacted>&<redacted>&x=<redacted>"
    assert policy.mask_query("/ws") == "/ws"


def test_a_refusal_keeps_its_headers_and_closes() -> None:
    got = [("WWW-Authenticate", "Basic"), ("Transfer-Encoding", "chunked"), ("Connection", "keep-alive"), ("X-A", "1")]
    assert policy.to_caller(got) == [("WWW-Authenticate", "Basic"), ("X-A", "1"), ("Connection", "close")]
