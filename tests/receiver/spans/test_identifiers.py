"""Ids of a call are found under whatever name a backend gives them."""

import pytest

from relayproxy.conversation.backend_span import SpanDetail
from relayproxy.receiver.spans.identifiers import LONGEST, MOST, ids_of
from tests.store.build import span

CALL = "CA" + "0123456789abcdef" * 2
SESSION = "VX" + "0123456789abcdef" * 2


@pytest.mark.parametrize(
    "name",
    [
        "call_sid", "callSid", "CallSid", "call.sid", "twilio.call_sid", "twilio.callSid", "twilio.call.sid",
        "gen_ai.conversation.id", "session.id", "conversation.id", "session_id", "sessionId", "langfuse.session.id",
        "conversation_id", "thread_id", "relay.session_sid",
    ],
)  # fmt: skip
def test_under_any_usual_name_on_the_span_or_its_resource(name: str) -> None:
    assert ids_of(span(1, detail=SpanDetail(attributes={name: "CA-1"}))) == ("CA-1",)
    assert ids_of(span(1, detail=SpanDetail(resource={name: "CA-1"}))) == ("CA-1",)


def test_by_their_form_under_any_name_and_within_urls() -> None:
    attributes = {"call": CALL, "url.path": f"/ws/{SESSION}?a=1", "text": f"call {SESSION[:-1]}f said", "n": 5}

    assert ids_of(span(1, detail=SpanDetail(attributes=attributes))) == (CALL, SESSION)


def test_the_surest_come_first() -> None:
    detail = SpanDetail(
        attributes={"url.query": f"call={CALL}", "x": SESSION, "session.id": "named"},
        resource={"session.id": "process"},
    )

    assert ids_of(span(1, detail=detail)) == ("named", SESSION, CALL, "process")


def test_few_of_many_are_looked_up_and_none_that_no_id_can_be() -> None:
    attributes = {f"a{number}.session.id": str(number) for number in range(50)}

    assert len(ids_of(span(1, detail=SpanDetail(attributes=attributes)))) == MOST
    odd = {"session.id": "x" * (LONGEST + 1), "call_sid": "", "thread.id": 7, "conversation.id": ["a"]}
    assert ids_of(span(1, detail=SpanDetail(attributes=odd))) == ()
