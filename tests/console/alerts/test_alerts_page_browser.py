"""The page of alerts in a real browser: it shows what is so now, and a rule is silenced with the keyboard alone."""

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from relayproxy.settings.model import Settings
from relayproxy.store.read.queries import Queries
from relayproxy.store.write.alert_store import (
    DeliveryState,
    Firing,
    alerts_before,
    claim,
    due,
    open_alert,
    resolve_alert,
    settle,
)
from relayproxy.store.write.annotation_writer import AnnotationWriter
from relayproxy.store.write.archive import Archive
from relayproxy.store.write.leases import take_lease
from tests.console.axe import complaints
from tests.console.conftest import OpenPage
from tests.console.look import LAPTOP, PHONE, WIDE, faults
from tests.console.samples import ago

LONG = "a" * 30 + "-" + "b" * 30
NEVER = 2**62
ALERTS: dict[str, Any] = {
    "slow": {"kind": "p95_latency", "above": 2.5, "route": "bookings", "severity": "critical"},
    "full": {"kind": "disk", "above": 0.9999},
    "gone": {"kind": "recorder_behind", "above": 60, "severity": "error"},
    LONG: {"kind": "failure_rate", "above": 0.05, "severity": "info"},
}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    hooks = {name: {"url": "http://127.0.0.1:1/"} for name in ("ops", "chat", "pager")}
    return Settings.model_validate(
        {
            "data_dir": tmp_path / "data",
            "backend": "ws://127.0.0.1:1",
            "listen": "127.0.0.1:1",
            "routes": {"bookings": {"backend": "ws://127.0.0.1:1/ws"}},
            "alerts": ALERTS,
            "webhooks": hooks,
        }
    )


@pytest.fixture(autouse=True)
def another_console_decides(archive: Archive, writer: AnnotationWriter) -> None:
    """So that the console of a test tells no webhook itself, and ends no alert."""
    with writer.writing() as db:
        assert take_lease(db, "alerts", "another", 0, NEVER)


def fire(writer: AnnotationWriter, queries: Queries, rule: str, *webhooks: str, at: int, **known: Any) -> int:
    """Opens an alert, of which every webhook but the first was told; gives its id."""
    kind = ALERTS[rule]["kind"]
    firing = Firing(
        rule, kind, ALERTS[rule].get("severity", "warning"), ALERTS[rule].get("route"), at,
        known.get("value", 3.1), ALERTS[rule]["above"], 600.0, 45, known.get("example"), known["summary"],
    )  # fmt: skip
    assert open_alert(writer, firing, webhooks)
    for delivery, _ in due(queries, at, 100):
        told: tuple[DeliveryState, str] = (
            known["first"] if delivery.webhook == webhooks[0] else ("sent", "answered 200")
        )
        assert claim(writer, delivery, NEVER)
        settle(writer, delivery, *told, at + 10**9, NEVER)
    return alerts_before(queries, 1)[0][0].id


@pytest.fixture
def filled(archive: Archive, writer: AnnotationWriter, queries: Queries) -> int:
    """An alert that is over, one that a webhook has not taken, and one that fires; gives the id of the last."""
    over = fire(
        writer,
        queries,
        "slow",
        "pager",
        "ops",
        at=ago(90_000),
        summary="p95 response latency of bookings: 3.1 s, above 2.5 s (10 min, 45 answers)",
        first=("sent", "answered 202"),
        example="s1",
    )
    resolve_alert(writer, over, ago(89_000), "well")
    for delivery, _ in due(queries, ago(0), 100):
        settle(writer, delivery, "sent", "answered 200", ago(88_990), NEVER)
    failed = fire(
        writer,
        queries,
        LONG,
        "ops",
        "chat",
        at=ago(4000),
        value=0.12,
        summary="share of failed calls: 12%, above 5% (10 min, 45 ended calls)",
        first=("failed", "cannot be reached (Connection refused)"),
    )
    assert failed > over
    return fire(
        writer,
        queries,
        "slow",
        "pager",
        "ops",
        at=ago(200),
        value=4.2,
        summary="p95 response latency of bookings: 4.2 s, above 2.5 s (10 min, 45 answers)",
        first=("pending", "answered 503"),
        example="s1",
    )


def test_what_changes_is_shown_and_what_is_new_is_offered(
    visit: OpenPage, filled: int, writer: AnnotationWriter, queries: Queries
) -> None:
    page = visit("/alerts")
    rule, row = page.locator("#rule-slow"), page.locator(f"[data-part=alert-{filled}]")
    expect(rule.get_by_text("firing")).to_be_visible()
    expect(row).to_contain_text("pager, began: tried again (answered 503)")
    rule.get_by_role("combobox").select_option("4 hours")

    resolve_alert(writer, filled, ago(0), "well")
    fire(writer, queries, "gone", "ops", at=ago(0), summary="recorder behind the calls: 90 s", first=("sent", ""))
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(rule.get_by_text("firing")).to_have_count(0)
    expect(row).to_contain_text("over, since all is well again")
    expect(page.locator("#rule-gone").get_by_text("firing")).to_be_visible()
    expect(page.locator("#said")).to_have_text(f"Firing: gone, {LONG}")
    expect(rule.get_by_role("combobox")).to_have_value("240")

    page.get_by_role("link", name="1 new alert").click()
    expect(page.locator("tbody tr").first).to_contain_text("recorder behind the calls: 90 s")
    expect(page.locator("#fresh")).to_be_hidden()


def test_a_first_alert_is_shown(visit: OpenPage, archive: Archive, writer: AnnotationWriter, queries: Queries) -> None:
    page = visit("/alerts")
    expect(page.get_by_text("No alert has fired.")).to_be_visible()
    fire(writer, queries, "gone", "ops", at=ago(0), summary="recorder behind the calls: 90 s", first=("sent", ""))
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(page.locator("tbody tr")).to_have_count(1)


def test_a_rule_is_silenced_with_the_keyboard_nothing_is_cut_off_and_everybody_can_use_it(
    visit: OpenPage, filled: int
) -> None:
    page = visit("/alerts")
    page.get_by_role("button", name="Pause").focus()
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Silence slow")).to_be_focused()
    page.keyboard.press("Enter")
    rule = page.locator("#rule-slow")
    expect(rule).to_contain_text("Silenced by local until")

    # Back at the rule, not at the top of the page, once the browser has gone to what the address names.
    page.wait_for_load_state()
    expect(page.locator("#rule-slow:target")).to_have_count(1)
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="End the silence of slow")).to_be_focused()
    page.keyboard.press("Enter")
    expect(rule.get_by_role("combobox")).to_be_visible()
    page.wait_for_load_state()
    expect(page.locator("#rule-slow:target")).to_have_count(1)
    page.keyboard.press("Tab")
    expect(rule.get_by_role("combobox")).to_be_focused()

    page.locator("#rule-full").get_by_role("button").click()
    assert complaints(page) == []
    for size in (PHONE, LAPTOP, WIDE):
        page.set_viewport_size(size)
        assert faults(page) == []
