"""Words in spans: what was said in a turn, and the first and last words of a session, as span attributes.

Knows: the names under which viewers look for content; the messages of the GenAI conventions.
Must not know: whether content may leave, which is a setting; redaction, which was done before anything was derived.

Phoenix and Langfuse read `input.value` and `output.value`, of a session those of root spans. Langfuse shows messages
as a chat only when they have nothing but a role and their parts.
"""

import json
from collections.abc import Iterable

import msgspec

from relayproxy.conversation.measures.attributes import AttributeValue
from relayproxy.conversation.model import Turn
from relayproxy.text import shortened

LONGEST = 16 * 1024
"""Characters of one attribute; what is longer is cut."""


class EndWords(msgspec.Struct, frozen=True):
    """The caller's first words in a session and the agent's last."""

    first: str = ""
    last: str = ""

    def after(self, turns: Iterable[Turn]) -> "EndWords":
        """The same when these turns have followed."""
        first, last = self.first, self.last
        for turn in turns:
            first, last = first or said(turn), turn.agent_text or last
        return EndWords(first[:LONGEST], last[:LONGEST])


def said(turn: Turn) -> str:
    """What the caller said in a turn, else what was pressed."""
    return turn.caller_text or turn.dtmf


def turn_content(turn: Turn) -> dict[str, AttributeValue]:
    """The words of a turn's span."""
    own: dict[str, str] = {
        "relayproxy.pii.caller_text": turn.caller_text,
        "relayproxy.pii.dtmf": turn.dtmf,
        "relayproxy.pii.agent_text": turn.agent_text,
        "relayproxy.pii.heard_text": turn.heard_text,
    }
    return {name: _cut(text) for name, text in own.items() if text} | _both(said(turn), turn.agent_text)


def session_content(words: EndWords) -> dict[str, AttributeValue]:
    """The words of the root span. Its kind keeps Phoenix from taking a span with messages for a model call."""
    found = _both(words.first, words.last)
    return found | {"openinference.span.kind": "CHAIN"} if found else found


def _both(asked: str, answered: str) -> dict[str, AttributeValue]:
    found: dict[str, AttributeValue] = {}
    if asked:
        found |= {"input.value": _cut(asked), "gen_ai.input.messages": _messages("user", asked)}
    if answered:
        found |= {"output.value": _cut(answered), "gen_ai.output.messages": _messages("assistant", answered)}
    return found


def _messages(role: str, text: str) -> str:
    message = {"role": role, "parts": [{"type": "text", "content": _cut(text)}]}
    return json.dumps([message], ensure_ascii=False, separators=(",", ":"))


def _cut(text: str) -> str:
    return shortened(text, LONGEST)
