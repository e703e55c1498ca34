"""API documents of turns, interruptions and findings.

Knows: every field of these; of numbers, only beside which other fields they stand. Durations are milliseconds; `budget`
has its parts in nanoseconds, which sum exactly.
Must not know: HTTP; pages.
"""

from collections.abc import Iterable
from typing import Annotated, Literal

from msgspec import Meta

from relayproxy.console.calls.documents.number_fields import number_reader, with_numbers
from relayproxy.console.calls.findings import FindingView
from relayproxy.console.http.documents import DEPRECATED, Count, Document, Nanoseconds, Time, time_or_null
from relayproxy.console.http.times import rfc3339
from relayproxy.conversation.checks.findings import CATALOGUE, Severity
from relayproxy.conversation.measures.numbers import INTERRUPTION_NUMBERS, TURN_NUMBERS
from relayproxy.conversation.model import (
    Attribution,
    Budget,
    HeardBasis,
    Interruption,
    InterruptionKind,
    Mark,
    MarkKind,
    Match,
    OpenedBy,
    Played,
    Spoken,
    Tier,
    Turn,
)
from relayproxy.conversation.totals import NullReason
from relayproxy.conversation.words import HEARD_BASES, NULL_REASONS

_CODES = ", ".join(f"`{code}` ({entry.title.lower()})" for code, entry in CATALOGUE.items())
_REASONS = "; ".join(f"`{reason}`: {words.meaning}" for reason, words in NULL_REASONS.items())
_BASES = "; ".join(f"`{basis}`: {words.meaning}" for basis, words in HEARD_BASES.items())
Exact = Annotated[int, Meta(extra_json_schema={"format": "int64"})]
NullReasonCode = Annotated[NullReason, Meta(title="NullReason", description=f"Why a number is absent. {_REASONS}.")]


class BudgetDocument(Document, frozen=True):
    """The parts of the latency in nanoseconds, which sum exactly: the three inner ones to response_latency, all five
    to user_bot_latency."""

    input_delay_ns: Exact | None
    proxy_in_ns: Exact | None
    backend_ns: Exact | None
    proxy_out_ns: Exact | None
    output_delay_ns: Exact | None
    response_latency_ns: Exact | None
    user_bot_latency_ns: Exact | None


class PlayedDocument(Document, frozen=True):
    """A stretch of speech or media at the caller's ear."""

    started_at: Annotated[Time, Meta(description="When it began to be heard.")]
    started_at_ns: Nanoseconds
    ended_at: Annotated[Time | None, Meta(description="Null while it plays.")]
    ended_at_ns: Nanoseconds | None
    estimated: Annotated[bool, Meta(description="Start or end follow from the speaking rate.")]


class SpokenDocument(Document, frozen=True):
    """A stretch in which the caller spoke."""

    started_at: Annotated[Time, Meta(description="When the caller began to speak.")]
    started_at_ns: Nanoseconds
    ended_at: Annotated[Time, Meta(description="When they stopped.")]
    ended_at_ns: Nanoseconds
    estimated: Annotated[bool, Meta(description="Start or end follow from prompts, not from speaker events.")]


class MarkDocument(Document, frozen=True):
    """A single moment of a turn."""

    at: Annotated[Time, Meta(description="When it happened.")]
    at_ns: Nanoseconds
    kind: MarkKind
    text: str
    spoken: Annotated[tuple[SpokenDocument, ...], Meta(description="Of a prompt: the stretches in which it was said.")]


class FindingMessageDocument(Document, frozen=True):
    """The message that a finding points at."""

    connection: Annotated[str, Meta(description="Id of the connection.")]
    connection_index: Annotated[Count, Meta(description="Its place in the session, from 0.")]
    seq: Annotated[Count, Meta(description="Position in the connection.")]
    cursor: Annotated[str, Meta(description="The message as `after` of a list of messages names it.")]


class FindingDocument(Document, frozen=True):
    """Something in a session that needs attention."""

    code: Annotated[str, Meta(description=f"Of these, and of more to come: {_CODES}.")]
    severity: Annotated[Severity, Meta(description="How bad it is for the caller.")]
    title: Annotated[str, Meta(description="The code in a few words.")]
    detail: Annotated[str, Meta(description="What exactly was found here; may quote a little of what was said.")]
    meaning: Annotated[str, Meta(description="What it means for the caller.")]
    action: Annotated[str, Meta(description="What to do about it.")]
    at: Annotated[Time, Meta(description="When it happened.")]
    at_ns: Nanoseconds
    turn: Annotated[Count | None, Meta(description="Number of the turn.")]
    message: Annotated[FindingMessageDocument | None, Meta(description="The message that it points at.")]
    twilio_code: Annotated[int | None, Meta(description="The error that Twilio logs for it.")]


@with_numbers(
    INTERRUPTION_NUMBERS,
    behind={"attribution": "stale_chars", "still_streaming_at_close": "reaction_ms", "match": "unheard_ratio"},
)
class InterruptionDocument(Document, frozen=True):
    """The agent's speech was cut short."""

    at: Annotated[Time, Meta(description="When the agent's speech was stopped.")]
    kind: Annotated[
        InterruptionKind,
        Meta(description="The caller spoke, pressed a key, or the backend's own next message cut in."),
    ]
    heard_text: Annotated[str, Meta(description="What was heard of the current piece of speech, as Twilio says.")]
    attribution: Annotated[Attribution, Meta(description="How it is known which response was cut off.")]
    still_streaming_at_close: Annotated[bool, Meta(description="Stale text came until the session was over.")]
    false_interruption: Annotated[
        bool | None, Meta(description="The caller said nothing after all; null while that is not known.")
    ]
    match: Annotated[Match, Meta(description="How what was heard was found in what was sent.")]
    connection: Annotated[str | None, Meta(description="With `seq` the message that tells of it.")]
    seq: Count | None
    at_ns: Nanoseconds


@with_numbers(
    TURN_NUMBERS,
    behind={
        "null_reason": "response_latency_ms",
        "attribution": "longest_wait_ms",
        "budget": "user_bot_latency_ms",
        "reply_complete_estimated": "reply_complete_ms",
        "null_reasons": "lead_time_ms",
        "unterminated": "stalls",
        "unanswered": TURN_NUMBERS[-1].name,
    },
)
class TurnDocument(Document, frozen=True):
    """One exchange: what opened it, what the caller said or pressed, what the agent answered."""

    number: Annotated[Count, Meta(description="From 0; turn 0 is the greeting.")]
    opened_by: Annotated[OpenedBy, Meta(description="What opened it.")]
    tier: Annotated[Tier, Meta(description="B when speaker events and tokens-played were on, else A.")]
    started_at: Annotated[Time, Meta(description="When it was opened.")]
    started_at_ns: Nanoseconds
    ended_at: Annotated[Time | None, Meta(description="When it was over.")]
    ended_at_ns: Nanoseconds | None
    caller_text: Annotated[str, Meta(description="What the caller said: the final prompts, joined by a space.")]
    caller_at: Annotated[Time | None, Meta(description="When what was answered had arrived.")]
    caller_at_ns: Nanoseconds | None
    caller_begun_at: Annotated[Time | None, Meta(description="When the caller began to say it.")]
    caller_begun_at_ns: Nanoseconds | None
    caller_done_at: Annotated[Time | None, Meta(description="When the caller had said it.")]
    caller_done_at_ns: Nanoseconds | None
    caller_estimated: Annotated[bool, Meta(description="Either follows from the length of what was said.")]
    agent_text: Annotated[str, Meta(description="What the backend sent, stale text included.")]
    agent_at: Annotated[Time | None, Meta(description="When the first speakable message had been written to Twilio.")]
    agent_at_ns: Nanoseconds | None
    agent_done_at: Annotated[Time | None, Meta(description="When `last: true` had been written to Twilio.")]
    agent_done_at_ns: Nanoseconds | None
    heard_text: Annotated[str, Meta(description="What of it the caller heard.")]
    unheard_text: Annotated[str, Meta(description="What was sent and will never be heard.")]
    heard_basis: Annotated[HeardBasis | None, Meta(description=f"How that is known; null without text. {_BASES}.")]
    played: Annotated[
        tuple[PlayedDocument, ...], Meta(description="Stretches of speech and media at the caller's ear.")
    ]
    marks: Annotated[
        tuple[MarkDocument, ...],
        Meta(description="Single moments: prompts, keys, media, languages, digits; at most 64."),
    ]
    greeting: Annotated[str, Meta(description="In turn 0, what was played before any text of the backend.")]
    dtmf: Annotated[str, Meta(description="Keys that the caller pressed.")]
    sent_digits: Annotated[str, Meta(description="Keys that the backend had sent.")]
    media: Annotated[tuple[str, ...], Meta(description="Sources of `play` messages.")]
    languages: Annotated[tuple[str, ...], Meta(description="Languages that the backend switched speech to.")]
    lang: Annotated[str | None, Meta(description="Language of the final prompt.")]
    null_reason: Annotated[NullReasonCode | None, Meta(description="Why there is no response_latency_ms.")]
    attribution: Annotated[
        Attribution,
        Meta(
            description="inferred: several prompts waited at once, and the words of the replies tell which one this "
            "answers."
        ),
    ]
    budget: BudgetDocument
    reply_complete_estimated: Annotated[bool, Meta(description="reply_complete_ms follows from the speaking rate.")]
    null_reasons: Annotated[
        dict[str, NullReasonCode], Meta(description="Why a duration is null, by the duration's name.")
    ]
    first_kind: Annotated[Literal["text", "play"] | None, Meta(description="What the answer began with.")]
    unterminated: Annotated[bool, Meta(description="The turn is over and `last: true` never came.")]
    unanswered: Annotated[
        bool,
        Meta(description="The turn is over, and what was asked last got no speakable answer, digits or handoff."),
    ]
    asked_again: Annotated[
        bool,
        Meta(description="The caller spoke again without having been answered for the time of a slow turn."),
    ]
    cut_off: Annotated[bool, Meta(description="The connection failed while the answer was being sent.")]
    agent_over_caller: Annotated[bool, Meta(description="The agent began while the caller was speaking.")]
    interrupted: Annotated[bool, Meta(description="The answer was cut short.")]
    interruption: Annotated[InterruptionDocument | None, Meta(description="The first of `interruptions`."), DEPRECATED]
    interruptions: tuple[InterruptionDocument, ...]
    findings: tuple[FindingDocument, ...]


_turn_numbers = number_reader(TURN_NUMBERS)
_interruption_numbers = number_reader(INTERRUPTION_NUMBERS)


def turn_document(turn: Turn, findings: Iterable[FindingView]) -> TurnDocument:
    """One turn. A duration that is null has its reason in `null_reason` (response_latency_ms) or `null_reasons`."""
    interruptions = tuple(map(_interruption, turn.interruptions))
    return TurnDocument(
        number=turn.number,
        opened_by=turn.opened_by,
        tier=turn.tier,
        started_at=rfc3339(turn.started_at),
        started_at_ns=turn.started_at,
        ended_at=time_or_null(turn.ended_at),
        ended_at_ns=turn.ended_at,
        caller_text=turn.caller_text,
        caller_at=time_or_null(turn.caller_at),
        caller_at_ns=turn.caller_at,
        caller_begun_at=time_or_null(turn.caller_begun_at),
        caller_begun_at_ns=turn.caller_begun_at,
        caller_done_at=time_or_null(turn.caller_done_at),
        caller_done_at_ns=turn.caller_done_at,
        caller_estimated=turn.caller_estimated,
        agent_text=turn.agent_text,
        agent_at=time_or_null(turn.agent_at),
        agent_at_ns=turn.agent_at,
        agent_done_at=time_or_null(turn.agent_done_at),
        agent_done_at_ns=turn.agent_done_at,
        heard_text=turn.heard_text,
        unheard_text=turn.unheard_text,
        heard_basis=turn.heard_basis,
        played=tuple(map(_played, turn.played)),
        marks=tuple(map(_mark, turn.marks)),
        greeting=turn.greeting,
        dtmf=turn.dtmf,
        sent_digits=turn.sent_digits,
        media=turn.media,
        languages=turn.languages,
        lang=turn.lang,
        null_reason=turn.null_reason,
        attribution=turn.attribution,
        budget=_budget(turn.budget),
        reply_complete_estimated=turn.reply_complete_estimated,
        null_reasons=turn.null_reasons,
        first_kind=turn.first_kind,
        unterminated=turn.unterminated,
        unanswered=turn.unanswered,
        asked_again=turn.asked_again,
        cut_off=turn.cut_off,
        agent_over_caller=turn.agent_over_caller,
        interrupted=turn.interrupted,
        interruption=interruptions[0] if interruptions else None,
        interruptions=interruptions,
        findings=tuple(map(finding_document, findings)),
        **_turn_numbers(turn),
    )


def finding_document(view: FindingView) -> FindingDocument:
    """One finding with the words of its code."""
    finding, entry = view.finding, view.entry
    return FindingDocument(
        code=finding.code,
        severity=entry.severity,
        title=entry.title,
        detail=finding.detail,
        meaning=entry.meaning,
        action=entry.action,
        at=rfc3339(finding.at),
        at_ns=finding.at,
        turn=finding.turn,
        message=_message(view),
        twilio_code=finding.twilio_code,
    )


def _message(view: FindingView) -> FindingMessageDocument | None:
    finding = view.finding
    if view.cursor is None or view.index is None or finding.connection is None or finding.seq is None:
        return None
    return FindingMessageDocument(
        connection=finding.connection, connection_index=view.index, seq=finding.seq, cursor=view.cursor
    )


def _interruption(cut: Interruption) -> InterruptionDocument:
    return InterruptionDocument(
        at=rfc3339(cut.at),
        kind=cut.kind,
        heard_text=cut.heard_text,
        attribution=cut.attribution,
        still_streaming_at_close=cut.still_streaming_at_close,
        false_interruption=cut.false_interruption,
        match=cut.match,
        connection=cut.connection,
        seq=cut.seq,
        at_ns=cut.at,
        **_interruption_numbers(cut),
    )


def _budget(budget: Budget) -> BudgetDocument:
    return BudgetDocument(
        input_delay_ns=budget.input_delay,
        proxy_in_ns=budget.proxy_in,
        backend_ns=budget.backend,
        proxy_out_ns=budget.proxy_out,
        output_delay_ns=budget.output_delay,
        response_latency_ns=budget.response_latency,
        user_bot_latency_ns=budget.user_bot_latency,
    )


def _played(one: Played) -> PlayedDocument:
    return PlayedDocument(
        started_at=rfc3339(one.start),
        started_at_ns=one.start,
        ended_at=time_or_null(one.end),
        ended_at_ns=one.end,
        estimated=one.estimated,
    )


def _mark(mark: Mark) -> MarkDocument:
    return MarkDocument(
        at=rfc3339(mark.at), at_ns=mark.at, kind=mark.kind, text=mark.text, spoken=tuple(map(_spoken, mark.spoken))
    )


def _spoken(one: Spoken) -> SpokenDocument:
    return SpokenDocument(
        started_at=rfc3339(one.start),
        started_at_ns=one.start,
        ended_at=rfc3339(one.end),
        ended_at_ns=one.end,
        estimated=one.estimated,
    )
