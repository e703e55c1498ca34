"""What is sent: JSON in each format, signed, with the numbers and links, and nothing else."""

import hashlib
import hmac
import json
from dataclasses import replace
from typing import Any, get_args

import pytest

from relayproxy.alerts.payloads import ID, SIGNATURE, TIMESTAMP, Notice, headers_of, moment, render_payload
from relayproxy.settings.alerts import Endpoint, WebhookFormat

NOTICE = Notice(
    id="9c-trigger",
    event="trigger",
    dedup_key="relayproxy-9c",
    alert="slow",
    kind="p95_latency",
    severity="critical",
    route="sales",
    summary="p95 response latency of sales: 3.1 s, above 2.5 s (10 min, 45 answers)",
    value=3.1,
    worst=3.4,
    limit=2.5,
    samples=45,
    window_s=600,
    opened_at="2027-01-15T08:00:00Z",
    resolved_at=None,
    resolved_because=None,
    url="https://console.example.com/alerts",
    session_url="https://console.example.com/sessions/s1",
)
OVER = replace(
    NOTICE, id="9c-resolve", event="resolve", resolved_at="2027-01-15T08:09:00Z", resolved_because="all is well"
)


def sent(format: WebhookFormat, notice: Notice = NOTICE, secret: str | None = "nightingale") -> dict[str, Any]:
    found: dict[str, Any] = json.loads(
        render_payload(Endpoint("ops", format, "https://ops.example.com/x", secret), notice)
    )
    return found


def test_the_generic_one_is_the_notice_itself() -> None:
    found = sent("generic")

    assert found == {name: getattr(NOTICE, name) for name in Notice.__dataclass_fields__}


def test_pagerduty_gets_an_event_with_its_key_and_what_ends_it() -> None:
    begun, over = sent("pagerduty"), sent("pagerduty", OVER)

    assert (begun["routing_key"], begun["event_action"], begun["dedup_key"]) == (
        "nightingale",
        "trigger",
        "relayproxy-9c",
    )
    assert begun["payload"]["severity"] == "critical"
    assert begun["payload"]["custom_details"]["value"] == 3.1
    assert begun["payload"]["component"] == "sales"
    assert begun["links"][1] == {"href": "https://console.example.com/sessions/s1", "text": "Session"}
    assert (over["event_action"], over["dedup_key"]) == ("resolve", "relayproxy-9c")
    assert "component" not in sent("pagerduty", replace(NOTICE, route=None))["payload"]


def test_slack_gets_words_that_it_cannot_take_for_markup() -> None:
    found = sent("slack", replace(NOTICE, summary="<!channel> & so on"), None)

    assert found["text"] == "slow is firing: &lt;!channel&gt; &amp; so on"
    assert "&lt;!channel&gt; &amp; so on" in found["blocks"][0]["text"]["text"]
    assert "<https://console.example.com/alerts|Alerts>" in found["blocks"][1]["elements"][0]["text"]
    assert "is over" in sent("slack", OVER, None)["text"]


@pytest.mark.parametrize("format", get_args(WebhookFormat))
@pytest.mark.parametrize("text", ['"', "\\", "\n", "</script>", "{{ 7 * 7 }}", "日本", "' or \u2028"])
def test_odd_characters_arrive_as_they_are(format: WebhookFormat, text: str) -> None:
    found = sent(format, replace(NOTICE, summary=text, session_url=None))

    assert text in json.dumps(found, ensure_ascii=False) or json.dumps(text, ensure_ascii=False)[1:-1].replace(
        "<", "&lt;"
    ).replace(">", "&gt;") in json.dumps(found, ensure_ascii=False)


@pytest.mark.parametrize("format", ["generic", "slack"])
def test_the_secret_is_in_no_body_but_pagerdutys(format: WebhookFormat) -> None:
    assert "nightingale" not in json.dumps(sent(format))


def test_a_generic_one_is_signed_over_its_time_and_body() -> None:
    endpoint = Endpoint("ops", "generic", "https://ops.example.com", "nightingale")
    body = render_payload(endpoint, NOTICE)
    headers = headers_of(endpoint, NOTICE, body, 1_800_000_000)

    expected = hmac.new(b"nightingale", b"1800000000." + body, hashlib.sha256).hexdigest()
    assert headers[SIGNATURE] == f"v1={expected}"
    assert (headers[TIMESTAMP], headers[ID]) == ("1800000000", "9c-trigger")
    assert SIGNATURE not in headers_of(replace(endpoint, secret=None), NOTICE, body, 1)
    assert SIGNATURE not in headers_of(replace(endpoint, format="pagerduty"), NOTICE, body, 1)


def test_times_are_rfc_3339() -> None:
    assert moment(1_800_000_000_999_999_999) == "2027-01-15T08:00:00Z"
