"""What admins are shown of the audit log, on the page and by the API."""

from pathlib import Path
from typing import Any

import pytest

from relayproxy.settings.model import Settings
from relayproxy.store.write.annotation_writer import AnnotationWriter
from relayproxy.store.write.audit import AuditEntry, add_entries
from tests.console.door import OTHER, console_on, settings_in, sign_in, status_of
from tests.databases import migrated


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    settings = settings_in(tmp_path / "data")
    migrated(settings.database)
    return settings


@pytest.fixture
def entries(writer: AnnotationWriter) -> None:
    made = [
        AuditEntry(1_700_000_000_000_000_000 + number, f"user{number % 2}", "view", f"s{number}", "192.0.2.1")
        for number in range(250)
    ]
    add_entries(writer, made)


async def test_the_api_pages_back_to_the_first_entry(settings: Settings, entries: None) -> None:
    async with console_on(settings) as client:
        await sign_in(client, "root", OTHER)
        seen: list[dict[str, Any]] = []
        cursor: str | None = ""
        while cursor is not None:
            async with client.get("/api/audit", params={"limit": "100", "before": cursor}) as response:
                page = await response.json()
            seen += page["items"]
            cursor = page["next"]
    assert [entry["subject"] for entry in seen] == [None, *(f"s{number}" for number in reversed(range(250)))]
    assert seen[0]["action"] == "sign_in"
    assert seen[-1] == {
        "at": "2023-11-14T22:13:20.000000Z",
        "at_ns": 1_700_000_000_000_000_000,
        "actor": "user0",
        "action": "view",
        "subject": "s0",
        "address": "192.0.2.1",
    }


async def test_entries_can_be_asked_for_by_who_what_and_which(settings: Settings, entries: None) -> None:
    async with console_on(settings) as client:
        await sign_in(client, "root", OTHER)
        for query, count in (
            ("actor=user1", 125),
            ("subject=s7", 1),
            ("action=sign_in", 1),
            ("actor=user1&subject=s8", 0),
        ):
            async with client.get(f"/api/audit?limit=1000&{query}") as response:
                assert len((await response.json())["items"]) == count


@pytest.mark.parametrize(
    "query", ["before=x", "before=-1", "before=1.0", "limit=0", "limit=1001", f"before={'9' * 30}"]
)
async def test_a_wrong_parameter_is_said(settings: Settings, query: str) -> None:
    async with console_on(settings) as client:
        await sign_in(client, "root", OTHER)
        assert await status_of(client, f"/api/audit?{query}") == 400


async def test_the_audit_is_for_admins(settings: Settings) -> None:
    async with console_on(settings) as client:
        await sign_in(client)
        assert await status_of(client, "/audit") == 403
        assert await status_of(client, "/api/audit") == 403


async def test_the_page_shows_entries_and_leads_to_older_ones(
    settings: Settings, writer: AnnotationWriter, entries: None
) -> None:
    add_entries(
        writer,
        [AuditEntry(1, "<b>\u202emallory", "view", "s1", "192.0.2.9"), AuditEntry(2, "", "sign_in_failed", "", "")],
    )
    async with console_on(settings) as client:
        await sign_in(client, "root", OTHER)
        async with client.get("/audit?actor=user1") as response:
            page = await response.text()
        assert page.count("<td>viewed</td>") == 100
        older = page.partition('rel="next" href="')[2].partition('"')[0].replace("&amp;", "&")
        assert older.startswith("/audit?actor=user1&before=")
        async with client.get(older) as response:
            assert (await response.text()).count("<td>viewed</td>") == 25
        async with client.get("/audit") as response:
            page = await response.text()
        async with client.get("/audit?actor=nobody") as response:
            assert "Nothing like that has been recorded." in await response.text()
    assert "<b>" not in page
    assert "\u202e" not in page
    assert "unknown name" in page
    assert '<a href="/sessions/s249"><code>s249</code></a>' in page
