"""What Health says of alerts."""

import pytest

from relayproxy.console.health.diagnosis.health_facts import AlertFacts
from relayproxy.settings.alerts import Severity
from tests.console.health.known import check, facts

RULES: dict[str, Severity] = {"full": "warning", "slow": "critical"}


@pytest.mark.parametrize(
    ("found", "state", "title", "detail"),
    [
        (None, "ok", "No alerts are set", "A table `[alerts.NAME]` of the settings sets one."),
        (AlertFacts(RULES), "ok", "No alert fires", "2 rules set"),
        (AlertFacts(RULES, ("slow",)), "warn", "1 alert fires", "slow."),
        (AlertFacts(RULES, ("full", "slow")), "warn", "2 alerts fire", "full, slow."),
        (
            AlertFacts(RULES, ("slow",), failed=1, retrying=2, webhooks=("ops",), answer="answered 401"),
            "warn",
            "The webhook ops does not take alerts",
            "Last, it answered 401; 2 messages to be sent again and 1 message given up in the last 24 hours. "
            "1 alert fires: slow.",
        ),
        (
            AlertFacts(RULES, failed=1, webhooks=("ops",), answer="no answer within 10 s"),
            "warn",
            "The webhook ops does not take alerts",
            "Last, it failed: no answer within 10 s; 1 message given up in the last 24 hours.",
        ),
        (
            AlertFacts(RULES, retrying=3, webhooks=("ops", "chat"), answer="answered 503"),
            "warn",
            "The webhooks chat, ops do not take alerts",
            "Last, ops answered 503; 3 messages to be sent again.",
        ),
    ],
)
def test_what_fires_and_what_is_not_taken(found: AlertFacts | None, state: str, title: str, detail: str) -> None:
    one = check("alerts", facts(alerts=found))

    assert (one.state, one.title, one.detail) == (state, title, detail)


def test_without_a_database_it_is_not_known() -> None:
    assert check("alerts", facts(alerts=AlertFacts(RULES), database=None)).state == "unknown"
