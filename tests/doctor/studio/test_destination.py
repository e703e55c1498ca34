"""Destinations: where the URLs of relay widgets lead, and what is said of those that lead nowhere."""

import pytest

from relayproxy.doctor.studio.destination import destination
from relayproxy.settings.model import Settings
from relayproxy.settings.tables import Route

PATH = ("states", 1, "properties", "url")
SALES = {"sales": Route(backend="ws://127.0.0.1:9/sales")}
BOTH = Settings(public_url="wss://relay.example.com", backend="ws://127.0.0.1:9", routes=SALES)
NAMED = Settings(public_url="wss://relay.example.com/voice", routes=SALES)
UNKNOWN = Settings(routes=SALES)


@pytest.mark.parametrize(
    ("settings", "url", "route"),
    [
        (BOTH, "wss://relay.example.com", "default"),
        (BOTH, "wss://relay.example.com/ws?a=1", "default"),
        (BOTH, "wss://relay.example.com:443/r/sales", "sales"),
        (BOTH, "wss://relay.example.com/r/sales/ws", "sales"),
        (BOTH, "wss://relay.example.com/r/sales?a=/r/other", "sales"),
        (BOTH, "WSS://relay.example.com/r/sales", "sales"),
        (NAMED, "wss://relay.example.com/voice/r/sales", "sales"),
    ],
)
def test_a_url_that_leads_to_a_route(settings: Settings, url: str, route: str) -> None:
    found = destination(url, PATH, settings)

    assert (found.route, found.remarks) == (route, ())


@pytest.mark.parametrize(
    ("settings", "url", "code", "words"),
    [
        (BOTH, None, "url_missing", "has no URL; the relay's is expected: wss://relay.example.com/, wss://relay"),
        (BOTH, " ", "url_missing", "has no URL"),
        (BOTH, 7, "url_missing", "has no URL"),
        (BOTH, "https://relay.example.com/", "url_wrong", "a ws:// or wss:// URL"),
        (BOTH, "wss://relay.example.com/#a", "url_wrong", "without a fragment"),
        (BOTH, "relay.example.com", "url_wrong", "a ws:// or wss:// URL"),
        (BOTH, "wss://user:pass@relay.example.com/", "url_wrong", "without user name and password"),
        (BOTH, "ws://relay.example.com/", "url_not_wss", "Twilio connects to wss:// alone"),
        (BOTH, "wss://agent.example.com/ws", "url_elsewhere", "leads to agent.example.com and not to this relay"),
        (BOTH, "wss://relay.example.com:8443/", "url_elsewhere", "leads to relay.example.com:8443"),
        (NAMED, "wss://relay.example.com/r/sales", "url_elsewhere", "does not begin with the path"),
        (NAMED, "wss://relay.example.com/voicemail/r/sales", "url_elsewhere", "of this relay's URL, /voice;"),
        (BOTH, "wss://relay.example.com/r/support/ws", "url_unknown_route", "so that the default backend gets its"),
        (NAMED, "wss://relay.example.com/voice/r/support", "url_unknown_route", "which there is not; there are: wss:"),
        (NAMED, "wss://relay.example.com/voice/ws", "url_no_route", "there are: wss://relay.example.com/voice/r/sales"),
        (NAMED, "wss://relay.example.com/voice", "url_no_route", "leads to no route"),
        (BOTH, "wss://relay.example.com/.relayproxy/readyz", "url_reserved", "no calls are taken"),
        (BOTH, "wss://relay.example.com/r/sales/../x/..", "url_no_route", "does not climb out"),
    ],
)
def test_a_url_that_does_not(settings: Settings, url: object, code: str, words: str) -> None:
    remarks = destination(url, PATH, settings).remarks

    assert [(one.severity, one.code, one.path) for one in remarks] == [("error", code, PATH)]
    assert words in remarks[0].text
    assert "pass@" not in remarks[0].text


def test_a_host_that_is_written_otherwise_is_signed_otherwise() -> None:
    found = destination("wss://Relay.Example.com/r/sales", PATH, BOTH)

    assert (found.route, [(one.severity, one.code) for one in found.remarks]) == (
        "sales",
        [("warning", "url_spelling")],
    )


@pytest.mark.parametrize(
    ("settings", "url", "route", "codes"),
    [
        (BOTH, "{{flow.variables.url}}", None, ["url_liquid"]),
        (BOTH, "wss://{{flow.variables.host}}/r/sales", None, ["url_liquid"]),
        (BOTH, "{{scheme}}://relay.example.com/", None, ["url_liquid"]),
        (BOTH, "wss://relay.example.com/r/{{flow.variables.team}}/ws", None, ["url_liquid"]),
        (BOTH, "wss://relay.example.com/{{flow.variables.path}}", None, ["url_liquid"]),
        (BOTH, "wss://relay.example.com/r/sales/{{flow.variables.path}}", "sales", ["url_liquid"]),
        (BOTH, "wss://relay.example.com/ws?id={{contact.channel.address}}", "default", ["url_liquid"]),
        (NAMED, "wss://relay.example.com/voice/{{flow.variables.path}}", None, ["url_liquid"]),
        (BOTH, "wss://agent.example.com/{{a}}", None, ["url_liquid", "url_elsewhere"]),
        (BOTH, "ws://{{flow.variables.host}}/", None, ["url_liquid", "url_not_wss"]),
        (UNKNOWN, "wss://any.example.com/r/sales", "sales", ["no_public_url"]),
        (UNKNOWN, "wss://any.example.com/r/other", None, ["no_public_url", "url_unknown_route"]),
        (Settings(public_url="wss://relay.example.com"), "wss://relay.example.com/r/sales", None, ["no_routes"]),
    ],
)
def test_what_cannot_be_checked_is_named_and_the_rest_checked(
    settings: Settings, url: str, route: str | None, codes: list[str]
) -> None:
    found = destination(url, PATH, settings)

    assert (found.route, [one.code for one in found.remarks]) == (route, codes)
    assert {one.severity for one in found.remarks if one.code in ("url_liquid", "no_public_url", "no_routes")} == {
        "note"
    }
