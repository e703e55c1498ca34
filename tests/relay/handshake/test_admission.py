import pytest

from relayproxy.relay.handshake.admission import objection

OWN = "relayproxy-1"
UPGRADE = [("Host", "h"), ("Connection", "Upgrade"), ("Upgrade", "websocket")]
Headers = list[tuple[str, str]]


def said(headers: Headers, method: str = "GET", version: tuple[int, int] = (1, 1)) -> tuple[str, int, str] | None:
    return objection(method, version, headers, own_name=OWN)


@pytest.mark.parametrize(
    "headers",
    [
        UPGRADE,
        [("connection", "keep-alive, Upgrade"), ("UPGRADE", "WebSocket")],
        [("connection", "upgrade"), ("upgrade", "websocket, h2c")],
        [("connection", "upgrade"), ("upgrade", "h2c"), ("upgrade", "websocket")],
        [*UPGRADE, ("Via", "1.1 relayproxy-2, 1.1 front")],
        [*UPGRADE, ("Content-Length", "0")],
    ],
)
def test_what_is_a_call(headers: Headers) -> None:
    assert said(headers) is None


@pytest.mark.parametrize(
    ("headers", "missing"),
    [
        ([("X-Twilio-Signature", "s")], "Upgrade: websocket and Connection: Upgrade are missing"),
        ([("Sec-WebSocket-Key", "k"), ("Connection", "upgrade")], "Upgrade: websocket is missing"),
        ([("Upgrade", "websocket"), ("Connection", "close")], "Connection: Upgrade is missing"),
        ([("X-Twilio-Signature", "s"), ("Upgrade", "h2c"), ("Connection", "upgrade")], "Upgrade: websocket is missing"),
    ],
)
def test_an_upgrade_that_a_front_proxy_took_away_is_named_with_what_to_set_there(
    headers: Headers, missing: str
) -> None:
    found = said(headers)
    assert found is not None
    assert found[:2] == ("no_upgrade", 426)
    assert found[2].startswith(missing)
    assert "proxy_set_header Upgrade $http_upgrade" in found[2]


def test_who_only_looks_is_told_what_this_is() -> None:
    assert said([("Host", "h")]) == ("no_upgrade", 426, "this is a WebSocket URL for Twilio ConversationRelay")


def test_http_1_0_is_refused_with_what_to_set() -> None:
    found = said(UPGRADE, version=(1, 0))
    assert found is not None
    assert found[:2] == ("http_1_0", 426)
    assert "proxy_http_version 1.1" in found[2]


def test_a_webhook_is_told_where_the_url_belongs() -> None:
    found = said([("X-Twilio-Signature", "s")], "POST")
    assert found is not None
    assert found[:2] == ("method", 426)
    assert "<ConversationRelay>" in found[2]


@pytest.mark.parametrize("way", [f"1.1 front, 1.1 {OWN}", ", ".join(["1.1 relayproxy-2"] * 8)])
def test_what_comes_back_is_a_loop(way: str) -> None:
    found = said([*UPGRADE, ("Via", way)])
    assert found is not None
    assert found[:2] == ("loop", 508)
