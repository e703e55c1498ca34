"""Credentials in URLs and headers are kept of no span, however its route is recorded."""

from typing import Any, get_args

import msgspec
import pytest

from relayproxy.conversation.backend_span import SpanDetail, SpanEvent, SpanLink
from relayproxy.receiver.spans.credentials import without_credentials
from relayproxy.receiver.spans.masking import masked
from relayproxy.redaction.budget import SearchBudget
from relayproxy.redaction.rules import Rules
from relayproxy.redaction.values import Record
from tests.store.build import span

KEY = "kestrel"


def kept(name: str, value: Any) -> Any:
    one = span(1, detail=SpanDetail(attributes={name: value}))
    return without_credentials(one).detail.attributes[name]


@pytest.mark.parametrize(
    ("name", "told", "stored"),
    [
        ("http.url", f"ws://agent:8000/ws?token={KEY}&user=jane", "ws://agent:8000/ws?token=<redacted>&user=<redacted>"),
        ("http.target", f"/ws?{KEY}", "/ws?<redacted>"),
        ("url.full", f"https://jane:{KEY}@api.example.com/v1?key={KEY}", "https://<redacted>@api.example.com/v1?key=<redacted>"),
        ("url.query", f"key={KEY}&alt=sse", "key=<redacted>&alt=<redacted>"),
        ("tool.request.url", f"https://api.example.com/?key={KEY}", "https://api.example.com/?key=<redacted>"),
        ("http.request.header.authorization", [f"Bearer {KEY}"], "<redacted>"),
        ("http.request.header.x_api_key", [KEY], "<redacted>"),
        ("rpc.grpc.request.metadata.auth-token", [KEY], "<redacted>"),
    ],
)  # fmt: skip
def test_the_place_tells(name: str, told: Any, stored: Any) -> None:
    assert kept(name, told) == stored


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("url.full", "https://api.example.com/v1/chat"),
        ("url.query", ""),
        ("http.request.header.user-agent", ["agent/1.0"]),
        ("session.id", "VX1"),
        ("gen_ai.input.messages", "What is it? Tell me: a=b&c=d"),
        ("url", 5),
    ],
)
def test_everything_else_stays(name: str, told: Any) -> None:
    assert kept(name, told) == told


@pytest.mark.parametrize("record", [one for one in get_args(Record) if one != "none"])
def test_in_no_place_under_no_rules(record: Record) -> None:
    url = {"url.full": f"https://api.example.com/?key={KEY}"}
    detail = SpanDetail("", url, url, (SpanEvent(5, "called", url),), (SpanLink("ab" * 16, "ab" * 8, url),))

    found, _ = masked(span(1, detail=detail), Rules(record=record), SearchBudget(), 0)

    assert KEY not in msgspec.json.encode(found).decode()
