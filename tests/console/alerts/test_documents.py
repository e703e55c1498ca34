"""Documents of alerts say what is known of them, and null where nothing is."""

import pytest

from relayproxy.alerts.rules import UNKNOWN, Measured, Rule
from relayproxy.console.alerts.documents import alert_document, rule_document
from relayproxy.settings.alerts import Alert
from relayproxy.store.write.alert_store import AlertRow, Delivery, Silence
from tests.store.build import NOON

RULE = Rule("slow", Alert(kind="p95_latency", above=2.0, min_samples=5))
ROW = AlertRow(
    7, "9c", "slow", "p95_latency", "warning", None, NOON, None, None, None, 3.1, 4.2, 2.0, 600.0, 45, None, "p95: 3.1"
)  # fmt: skip


def test_an_alert_that_fires_has_no_end_and_what_waits_no_answer() -> None:
    found = alert_document(ROW, (Delivery(7, "trigger", "ops", "pending", 0, NOON, NOON, ""),))

    assert (found.resolved_at, found.resolved_at_ns, found.session, found.route) == (None, None, None, None)
    assert (found.opened_at, found.worst) == ("2027-01-15T08:00:00.000000Z", 4.2)
    assert [(one.webhook, one.state, one.answer) for one in found.deliveries] == [("ops", "pending", None)]


@pytest.mark.parametrize(
    ("measured", "state"),
    [(Measured(3.0, 5), "firing"), (Measured(3.0, 4), "few"), (Measured(1.9, 9), "between"), (UNKNOWN, "unknown")],
)
def test_a_rule_says_what_its_value_means(measured: Measured, state: str) -> None:
    found = rule_document(RULE, ("ops",), measured, False, Silence("slow", NOON, NOON + 1, "alice"))

    assert (found.state, found.value, found.samples) == (state, measured.value, measured.samples)
    assert found.silence is not None
    assert (found.silence.by, found.silence.until_ns) == ("alice", NOON + 1)
