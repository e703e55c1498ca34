"""The page of alerts and its API: what fires, what was told, and silences."""

import re
from pathlib import Path
from typing import Any

import pytest

from relayproxy.settings.model import Settings
from relayproxy.store.read.queries import Queries
from relayproxy.store.write.alert_store import Firing, due, open_alert, resolve_alert, settle
from relayproxy.store.write.annotation_writer import AnnotationWriter
from relayproxy.store.write.archive import Archive
from tests.console.conftest import Client
from tests.console.contract import ask, refused
from tests.console.door import BEARER, console_on, settings_in, sign_in
from tests.databases import migrated
from tests.store.build import NOON

ALERTS: dict[str, Any] = {
    "slow": {"kind": "p95_latency", "above": 2.5, "route": "bookings", "severity": "critical"},
    "full": {"kind": "disk", "above": 0.9999},
}
WEBHOOKS: dict[str, Any] = {"ops": {"url": "http://127.0.0.1:1/nightingale"}}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings.model_validate(
        {
            "data_dir": tmp_path / "data",
            "backend": "ws://127.0.0.1:1",
            "listen": "127.0.0.1:1",
            "routes": {"bookings": {"backend": "ws://127.0.0.1:1/ws"}},
            "alerts": ALERTS,
            "webhooks": WEBHOOKS,
        }
    )


@pytest.fixture
def fired(archive: Archive, writer: AnnotationWriter, queries: Queries) -> None:
    """One that is over, of which a webhook was not told, and a later one that fires."""
    first = Firing("slow", "p95_latency", "critical", "bookings", NOON, 3.1, 2.5, 600.0, 45, "s1", "p95 is 3.1 s")
    open_alert(writer, first, ["ops"])
    ((delivery, row),) = due(queries, NOON, 10)
    settle(writer, delivery, "failed", "answered 401", NOON + 1, NOON + 1)
    resolve_alert(writer, row.id, NOON + 2, "well")
    open_alert(writer, Firing("old", "gaps", "warning", None, NOON + 9, 3, 0, 600.0, 2, None, "3 gaps"), [])


async def text_of(client: Client, path: str) -> str:
    async with client.get(path) as response:
        assert response.status == 200
        return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", await response.text()))


async def test_the_page_has_rules_history_and_what_was_told(client: Client, fired: None) -> None:
    shown = await text_of(client, "/alerts")

    assert "p95 response latency of bookings above 2.5 s" in shown
    assert "Tells ops" in shown
    assert "p95 is 3.1 s; over, since all is well again Session" in shown
    assert "ops , began: failed after 0 attempts (answered 401)" in shown
    assert "nightingale" not in shown


async def test_the_api_has_the_same(client: Client, fired: None) -> None:
    newest, oldest = (await ask(client, "listAlerts"))["items"]

    assert (oldest["alert"], oldest["value"], oldest["limit"], oldest["session"]) == ("slow", 3.1, 2.5, "s1")
    assert oldest["resolved_because"] == "well"
    assert [(one["event"], one["state"], one["answer"]) for one in oldest["deliveries"]] == [
        ("trigger", "failed", "answered 401"),
        ("resolve", "pending", None),
    ]
    assert (newest["alert"], newest["deliveries"]) == ("old", [])
    page = await ask(client, "listAlerts", "limit=1")
    assert (await ask(client, "listAlerts", f"limit=1&before={page['next']}"))["items"] == [oldest]


async def test_rules_say_what_they_are_and_that_nothing_is_known(client: Client, archive: Archive) -> None:
    slow, full = (await ask(client, "listAlertRules"))["items"]

    assert (slow["alert"], slow["route"], slow["webhooks"], slow["silence"]) == ("slow", "bookings", ["ops"], None)
    assert (slow["firing"], slow["state"], slow["value"]) == (False, "unknown", None)
    assert full["alert"] == "full"


async def test_a_rule_is_silenced_and_that_is_ended_and_audited(client: Client, archive: Archive) -> None:
    silence = await ask(client, "silenceAlert", body={"minutes": 60}, alert="slow")
    assert silence["by"] == "local"
    assert (await ask(client, "listAlertRules"))["items"][0]["silence"] == silence
    assert "Silenced by local until" in await text_of(client, "/alerts")

    await ask(client, "endSilence", alert="slow")
    assert await refused(client, "DELETE", "/api/alerts/slow/silence", 404) == "not_found"
    entries = (await ask(client, "listAudit"))["items"]
    assert [(entry["action"], entry["subject"]) for entry in entries] == [("unsilence", "slow"), ("silence", "slow")]
    assert "silenced an alert" in await text_of(client, "/audit")


async def test_the_form_does_the_same(client: Client, archive: Archive) -> None:
    async with client.post("/alerts/slow/silence", data={"minutes": "240"}, allow_redirects=False) as response:
        assert (response.status, response.headers["Location"]) == (303, "/alerts#rule-slow")
    assert (await ask(client, "listAlertRules"))["items"][0]["silence"] is not None
    async with client.post("/alerts/slow/silence", data={"end": "1"}, allow_redirects=False) as response:
        assert response.status == 303
    assert (await ask(client, "listAlertRules"))["items"][0]["silence"] is None


@pytest.mark.parametrize("minutes", ["0", "-5", "soon", "99999999", "1e3", ""])
async def test_a_silence_has_an_end(client: Client, archive: Archive, minutes: str) -> None:
    async with client.post("/alerts/slow/silence", data={"minutes": minutes}, allow_redirects=False) as response:
        assert response.status == 400


async def test_what_is_not_there_is_not_silenced(client: Client, archive: Archive) -> None:
    assert await refused(client, "POST", "/api/alerts/none/silence", 404, json={"minutes": 5}) == "not_found"
    assert await refused(client, "POST", "/api/alerts/slow/silence", 400, json={"minutes": 0}) == "bad_request"
    assert await refused(client, "GET", "/api/alerts?before=x", 400) == "bad_request"


async def test_health_tells_of_what_fires_and_of_what_was_not_taken(client: Client, fired: None) -> None:
    checks = {check["name"]: check for check in (await ask(client, "getHealth"))["checks"]}

    assert checks["alerts"]["state"] == "warn"
    assert checks["alerts"]["link"] == "/alerts"


async def test_who_is_signed_in_may_silence_and_nobody_else(tmp_path: Path) -> None:
    settings = settings_in(tmp_path / "data", alerts={"full": ALERTS["full"]})
    migrated(settings.database)
    async with console_on(settings) as client:
        async with client.post("/api/alerts/full/silence", json={"minutes": 5}) as response:
            assert response.status == 401
        async with client.post("/api/alerts/full/silence", json={"minutes": 5}, headers=BEARER) as response:
            assert (await response.json())["by"] == "token:ci"
        await sign_in(client)
        async with client.get("/alerts") as response:
            assert "token:ci" in await response.text()
