"""The banner of every page when nothing new is recorded, in a real browser."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from relayproxy.settings.model import Settings
from relayproxy.store.engine import open_engine
from relayproxy.store.read.health.heartbeat import HeartbeatWriter
from relayproxy.store.write.archive import Archive
from tests.console import samples
from tests.console.conftest import OpenPage
from tests.console.health.test_health_page import HEARTBEAT, PROCESS


@pytest.fixture
def heartbeat_writer(settings: Settings, archive: Archive) -> Iterator[HeartbeatWriter]:
    heartbeat_writer = HeartbeatWriter(open_engine(settings.database))
    yield heartbeat_writer
    heartbeat_writer.close()


def test_a_dead_recorder_is_told_on_the_page_and_forgotten_when_it_is_back(
    visit: OpenPage, archive: Archive, heartbeat_writer: HeartbeatWriter
) -> None:
    heartbeat_writer.write(PROCESS, HEARTBEAT, samples.ago(330))
    page = visit("/live")
    expect(page.locator("#stale")).to_contain_text("Nothing new has been recorded for 5 min")
    expect(page.get_by_text("Whether a call is live is not known.")).to_be_visible()
    expect(page.get_by_text("No call is live.")).to_be_hidden()
    health = page.get_by_role("navigation").get_by_role("link", name="Health")
    expect(health).to_have_attribute("data-state", "bad")
    height = page.locator("#wall").bounding_box()
    heartbeat_writer.write(PROCESS, HEARTBEAT)
    expect(page.locator("#stale")).to_be_hidden()
    expect(page.get_by_text("No call is live.")).to_be_visible()
    # Nothing has moved.
    after = page.locator("#wall").bounding_box()
    assert height is not None
    assert after is not None
    assert height["y"] == after["y"]
