import pytest

from relayproxy.relay.handshake.forwarded import Public, forwarded, mistakable_urls, public_urls
from relayproxy.settings.validators import split_networks

FRONT, STRANGER = "10.0.0.7", "203.0.113.9"
CAME = [("Host", "relay.internal")]
PUBLIC = Public.of("wss://relay.example.com/phone")


def told(
    *headers: tuple[str, str],
    peer: str = FRONT,
    tls: bool = False,
    target: str = "/ws?a=1",
    public: Public | None = None,
) -> dict[str, str]:
    found = forwarded(
        [*CAME, *headers], peer=peer, tls=tls, target=target, public=public, proxies=split_networks("10.0.0.0/8")
    )
    return {name.removeprefix("X-Forwarded-"): value for name, value in found}


def test_without_anybody_in_front_the_relay_tells_what_it_saw() -> None:
    assert told(peer=STRANGER) == {"For": STRANGER, "Host": "relay.internal", "Proto": "http", "Uri": "/ws?a=1"}
    assert told(peer=STRANGER, tls=True)["Proto"] == "https"


def test_a_trusted_front_ends_word_is_one_value_each() -> None:
    front = [
        ("X-Forwarded-Proto", "https, http"),
        ("X-Forwarded-Host", "relay.example.com, inner"),
        ("X-Forwarded-Uri", "/phone/ws?a=1,2"),
    ]
    assert told(*front) == {"For": FRONT, "Host": "relay.example.com", "Proto": "https", "Uri": "/phone/ws?a=1,2"}
    assert told(("X-Forwarded-Proto", "gopher"), ("X-Forwarded-Uri", "nonsense")) == told()


def test_a_strangers_word_counts_for_nothing() -> None:
    lies = [
        ("X-Forwarded-For", "192.0.2.1"),
        ("X-Forwarded-Proto", "https"),
        ("X-Forwarded-Host", "evil.example"),
        ("X-Forwarded-Uri", "/evil"),
    ]
    assert told(*lies, peer=STRANGER) == told(peer=STRANGER)


def test_the_public_url_says_all_of_it_whoever_says_otherwise() -> None:
    front = [("X-Forwarded-Proto", "http"), ("X-Forwarded-Host", "inner"), ("X-Forwarded-Uri", "/phone/signed")]
    found = told(*front, target="/phone/r/other", public=PUBLIC)
    assert (found["Host"], found["Proto"], found["Uri"]) == ("relay.example.com", "https", "/phone/r/other")


def test_the_uri_is_below_the_public_url_whether_or_not_the_front_end_takes_its_path_off() -> None:
    assert told(target="/ws?a=1", public=PUBLIC)["Uri"] == "/phone/ws?a=1"
    assert told(target="/phone/ws?a=1", public=PUBLIC)["Uri"] == "/phone/ws?a=1"
    assert told(target="/phones", public=PUBLIC)["Uri"] == "/phone/phones"
    assert told(target="/", public=Public.of("wss://relay.example.com"))["Uri"] == "/"


def test_the_list_of_addresses_begins_with_the_first_that_is_believed() -> None:
    assert told(("X-Forwarded-For", "192.0.2.1, 203.0.113.9:4711"))["For"] == "203.0.113.9, 10.0.0.7"
    assert told(("X-Forwarded-For", "192.0.2.1"), ("X-Forwarded-For", "[2001:db8::1]:1, 10.0.0.9"))["For"] == (
        "2001:db8::1, 10.0.0.9, 10.0.0.7"
    )
    assert told(("X-Forwarded-For", "unknown"))["For"] == FRONT
    assert told(("X-Forwarded-For", "203.0.113.9"), peer="::ffff:10.0.0.7")["For"] == "203.0.113.9, ::ffff:10.0.0.7"


@pytest.mark.parametrize(
    ("public", "target", "urls"),
    [
        (None, "/ws?a=1", ("wss://phone.example.net/ws?a=1", "ws://phone.example.net/ws?a=1")),
        ("wss://relay.example.com", "/ws?a=1", ("wss://relay.example.com/ws?a=1",)),
        ("ws://relay.example.com", "/ws", ("ws://relay.example.com/ws",)),
        ("wss://Relay.example.com:443/voice", "/ws", ("wss://Relay.example.com:443/voice/ws",)),
        ("wss://relay.example.com/voice", "/voice/ws", ("wss://relay.example.com/voice/ws",)),
        (
            "wss://relay.example.com/voice",
            "/?a",
            ("wss://relay.example.com/voice/?a", "wss://relay.example.com/voice?a"),
        ),
    ],
)
def test_the_urls_that_twilio_may_have_been_given(public: str | None, target: str, urls: tuple[str, ...]) -> None:
    known = Public.of(public) if public else None
    headers = forwarded(
        [("Host", "phone.example.net")], peer="127.0.0.1", tls=False, target=target, public=known, proxies=()
    )

    assert public_urls(headers, known) == urls


def test_a_trusted_front_end_tells_the_url_and_a_stranger_does_not() -> None:
    claims = [
        ("Host", "h"),
        ("X-Forwarded-Host", "a.example"),
        ("X-Forwarded-Proto", "https"),
        ("X-Forwarded-Uri", "/v/ws"),
    ]
    proxies = split_networks("10.0.0.0/8")

    def urls(peer: str) -> tuple[str, ...]:
        return public_urls(forwarded(claims, peer=peer, tls=False, target="/ws", public=None, proxies=proxies), None)

    assert urls("10.0.0.7") == ("wss://a.example/v/ws",)
    assert urls("192.0.2.1") == ("wss://h/ws", "ws://h/ws")
    assert mistakable_urls(claims, "/ws") == (
        "wss://h/ws",
        "wss://h/v/ws",
        "wss://a.example/ws",
        "wss://a.example/v/ws",
    )
