"""What the API says of the URLs to give to Twilio."""

from typing import Any, cast

import msgspec

from relayproxy.console.connect.addresses import connect
from relayproxy.console.connect.documents import connect_document
from relayproxy.console.connect.routes import LastCall, RouteCheck, RouteStatus
from relayproxy.console.health.diagnosis.refusals import RefusalSummary
from relayproxy.console.health.diagnosis.signatures import route_signatures
from relayproxy.console.health.reachability import Probe, ProbeStep
from relayproxy.refusals import Refusal
from relayproxy.settings.model import Settings
from relayproxy.store.write.archive import Archive
from tests.console.contract import complaints
from tests.console.samples import ago, booking

SETTINGS = Settings(backend="wss://agent.example.com/ws?key=secret", public_url="wss://relay.example.com")
KNOWN = connect(SETTINGS)
(SIGNATURES,) = route_signatures(SETTINGS, {})
OPEN = Probe((ProbeStep("DNS", "ok", "127.0.0.1"), ProbeStep("HTTP", "ok", "answers 426")), "relay", 426)
CLOSED = Probe((ProbeStep("DNS", "bad", "there is no host named agent"),))
REFUSAL = Refusal(at=1_800_000_000_123_456_789, reason="no_route", status=404, words="no such route", peer="1.2.3.4:5")


def told(*ways: RouteStatus, refused: tuple[RefusalSummary, ...] = ()) -> dict[str, Any]:
    answer = msgspec.json.decode(msgspec.json.encode(connect_document(KNOWN, ways, refused, "here")))
    assert complaints({"$ref": "#/components/schemas/Connect"}, answer) == []
    return cast(dict[str, Any], answer)


def test_a_route_that_nobody_has_called_or_checked_says_so() -> None:
    answer = told(RouteStatus(KNOWN.targets[0], None, None, SIGNATURES))

    assert (answer["public"], answer["secure"], answer["checked_from"], answer["next"]) == (True, True, "here", None)
    (item,) = answer["items"]
    assert (item["route"], item["url"]) == ("default", "wss://relay.example.com/")
    assert item["backend"] == "wss://agent.example.com/ws?key=***"
    assert (item["signed_path"], item["backend_path"]) == ("/", "/ws")
    assert (item["last_call"], item["checks"]) == (None, None)
    assert item["signatures"] == {
        "verify": "off",
        "mode": "preserve",
        "anyone_may_call": True,
        "valid": 0,
        "wrong": 0,
        "missing": 0,
        "unchecked": 0,
        "summary": None,
        "action": "",
    }


def test_the_last_call_and_the_last_check_of_a_route_are_told(archive: Archive) -> None:
    row = archive.session(booking(archive, ago(90)).commit().id)
    assert row is not None
    checked = RouteCheck(1_800_000_000_000_000_000, OPEN, CLOSED)
    (item,) = told(RouteStatus(KNOWN.targets[0], LastCall(row, None, True), checked, SIGNATURES))["items"]

    assert (item["last_call"]["id"], item["last_call"]["started_at_ns"]) == (row.id, row.started_at)
    assert (item["last_call"]["signed"], item["last_call"]["events"], item["last_call"]["live"]) == (None, True, False)
    assert item["checks"]["at"] == "2027-01-15T08:00:00.000000Z"
    assert (item["checks"]["public"]["state"], item["checks"]["public"]["answered_by"]) == ("ok", "relay")
    assert item["checks"]["public"]["summary"] == "It leads to a relayproxy that takes calls."
    backend = item["checks"]["backend"]
    assert (backend["state"], backend["answered_by"], backend["status"]) == ("bad", None, None)
    assert backend["steps"] == [{"name": "DNS", "state": "bad", "detail": "there is no host named agent"}]


def test_requests_that_did_not_get_so_far_are_told() -> None:
    (refused,) = told(refused=(RefusalSummary("1 request asked", "Give Twilio a URL.", 1, REFUSAL),))["refused"]

    assert (refused["reason"], refused["signed"], refused["count"]) == ("no_route", False, 1)
    assert (refused["summary"], refused["action"]) == ("1 request asked", "Give Twilio a URL.")
    assert refused["last"] == {
        "at": "2027-01-15T08:00:00.123456Z",
        "at_ns": REFUSAL.at,
        "status": 404,
        "peer": "1.2.3.4:5",
        "target": None,
        "words": "no such route",
    }
