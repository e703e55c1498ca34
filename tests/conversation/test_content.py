"""Content is told apart from numbers, and every field that may hold words is one or the other."""

import types
from collections.abc import Iterator
from typing import Any, get_args, get_origin, get_type_hints

import msgspec
import pytest

from relayproxy.connection import Opening, SignatureCheck, signature_state
from relayproxy.conversation.content import CONTENT, as_code, without_content
from relayproxy.conversation.fold.fold import Fold
from relayproxy.conversation.model import Conversation, Turn
from tests.script import script

KEPT = {
    Conversation: {
        "session_id", "call_sid", "account_sid", "direction", "closed_by", "strip", "record",
    },
    Opening: {"connection_id", "trace_id", "span_id", "parent_span_id", "route", "backend", "shadow_of", "faults"},
    SignatureCheck: {"form", "key"},
    Turn: {"lang", "languages"},
}  # fmt: skip
"""What may hold any text and stays: ids, codes, and the address of the backend."""


def parts(hint: Any) -> Iterator[Any]:
    if get_origin(hint) in (types.UnionType, tuple, dict) or str(get_origin(hint)) == "typing.Union":
        for part in get_args(hint):
            yield from parts(part)
    else:
        yield hint


def structs(kind: type[msgspec.Struct]) -> Iterator[type[msgspec.Struct]]:
    yield kind
    for hint in get_type_hints(kind).values():
        for part in parts(hint):
            if isinstance(part, type) and issubclass(part, msgspec.Struct):
                yield from structs(part)


ALL = sorted({*structs(Conversation), *structs(Turn), *structs(Opening)}, key=lambda kind: kind.__name__)


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)
def test_every_field_that_may_hold_words_is_content_or_known_to_stay(kind: type[msgspec.Struct]) -> None:
    wordy = {
        name
        for name, hint in get_type_hints(kind).items()
        if {str, Any, dict} & {part for part in parts(hint) if not get_origin(part)}
    }
    codes = {
        "record",
        "redacted",
        "code",
        "connection",
        "reason_code",
        "findings",
        "excluded",
        "interruptions",
        "silence",
        "null_reasons",
    }

    assert wordy - CONTENT.get(kind, {}).keys() - KEPT.get(kind, set()) - codes == set(), "is it content?"


def test_a_call_keeps_its_numbers_and_loses_its_words() -> None:
    call = script("""
        0.000  twilio   setup sessionId=VX1 callSid=CA1 from=+15550100001 callerName=Quentin
        1.200  twilio   prompt "my name is Quentin" last
        1.950  backend  text "Hello Quentin, "
        2.010  backend  text "how are you Quentin?" last
        2.400  twilio   interrupt "Hello Quentin" 460
        3.000  twilio   dtmf 4
    """)

    bare = without_content(call)
    turns = [without_content(turn) for turn in call.turns]

    told = msgspec.json.encode([bare, turns]).decode()
    assert "Quentin" in msgspec.json.encode(call).decode()
    assert "Quentin" not in told
    assert "+15550100001" not in told
    assert [turn.response_latency_ms for turn in turns] == [turn.response_latency_ms for turn in call.turns]
    assert [len(turn.interruptions) for turn in turns] == [len(turn.interruptions) for turn in call.turns]
    assert (bare.session_id, bare.totals, bare.strip) == ("VX1", call.totals, call.strip)


def test_whether_a_connection_was_signed_is_known_without_its_headers() -> None:
    known = {"connection_id": "a", "trace_id": "b", "span_id": "c", "route": "", "backend": "", "opened_at": 1}
    opening = Opening(target="/x", peer="203.0.113.9:1", request_headers=(("X-Twilio-Signature", "s"),), **known)  # type: ignore[arg-type]

    bare = without_content(opening)

    assert bare.request_headers == ()
    assert signature_state(bare) == signature_state(opening) == "unchecked"


def test_a_code_is_told_from_a_sentence_and_a_number() -> None:
    assert as_code("live-agent") == "live-agent"
    assert as_code("call me on 5550100001") is None
    assert as_code("15550100001") is None
    assert as_code(None) is None


def test_nothing_is_lost_of_a_conversation_without_content() -> None:
    empty = Fold().conversation()

    assert without_content(empty) == empty
