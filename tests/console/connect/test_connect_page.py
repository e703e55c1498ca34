"""The page of the URLs to paste: what the last call of a route tells, and checks that run on request."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from relayproxy.settings.model import Settings
from relayproxy.store.write.archive import Archive
from tests.console.conftest import Client, OpenPage
from tests.console.samples import Call, ago, booking
from tests.running import relay

ELSEWHERE = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}


@pytest.fixture(scope="module")
def relay_port() -> Iterator[int]:
    """A relay that is both what Twilio is given and the backend behind it."""
    with relay("ws://127.0.0.1:1") as process:
        yield process.port


@pytest.fixture
def settings(tmp_path: Path, relay_port: int) -> Settings:
    return Settings(
        data_dir=tmp_path / "data",
        backend=f"ws://127.0.0.1:{relay_port}/ws?key=secret",
        public_url=f"ws://127.0.0.1:{relay_port}",
        routes={"bookings": {"backend": "wss://bookings.example.invalid/ws"}},  # type: ignore[dict-item]
    )


async def known(client: Client, query: str = "") -> dict[str, Any]:
    async with client.get(f"/api/connect{query}") as response:
        assert response.status == 200
        body = await response.json()
        return {item["route"]: item for item in body["items"]}


async def test_what_the_last_call_of_a_route_tells(client: Client, archive: Archive) -> None:
    assert {item["last_call"] for item in (await known(client)).values()} == {None}
    booking(archive, ago(90)).commit()
    Call(archive, ago(60), opening={"request_headers": (("Host", "relay"),)}).setup().asks(2, "Hello?").commit()
    found = await known(client)
    assert found["bookings"]["last_call"]["events"] is True
    assert found["bookings"]["last_call"]["signed"] is True
    assert found["bookings"]["last_call"]["live"] is False
    assert found["default"]["last_call"]["events"] is False
    assert found["default"]["last_call"]["signed"] is False
    async with client.get("/connect") as response:
        page = await response.text()
    assert "Not signed: Twilio signs its requests" in page
    assert "key=secret" not in page
    assert "key=***" in page


async def test_nothing_is_sent_unless_it_is_asked_for(client: Client, archive: Archive) -> None:
    assert {item["checks"] for item in (await known(client)).values()} == {None}
    found = await known(client, "?check=1")
    default, bookings = found["default"]["checks"], found["bookings"]["checks"]
    assert (default["public"]["answered_by"], default["public"]["state"]) == ("relay", "ok")
    assert [step["name"] for step in default["backend"]["steps"]] == ["DNS", "TCP", "HTTP"]
    assert bookings["public"]["summary"] == "It leads to a relayproxy that takes calls."
    assert bookings["backend"]["steps"] == [
        {"name": "DNS", "state": "bad", "detail": "there is no host named bookings.example.invalid"}
    ]
    assert (await known(client))["default"]["checks"] == default, "it is kept for the next reader"


async def test_no_page_of_another_site_makes_this_machine_send_anything(client: Client, archive: Archive) -> None:
    async with client.get("/api/connect?check=1", headers=ELSEWHERE) as response:
        assert response.status == 403
        assert (await response.json())["error"]["code"] == "cross_origin"
    async with client.post("/connect/check", headers={"Origin": "https://evil.example"}) as response:
        assert response.status == 403
    assert {item["checks"] for item in (await known(client)).values()} == {None}


async def test_without_a_script_the_button_works_too(client: Client, archive: Archive) -> None:
    async with client.post("/connect/check") as response:
        assert response.status == 200
        assert "It leads to a relayproxy that takes calls." in await response.text()


def test_the_page_checks_and_shows_the_first_call(visit: OpenPage, archive: Archive) -> None:
    page = visit("/connect")
    calls = page.locator('[data-route="bookings"]')
    assert "Waiting for the first call" in calls.inner_text()
    page.get_by_role("button", name="Check the connections").click()
    page.get_by_text("It leads to a relayproxy that takes calls.").first.wait_for()
    assert "there is no host named bookings.example.invalid" in page.inner_text("main")
    call = Call(archive, ago(1), route="bookings").setup().commit()
    calls.get_by_text("A call is here").wait_for()
    assert page.locator("#said").inner_text() == "The first call is here on route bookings"
    assert calls.locator("a").get_attribute("href") == f"/sessions/{call.id}"
    call.asks(2, "Hello?").twilio(2.5, "info", name="agentSpeaking", value="on").hang_up(4).commit()
    calls.get_by_text("Its events were on").wait_for()
    calls.get_by_text("Last call").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
