"""Alerts and webhooks of the settings: what is read, what is refused and how, and that no secret is ever repeated."""

from pathlib import Path

import pytest

from relayproxy.errors import SettingError
from relayproxy.settings.alerts import (
    MOST,
    PAGERDUTY,
    Alert,
    Webhook,
    alert_variables,
    duration,
    endpoint,
    endpoints,
    require_alerts,
    told_webhooks,
)
from relayproxy.settings.loading import as_environment, load
from relayproxy.settings.model import alert_routes
from tests.settings.problems import problems_of

CANARY = "https://hooks.example.com/services/T0/B0/nightingale"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("10m", 600), ("1.5h", 5400), ("1d", 86_400), ("2.5", 2.5), ("5e-05", 0.00005), (repr(1 / 3), 1 / 3)],
)
def test_times_may_have_a_unit(text: str, seconds: float) -> None:
    assert duration(text) == seconds
    assert duration(seconds) == seconds


def test_they_are_read_from_a_file_and_the_environment(tmp_path: Path) -> None:
    file = tmp_path / "relayproxy.toml"
    file.write_text(
        'backend = "wss://agent.example.com"\n'
        '[routes.sales]\nbackend = "wss://sales.example.com"\n'
        '[alerts.slow]\nkind = "p95_latency"\nabove = 2.5\nwindow = "5m"\nroute = "sales"\nwebhooks = ["ops"]\n'
        '[webhooks.ops]\nurl = "https://ops.example.com/hook"\nsecret = "env:OPS_KEY"\n'
    )
    settings = load(file, {}, {"RELAYPROXY_ALERTS__quiet__KIND": "no_calls", "RELAYPROXY_ALERTS__quiet__ABOVE": "2h"})

    assert settings.alerts["slow"] == Alert(kind="p95_latency", above=2.5, window=300, route="sales", webhooks="ops")
    assert settings.alerts["quiet"].above == 7200
    assert load(None, {}, as_environment(settings)) == settings
    assert alert_routes(settings) == ("default", "sales")
    require_alerts(settings.alerts, settings.webhooks, alert_routes(settings), {"OPS_KEY": "k"})


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        (
            {"ALERTS__slow__KIND": "p99", "ALERTS__slow__ABOVE": "1"},
            "alerts.slow.kind=p99 (RELAYPROXY_ALERTS__slow__KIND)",
        ),
        ({"ALERTS__slow__KIND": "gaps"}, "alerts.slow.above is not set: The limit"),
        ({"ALERTS__slow__KIND": "gaps", "ALERTS__slow__ABOVE": "soon"}, "a number, or a time such as 90s, 10m or 2h"),
        ({"ALERTS__s__KIND": "gaps", "ALERTS__s__ABOVE": "1", "ALERTS__s__WINDOW": "5s"}, "alerts.s.window=5s"),
        ({"ALERTS__a b__KIND": "gaps", "ALERTS__a b__ABOVE": "1"}, "a name of 1 to 64 letters"),
    ],
)
def test_a_wrong_value_is_named_with_what_is_expected(environ: dict[str, str], expected: str) -> None:
    (problem,) = problems_of(None, None, **{f"RELAYPROXY_{name}": value for name, value in environ.items()})

    assert expected in problem


@pytest.mark.parametrize(
    "environ",
    [
        {"WEBHOOKS__ops__URL": CANARY.replace("https", "ftp")},
        {"WEBHOOKS__ops__URL": CANARY.replace("https://", "https://user:nightingale@")},
        {"WEBHOOKS__ops__SECRET": "nightingale"},
        {"WEBHOOKS__ops__ULR": CANARY},
        {"WEBHOOKS__ops__SECRETS": "nightingale"},
    ],
)
def test_a_secret_in_the_wrong_place_is_not_repeated(environ: dict[str, str]) -> None:
    (problem,) = problems_of(None, None, **{f"RELAYPROXY_{name}": value for name, value in environ.items()})

    assert "nightingale" not in problem
    assert "webhooks.ops" in problem


@pytest.mark.parametrize(
    ("alert", "expected"),
    [
        (Alert(kind="failure_rate", above=5), "alerts.one.above=5: a share from 0 to 1 is expected"),
        (Alert(kind="disk", above=0.9, route="sales"), "alerts.one.route=sales: no route is expected with disk"),
        (Alert(kind="gaps", above=0, route="slaes"), "one of the routes is expected: default, sales"),
        (Alert(kind="gaps", above=0, webhooks="pos"), r"there is no \[webhooks.pos\]"),
    ],
)
def test_what_does_not_fit_together_stops_the_start(alert: Alert, expected: str) -> None:
    with pytest.raises(SettingError, match=expected):
        require_alerts({"one": alert}, {"ops": Webhook(url="https://ops.example.com")}, ("default", "sales"), {})


def test_there_is_an_end_to_how_many_there_are() -> None:
    many = {f"a{number}": Alert(kind="gaps", above=0) for number in range(MOST + 1)}

    with pytest.raises(SettingError, match=f"alerts: at most {MOST} are expected, and there are {MOST + 1}"):
        require_alerts(many, {}, ("default",), {})


def test_secrets_are_where_their_references_lead(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("r0uting\n")
    webhooks = {
        "chat": Webhook(format="slack", url="env:SLACK"),
        "pager": Webhook(format="pagerduty", secret=f"file:{tmp_path}/key"),
    }
    found = endpoints(webhooks, {"SLACK": CANARY})

    assert (found["chat"].url, found["chat"].place) == (CANARY, "https://hooks.example.com")
    assert (found["pager"].url, found["pager"].secret) == (PAGERDUTY, "r0uting")
    assert "nightingale" not in repr(found)
    assert "r0uting" not in repr(found)
    assert alert_variables(webhooks) == {"SLACK"}


@pytest.mark.parametrize(
    ("webhook", "expected"),
    [
        (Webhook(), "webhooks.ops.url is not set"),
        (Webhook(url="env:NONE"), "webhooks.ops.url=env:NONE: the environment variable"),
        (Webhook(url="env:WORDS"), "a URL that begins with https:// is expected there"),
        (Webhook(url="file:/nowhere/at/all"), "No such file"),
        (Webhook(url=CANARY, format="slack"), "a reference such as env:NAME or file:PATH is expected"),
        (Webhook(url="env:SLACK", format="slack", secret="env:SLACK"), "none is expected with slack"),
        (Webhook(format="pagerduty"), "where the integration key of PagerDuty is"),
        (
            Webhook(url=CANARY, secret="env:NONE"),
            "webhooks.ops.secret=env:NONE: the environment variable",
        ),
    ],
)
def test_a_webhook_that_cannot_be_called_stops_the_start(webhook: Webhook, expected: str) -> None:
    with pytest.raises(SettingError, match=expected) as caught:
        endpoint("ops", webhook, {"SLACK": CANARY, "WORDS": "nightingale"})
    assert "nightingale" not in str(caught.value)


def test_an_alert_is_told_to_all_webhooks_unless_it_names_some() -> None:
    assert told_webhooks(Alert(kind="gaps", above=0), ("a", "b")) == ("a", "b")
    assert told_webhooks(Alert(kind="gaps", above=0, webhooks="b"), ("a", "b")) == ("b",)
