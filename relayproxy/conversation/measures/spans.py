"""The span tree of a conversation, as plain values.

Knows: names, ids, times and links of spans. Sizes, times and ids only, unless content is asked for, and never a phone
number.
Must not know: OpenTelemetry, how the conversation was derived, what a span says of its numbers.

A session is one `conversation` with a `turn` for each turn (readers of voice traces look for that name; the one of the
GenAI conventions is in `gen_ai.operation.name`), and in a turn what its time went into:

    input_wait   `clientSpeaking` off → final prompt; begins before its turn, which begins with the prompt
    backend      prompt written to the backend → first speakable message of the answer read
    stream       first token → last token, written to Twilio
    playback     first sound → end of the speech or the interruption that stopped it

Between them lie `proxy_in`, `proxy_out` and `output_delay` of the budget, to the nanosecond. Nothing but `input_wait`
leaves its turn: what went on beyond it ends there and is marked `relayproxy.truncated`.

An interrupted turn links to the turn that cut it. With `trace_shape = "turn"` every turn is a trace of its own that
links to the session's, for viewers whose conversations span traces.
"""

from collections.abc import Iterable, Iterator
from hashlib import blake2b
from typing import Literal

import msgspec

from relayproxy.connection import Opening
from relayproxy.conversation.measures.attributes import (
    AttributeValue,
    end_reason,
    interruption_attributes,
    printable_id,
    session_attributes,
    turn_attributes,
)
from relayproxy.conversation.measures.content import EndWords, session_content, turn_content
from relayproxy.conversation.measures.parts import first_sentence_at, parts
from relayproxy.conversation.model import Conversation, Turn


class SpanEvent(msgspec.Struct, frozen=True):
    """A point in time on a span; `at` is wall nanoseconds."""

    name: str
    at: int
    attributes: dict[str, AttributeValue] = {}


class SpanLink(msgspec.Struct, frozen=True):
    """A reference to another span, whichever trace that is in."""

    trace_id: str
    span_id: str
    attributes: dict[str, AttributeValue] = {}


class SpanOptions(msgspec.Struct, frozen=True):
    """What spans are to be like."""

    trace_shape: Literal["session", "turn"] = "session"
    content: bool = False
    """They carry what was said, as far as it is recorded."""
    experimental: bool = False
    """They carry attributes of conventions that are drafts."""


class Span(msgspec.Struct, frozen=True):
    """One span; ids are lower-case hex (32 and 16 digits), times wall nanoseconds."""

    name: str
    trace_id: str
    span_id: str
    parent_span_id: str | None
    kind: Literal["server", "internal"]
    start: int
    end: int
    attributes: dict[str, AttributeValue]
    events: tuple[SpanEvent, ...] = ()
    error: str | None = None
    """A description when the span failed; its status is then ERROR."""
    links: tuple[SpanLink, ...] = ()


EVENTS = 4
"""Events of a turn at most: tracing systems are slow with many."""
_FAILED = {"backend_disconnect", "backend_connect_failed", "protocol_error", "proxy_error"}


def spans(
    conversation: Conversation,
    opening: Opening,
    version: str | None = None,
    options: SpanOptions = SpanOptions(),  # noqa: B008 (frozen)
    words: EndWords = EndWords(),  # noqa: B008 (frozen)
) -> tuple[Span, ...]:
    """Every span that is final now: settled turns with what is in them, and the root once the session has ended.
    Turns that the conversation no longer lists have none.

    `opening` is that of the session's first connection, `version` the backend's, `words` those of the whole session.
    Ids are deterministic: the same turn of the same session has the same id whenever it is asked for.
    """
    return tuple(_Tree(conversation, opening, version, options, words).spans())


class _Tree:
    """The spans of one conversation."""

    def __init__(
        self, conversation: Conversation, opening: Opening, version: str | None, options: SpanOptions, words: EndWords
    ) -> None:
        self._conversation = conversation
        self._opening = opening
        self._options = options
        self._content = options.content and conversation.record != "metadata"
        self._words = words
        session = printable_id(conversation.session_id or opening.connection_id)
        self._common: dict[str, AttributeValue] = {
            "gen_ai.conversation.id": session,
            "session.id": session,
            "conversation.id": session,
            "langsmith.metadata.thread_id": session,
            "gen_ai.agent.name": opening.route,
            "relayproxy.route": opening.route,
        }
        if opening.shadow_of is not None:
            self._common["relayproxy.shadow"] = True
        if opening.faults:
            self._common["relayproxy.faults"] = "; ".join(opening.faults)
        if conversation.call_sid is not None:
            self._common["twilio.call_sid"] = printable_id(conversation.call_sid)
        if version is not None:
            self._common["relayproxy.backend.version"] = version

    def spans(self) -> Iterator[Span]:
        conversation = self._conversation
        for turn in conversation.turns:
            if turn.number < conversation.settled_turns and turn.ended_at is not None:
                yield from self._of_turn(turn, turn.ended_at)
        if conversation.ended_at is not None:
            yield self._root(conversation.ended_at)

    def _root(self, end: int) -> Span:
        conversation, opening = self._conversation, self._opening
        error = conversation.outcome if conversation.outcome in _FAILED else None
        return Span(
            name="conversation",
            trace_id=opening.trace_id,
            span_id=opening.span_id,
            parent_span_id=opening.parent_span_id,
            kind="server",
            start=conversation.started_at,
            end=max(end, conversation.started_at),
            attributes=self._common
            | session_attributes(conversation)
            | _error(error)
            | (session_content(self._words) if self._content else {}),
            error=error,
        )

    def _of_turn(self, turn: Turn, end: int) -> Iterator[Span]:
        opening = self._opening
        error = self._conversation.outcome if _closed(turn) and self._conversation.outcome in _FAILED else None
        more: dict[str, AttributeValue] = turn_attributes(turn) | _error(error)
        reason = end_reason(turn) if self._options.experimental else None
        if reason is not None:
            more["gen_ai.agent.invocation.end_reason"] = reason
        span = Span(
            name="turn",
            trace_id=self._trace(turn),
            span_id=_id(opening, turn),
            parent_span_id=None if self._apart else opening.span_id,
            kind="internal",
            start=turn.started_at,
            end=max(end, turn.started_at),
            attributes=self._common | more | (turn_content(turn) if self._content else {}),
            events=_events(turn),
            error=error,
            links=tuple(self._links(turn)),
        )
        yield span
        for part in parts(turn):
            earliest = min(part.start, span.end) if part.name == "input_wait" else span.start
            start, until = (min(max(at, earliest), span.end) for at in (part.start, part.end))
            of_part: dict[str, AttributeValue] = {
                "turn.number": turn.number,
                "turn.was_interrupted": turn.interrupted,
            }
            if part.estimated:
                of_part["relayproxy.estimated"] = True
            if (start, until) != (part.start, part.end):
                of_part["relayproxy.truncated"] = True
            yield Span(
                name=part.name,
                trace_id=span.trace_id,
                span_id=_id(opening, turn, part.name),
                parent_span_id=span.span_id,
                kind="internal",
                start=start,
                end=until,
                attributes=self._common | of_part,
            )

    @property
    def _apart(self) -> bool:
        return self._options.trace_shape == "turn"

    def _trace(self, turn: Turn) -> str:
        return _hash(self._opening, turn, "trace", 16) if self._apart else self._opening.trace_id

    def _links(self, turn: Turn) -> Iterator[SpanLink]:
        if self._apart:
            yield SpanLink(self._opening.trace_id, self._opening.span_id, {"relayproxy.link": "session"})
        later = _cut_by(turn, self._conversation.turns)
        if later is not None:
            told: dict[str, AttributeValue] = {"relayproxy.link": "interrupted_by", "turn.number": later.number}
            yield SpanLink(self._trace(later), _id(self._opening, later), told)


def _cut_by(turn: Turn, turns: Iterable[Turn]) -> Turn | None:
    """The turn that cut the answer of this one: that of what the caller said or pressed, or of the backend's own next
    answer. None when the caller said nothing after all."""
    later = [one for one in turns if one.number > turn.number]
    cut = next((cut for cut in reversed(turn.interruptions) if cut.false_interruption is not True), None)
    if cut is None:
        return None
    if cut.kind == "preempt":
        return next((one for one in reversed(later) if one.started_at <= cut.at), None)
    return later[0] if later else None


def _closed(turn: Turn) -> bool:
    """True when the end of the session kept a turn from being answered, or from being answered in full."""
    return turn.cut_off or turn.null_reason == "session_closed"


def _error(kind: str | None) -> dict[str, AttributeValue]:
    return {} if kind is None else {"error.type": kind}


def _id(opening: Opening, turn: Turn, part: str = "") -> str:
    return _hash(opening, turn, part, 8)


def _hash(opening: Opening, turn: Turn, what: str, size: int) -> str:
    name = f"{opening.connection_id}/{turn.number}" + (f"/{what}" if what else "")
    return blake2b(name.encode(), digest_size=size).hexdigest()


def _events(turn: Turn) -> tuple[SpanEvent, ...]:
    events = []
    if turn.agent_at is not None:
        events.append(SpanEvent("first", turn.agent_at))
    sentence_at = first_sentence_at(turn)
    if sentence_at is not None:
        events.append(SpanEvent("first_sentence", sentence_at))
    if turn.agent_done_at is not None:
        events.append(SpanEvent("last", turn.agent_done_at))
    for cut in turn.interruptions[: EVENTS - len(events)]:
        events.append(SpanEvent("interrupt", cut.at, interruption_attributes(cut)))
    return tuple(sorted(events, key=lambda event: event.at))
