"""What is measured of a call stays right when its words are masked: its times, offsets and lengths."""

from typing import Any

import msgspec
import pytest

from relayproxy.conversation.fold.fold import Fold
from relayproxy.conversation.message import Message
from relayproxy.conversation.model import Conversation, Turn
from relayproxy.redaction.rules import Rules
from relayproxy.redaction.values import policy
from tests.recordings import NAMES, recording
from tests.redaction.conversation import stored

HIDING = Rules(policy=policy([], ["[A-Za-z]+ [a-z]+", "I heard", "key"]))
"""Rules that mask many words, so that much is compared."""
WORDS = ("caller_text", "agent_text", "heard_text", "unheard_text", "greeting", "dtmf", "sent_digits")
"""Fields of a turn that are words: of them the lengths are compared."""


def folded(messages: list[Message], session: Any) -> Conversation:
    fold = Fold()
    opening = session.opening()
    fold.open(opening)
    for message in messages:
        fold.feed(opening.connection_id, message)
    fold.end(opening.connection_id, session.ending())
    return fold.conversation()


def numbers(turn: Turn) -> dict[str, Any]:
    known = msgspec.structs.asdict(turn)
    return {
        name: len(value) if name in WORDS else value
        for name, value in known.items()
        if name not in ("findings", "marks", "interruptions")
    } | {"interruptions": [(one.kind, one.at) for one in turn.interruptions], "marks": [mark.at for mark in turn.marks]}


@pytest.mark.parametrize("rules", [Rules(), HIDING, Rules(record="metadata")], ids=["redacted", "hiding", "metadata"])
@pytest.mark.parametrize("name", NAMES)
def test_a_recorded_call_measures_the_same(name: str, rules: Rules) -> None:
    for session in recording(name).sessions:
        messages = session.messages()
        masked = stored(messages, rules)
        assert [one.seq for one in masked] == [one.seq for one in messages]
        plain, hidden = folded(messages, session), folded(masked, session)
        assert [*map(numbers, hidden.turns)] == [*map(numbers, plain.turns)]
        totals: dict[str, Any] = {"findings": {}, "redacted": {}}
        assert msgspec.structs.replace(hidden.totals, **totals) == msgspec.structs.replace(plain.totals, **totals)
        assert (hidden.outcome, hidden.studio_transition) == (plain.outcome, plain.studio_transition)
