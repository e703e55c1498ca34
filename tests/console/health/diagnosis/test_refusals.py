"""Requests that never became a call, as Connect and Health show them."""

from aiohttp.test_utils import TestClient, TestServer

from relayproxy.console.app import build
from relayproxy.console.health.diagnosis.diagnosis import diagnose
from relayproxy.console.health.diagnosis.health_facts import SECOND
from relayproxy.console.health.diagnosis.refusals import refused
from relayproxy.refusals import Refusal, RefusalCount, add
from relayproxy.settings.model import Settings
from relayproxy.store.engine import open_engine
from relayproxy.store.read.health.heartbeat import HeartbeatWriter
from relayproxy.store.read.queries import Queries
from relayproxy.store.write.annotation_writer import AnnotationWriter
from relayproxy.store.write.archive import Archive
from tests.console.conftest import Client
from tests.console.health.known import NOW, check, facts, heartbeat, report

STRIPPED = Refusal(
    NOW - 90 * SECOND,
    "no_upgrade",
    426,
    "Upgrade: websocket is missing",
    "10.0.0.7:4711",
    "/ws?token=<redacted>",
    signed=True,
)
SCANNED = Refusal(NOW - 2 * SECOND, "no_route", 404, "no route takes this path", "203.0.113.9:1", "/wp-admin")


def told(*all_of_them: Refusal) -> tuple[RefusalCount, ...]:
    found: tuple[RefusalCount, ...] = ()
    for one in all_of_them:
        found = add(found, one)
    return found


def test_they_are_counted_by_reason_with_the_last_of_each_and_signed_ones_first() -> None:
    found = refused([report(refused=told(STRIPPED, SCANNED, SCANNED)), report(refused=told(SCANNED))])
    assert [(one.title, one.count) for one in found] == [
        ("1 request with Twilio's signature did not ask for a WebSocket", 1),
        ("3 requests asked for a path that no route takes", 3),
    ]
    assert found[0].last == STRIPPED


def test_a_call_that_a_front_proxy_spoilt_is_worth_looking_at() -> None:
    found = check("refused", facts(report(refused=told(STRIPPED, SCANNED))))
    assert (found.state, found.title) == ("warn", "1 request with Twilio's signature did not ask for a WebSocket")
    assert "90 s ago. Answered 426 to 10.0.0.7:4711, which asked for /ws?token=<redacted>: Upgrade" in found.detail
    assert "has to pass `Upgrade` and `Connection` on" in found.action
    assert found.link == "/connect#refused"


def test_everyday_noise_is_counted_and_no_more() -> None:
    found = check("refused", facts(report(refused=told(SCANNED))))
    assert (found.state, found.title, found.action) == ("ok", "1 request asked for a path that no route takes", "")
    long_ago = Refusal(NOW - 7200 * SECOND, "no_upgrade", 426, "…", "10.0.0.7:1", signed=True)
    assert check("refused", facts(report(refused=told(long_ago)))).state == "ok"
    assert "refused" in [one.name for one in diagnose(facts())]


def test_reasons_of_another_version_are_told_too() -> None:
    found = check("refused", facts(report(refused=told(Refusal(NOW, "new", 418, "no", "h:1", signed=True)))))
    assert found.title == "1 request with Twilio's signature did not get through"


async def test_connect_and_its_twin_show_them(client: Client, archive: Archive, settings: Settings) -> None:
    writer = HeartbeatWriter(open_engine(settings.database))
    writer.write("recorder:here:1-1", heartbeat(refused=told(STRIPPED, SCANNED)))
    writer.close()
    page = await (await client.get("/connect")).text()
    assert "1 request with Twilio&#39;s signature did not ask for a WebSocket" in page
    assert "Answered 404 to 203.0.113.9:1" in page
    found = (await (await client.get("/api/connect")).json())["refused"]
    assert [(one["reason"], one["signed"], one["count"], one["last"]["status"]) for one in found] == [
        ("no_upgrade", True, 1, 426),
        ("no_route", False, 1, 404),
    ]
    assert (await (await client.get("/api/health")).json())["refused"] == found


async def test_connect_says_where_a_signature_cannot_be_rebuilt(client: Client, archive: Archive) -> None:
    page = await (await client.get("/connect")).text()
    assert "Twilio signs the path <code><bdi>/</bdi></code>, and your backend sees <code><bdi>/ws</bdi></code>" in page
    assert "With a backend without a path" in page
    assert "Twilio signs the path <code><bdi>/r/bookings</bdi></code>" in page
    found = (await (await client.get("/api/connect")).json())["items"]
    assert [(one["signed_path"], one["backend_path"]) for one in found] == [("/", "/ws"), ("/r/bookings", "/ws")]


async def test_connect_says_where_every_check_holds(
    archive: Archive, queries: Queries, writer: AnnotationWriter
) -> None:
    settings = Settings(backend="wss://agent.example.com", public_url="wss://relay.example.com")
    async with TestClient(TestServer(build(settings, queries, writer))) as client:
        page = await (await client.get("/connect")).text()
    assert "Twilio signs the path" not in page
    assert "Put your server&#39;s path at its end" in page.replace("'", "&#39;")
