from relayproxy.relay.forwarded import Public, forwarded
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


def test_the_public_url_says_host_and_protocol_whoever_says_otherwise() -> None:
    front = [("X-Forwarded-Proto", "http"), ("X-Forwarded-Host", "inner")]
    found = told(*front, public=PUBLIC)
    assert (found["Host"], found["Proto"]) == ("relay.example.com", "https")


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
