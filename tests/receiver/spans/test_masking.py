"""What is kept of a span under each way of recording, and that secrets are not."""

from typing import Any, get_args

import msgspec
import pytest

from relayproxy.conversation.backend_span import BackendSpan, SpanDetail, SpanEvent, SpanLink
from relayproxy.receiver.spans.masking import is_plain, masked
from relayproxy.redaction.budget import BURST, SearchBudget
from relayproxy.redaction.rules import Rules
from relayproxy.redaction.values import Record, policy
from tests.store.build import span

CARD = "4111 1111 1111 1111"
DIALOG = '[{"role":"assistant","content":"What is your PIN?"},{"role":"user","content":"4711"}]'


def keep(one: BackendSpan, rules: Rules = Rules(), budget: SearchBudget | None = None) -> BackendSpan:  # noqa: B008
    return masked(one, rules, budget or SearchBudget(), 0)[0]


def value(name: str, value: Any, rules: Rules = Rules()) -> Any:  # noqa: B008 (an immutable value)
    return keep(span(1, detail=SpanDetail(attributes={name: value})), rules).detail.attributes.get(name)


def everywhere(text: str) -> BackendSpan:
    """A span with the text in each of its places."""
    attributes = {"input.value": text, "list": [text], "map": {"k": {"k": text}}, text: 1, "db.query.text": text}
    return span(
        1,
        name=text,
        service=text,
        scope=text,
        status="error",
        detail=SpanDetail(
            status_message=text,
            attributes=attributes,
            resource={"host": text},
            events=(SpanEvent(5, text, {"exception.message": text}),),
            links=(SpanLink("ab" * 16, "ab" * 8, {"a": text}),),
        ),
    )


def test_everything_is_kept_where_everything_is_recorded() -> None:
    assert keep(everywhere(CARD), Rules(record="full")) == everywhere(CARD)


@pytest.mark.parametrize("record", [one for one in get_args(Record) if one not in ("full", "none")])
def test_a_secret_is_kept_in_no_place(record: Record) -> None:
    found = msgspec.json.encode(keep(everywhere(f"my card is {CARD}"), Rules(record=record))).decode()

    assert "4111" not in found


@pytest.mark.parametrize(
    ("name", "given", "kept"),
    [
        ("tool.pin", "4711", "••••"),
        ("pin", 4711, "••••"),
        ("n", 4111111111111111, "••••••••••••1111"),
        ("input.value", "4711", "••••"),
        ("gen_ai.input.messages", DIALOG, DIALOG.replace("4711", "••••")),
        ("args", {"card": {"number": "4111111111111111"}}, {"card": {"number": "••••••••••••1111"}}),
        ("email", "jane@example.com", "◦◦◦◦@◦◦◦◦◦◦◦.◦◦◦"),
        ("net.peer.name", "4711", "••••"),
        ("input.value", "192.0.2.117", "•••.•.•.•••"),
    ],
)
def test_secrets_are_masked_by_what_they_are_and_by_the_name_of_their_attribute(
    name: str, given: Any, kept: Any
) -> None:
    assert value(name, given) == kept


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("gen_ai.usage.input_tokens", 123456),
        ("gen_ai.request.model", "gpt-4o-2024-08-06"),
        ("http.response.status_code", 503),
        ("twilio.call_sid", "CA" + "01234567" * 4),
        ("input.value", "a table for 2 at 1900, please"),
        ("server.port", 54321),
        ("server.address", "tables.example.com"),
        ("net.peer.ip", "192.0.2.117"),
        ("http.host", "192.0.2.117:43429"),
        ("ok", True),
        ("nothing", None),
        ("ms", 12.5),
    ],
)
def test_what_is_no_secret_stays(name: str, given: Any) -> None:
    assert value(name, given) == given


def test_fields_and_patterns_of_the_settings_hold() -> None:
    rules = Rules(policy=policy(["customer", "gen_ai.request.model"], ["order-[a-z]+"]))

    assert value("customer", "Jane", rules) == "◦◦◦◦"
    assert value("gen_ai.request.model", "gpt", rules) == "◦◦◦"
    assert value("input.value", "for order-abc", rules) == "for ◦◦◦◦◦-◦◦◦"


def test_metadata_keeps_names_models_counts_and_statuses() -> None:
    attributes = {
        "gen_ai.request.model": "gpt-4o",
        "gen_ai.usage.output_tokens": 12,
        "gen_ai.response.finish_reasons": ["stop"],
        "http.route": "/ws/{id}",
        "error.type": "TimeoutError",
        "input.value": "my name is Jane",
        "db.query.text": "select 'Jane'",
        "gen_ai.tool.name": "say: my name is Jane, and this is a sentence!",
        "gen_ai.agent.name": "1234567",
    }
    one = span(1, status="error", detail=SpanDetail("Jane", attributes, {"service.name": "agent", "host.name": "h"}))

    found = keep(one, Rules(record="metadata"))

    assert list(found.detail.attributes) == list(attributes)[:5]
    assert (found.detail.status_message, found.detail.resource) == ("", {"service.name": "agent"})
    assert (found.name, found.status, found.left_out) == ("chat gpt", "error", 5)
    assert "Jane" not in msgspec.json.encode(found).decode()


def test_beyond_what_is_searched_metadata_alone_is_kept_and_it_is_said() -> None:
    budget, long = SearchBudget(), span(1, detail=SpanDetail(attributes={"input.value": "x" * (BURST // 3)}))

    kept = [masked(long, Rules(), budget, 0) for _ in range(4)]

    assert [limited for _, limited in kept] == [False, False, True, True]
    assert [bool(found.detail.attributes) for found, _ in kept] == [True, True, False, False]


def test_a_number_is_plain_only_when_it_is_small() -> None:
    assert is_plain("gen_ai.usage.input_tokens", 999_999)
    assert not is_plain("gen_ai.usage.input_tokens", 4111111111111111)
    assert not is_plain("gen_ai.usage.input_tokens", {"a": 1})
