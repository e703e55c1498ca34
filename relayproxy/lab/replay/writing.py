"""Writing a script: the caller's acts of a recorded call, each with what of the agent's side came before it.

Knows: how to tell from the recording what the caller had heard when an act began.
Must not know: masks of content that was not stored; how a script is performed.

What Twilio reports of the agent's voice comes from the simulated Twilio when the script is performed. Here it only
tells when the agent was heard, and the fold has read that from it.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Literal, NamedTuple, Protocol, TypeVar

import msgspec

from relayproxy.conversation.model import Conversation, Played
from relayproxy.conversation.protocol.messages import (
    End,
    Event,
    Info,
    Interrupt,
    Play,
    Prompt,
    SendDigits,
    Setup,
    Text,
)
from relayproxy.lab.replay.deeds import Drop, HangUp, Key, Utterance
from relayproxy.lab.replay.reading import BARGE_IN_MS, MS, Begun, Seen, lost, milliseconds, reconnections, spoken
from relayproxy.lab.replay.script import Act, Anchor, Parties, Reply, Script
from relayproxy.lab.twilio.speech import MS_PER_CHARACTER
from relayproxy.lab.twilio.twiml import Input, TwiML
from relayproxy.recordings.call import RecordedCall
from relayproxy.text import mended

PAUSE_MS = 1500
"""A shorter pause of the agent is one within what it says."""
CUT_MS = 500
"""The caller spoke into the agent's speech, rather than at its end, when so much of it still came."""


def write_script(call: RecordedCall, messages: Sequence[Seen]) -> Script:
    """The script of a recorded call; `messages` are its text messages in order, as `seen` tells them."""
    conversation = call.conversation
    acts = sorted([*spoken(call, messages), *reconnections(call)], key=lambda one: one.at)
    course = _Course(messages, conversation)
    if conversation.outcome == "caller_hangup" and conversation.ended_at is not None:
        acts = [one for one in acts if one.at <= conversation.ended_at]
        acts.append(Begun(HangUp(), conversation.ended_at, conversation.ended_at))
    elif (gone := lost(call)) is not None:
        acts.append(Begun(Drop(), gone, gone))
    written: list[Act] = []
    began = over = conversation.started_at
    for one in acts:
        anchor = course.anchor(one, began, over)
        written.append(Act(one.deed, anchor, course.reply(began, one.at), course.turn(one.at)))
        began, over = one.at, one.over
    end = conversation.ended_at or (messages[-1].at if messages else began)
    by_caller = bool(acts) and isinstance(acts[-1].deed, HangUp | Drop)
    ending = None if by_caller else course.anchor(Begun(HangUp(), end, end), began, over)
    return Script(
        name=conversation.session_id or call.header.session_id or call.header.id,
        parties=_parties(messages),
        parameters=_parameters(messages),
        twiml=_twiml(call, messages, acts, course),
        acts=tuple(written),
        last=Reply() if by_caller else course.reply(began, end + 1),
        last_turn=course.turn(end + 1),
        longest_wait_ms=max((turn.longest_wait_ms or 0 for turn in conversation.turns), default=0),
        ending=ending,
    )


class _Report(NamedTuple):
    """Something that Twilio reported of the agent's voice."""

    at: int
    text: str


class _Course:
    """The agent's side in the course of the call. All that is in it is in order of time."""

    def __init__(self, messages: Sequence[Seen], conversation: Conversation) -> None:
        self._sent = [one for one in messages if one.message.sender == "backend"]
        self._sounding = [one for one in self._sent if _sounds(one.event)]
        self._played = _reports(messages, "tokensPlayed")
        self._speaking = _reports(messages, "agentSpeaking")
        self._silences = [one for one in self._speaking if one.text == "off"]
        turns = conversation.turns
        self._turns = sorted((turn.started_at, turn.number) for turn in turns)
        self._begins = turns[0].started_at if turns else 0
        self._greeted = any(turn.greeting for turn in turns[:1])
        self.spans = sorted((span for turn in turns for span in turn.played), key=lambda span: span.start)

    def turn(self, at: int) -> int:
        """The number of the turn that is under way just before a moment."""
        place = bisect_left(self._turns, (at, 0))
        return self._turns[place - 1][1] if place else 0

    def reply(self, since: int, until: int) -> Reply:
        """What the agent sent from one moment to another."""
        texts, other, open_ = list[str](), list[str](), False
        for event in (one.event for one in _between(self._sent, since, until)):
            match event:
                case Text(token, last):
                    if open_:
                        texts[-1] += token
                    else:
                        texts.append(token)
                    open_ = last is not True
                case Play() | SendDigits() | End():
                    other.append(str(event.__struct_config__.tag))
        return Reply(mended(" ".join(" ".join(texts).split())), tuple(other))

    def anchor(self, act: Begun, began: int, over: int) -> Anchor:
        """When an act began; the one before it lasted from `began` to `over`."""
        first = next((one.at for one in _between(self._sounding, began, act.at)), None)
        spans = self._spans(began, act.at)
        if first is None and not spans and not (self._greeted and began <= self._begins):
            return Anchor("act", milliseconds(act.at - over))
        pauses = tuple(_pauses(spans))
        if act.interrupt is not None:
            return self._heard(act.interrupt, pauses)
        sounding = self._sounding_since(act, began, first, spans)
        if sounding is not None:
            return Anchor("heard", chars=self._chars(sounding, act.at), pauses_ms=pauses)
        ends = [span.end for span in spans if span.end is not None and span.end <= act.at]
        ends += [one.at for one in _between(self._silences, over, act.at)]
        if not ends and not spans and first is not None and self._speaking:
            return Anchor("answer_begins", milliseconds(act.at - first))
        sent = _before(self._sent, act.at)
        quiet = max(ends, default=over if sent is None else sent.at)
        return Anchor("quiet", milliseconds(act.at - max(quiet, over)), pauses_ms=pauses)

    def _sounding_since(self, act: Begun, began: int, first: int | None, spans: Sequence[Played]) -> int | None:
        """When the speech began that the agent is in the middle of when an act begins; None when it is quiet then."""
        if self._speaking:
            said = _before(self._speaking, act.at)
            return said.at if said is not None and said.text == "on" and said.at >= began else None
        if isinstance(act.deed, HangUp | Drop) and first is not None:
            # Nothing tells but how long it takes to say what was sent.
            takes = len(self.reply(began, act.at).text) * MS_PER_CHARACTER * MS
            start = spans[-1].start if spans else first
            return start if act.at < start + takes else None
        return next((span.start for span in spans if act.at < (span.end or 0) and not span.estimated), None)

    def _heard(self, interrupt: Seen, pauses: tuple[int, ...]) -> Anchor:
        event = interrupt.event
        assert isinstance(event, Interrupt)
        text = event.utterance_until_interrupt or ""
        playing = next(iter(self._spans(0, interrupt.at + 1)[-1:]), None)
        if not text and playing is not None and self._media(playing):
            return Anchor("heard", media_ms=milliseconds(interrupt.at - playing.start), pauses_ms=pauses)
        start = interrupt.at if playing is None else playing.start
        played = [one.text for one in _between(self._played, start, interrupt.at + 1)]
        if played and played[-1].strip() == text.strip():  # what was cut off is reported as played just before
            played.pop()
        return Anchor("heard", chars=max(1, sum(map(len, played)) + len(text)), pauses_ms=pauses)

    def _media(self, span: Played) -> bool:
        before = _before(self._sounding, span.start + 1)
        return before is not None and isinstance(before.event, Play)

    def _chars(self, start: int, at: int) -> int:
        """The characters that were heard from the beginning of speech to a moment within it."""
        played = _between(self._played, start, at + 1)
        since = played[-1].at if played else start
        return max(1, sum(len(one.text) for one in played) + milliseconds(at - since) // MS_PER_CHARACTER)

    def _spans(self, since: int, until: int) -> Sequence[Played]:
        """The stretches of speech and media that began from one moment to another."""
        first, last = (bisect_left(self.spans, at, key=lambda span: span.start) for at in (since, until))
        return self.spans[first:last]


class _Timed(Protocol):
    @property
    def at(self) -> int: ...


_T = TypeVar("_T", bound=_Timed)


def _between(found: Sequence[_T], since: int, until: int) -> Sequence[_T]:
    """Those of a row in order of time from one moment to before another."""
    first, last = (bisect_left(found, at, key=lambda one: one.at) for at in (since, until))
    return found[first:last]


def _before(found: Sequence[_T], at: int) -> _T | None:
    """The last of them before a moment."""
    place = bisect_left(found, at, key=lambda one: one.at)
    return found[place - 1] if place else None


def _reports(messages: Sequence[Seen], name: str) -> list[_Report]:
    return [
        _Report(one.at, str(one.event.value))
        for one in messages
        if isinstance(one.event, Info) and one.event.name == name
    ]


def _pauses(spans: Sequence[Played]) -> Iterator[int]:
    for before, after in pairwise(spans):
        if before.end is not None and (pause := milliseconds(after.start - before.end)) >= PAUSE_MS:
            yield pause


def _parties(messages: Sequence[Seen]) -> Parties:
    setup = next((one.event for one in messages if isinstance(one.event, Setup)), Setup())
    return Parties(
        account_sid=setup.account_sid,
        from_number=setup.from_,
        to_number=setup.to,
        forwarded_from=setup.forwarded_from,
        caller_name=setup.caller_name,
        direction=setup.direction,
        call_type=setup.call_type,
        call_status=setup.call_status,
    )


def _parameters(messages: Sequence[Seen]) -> dict[str, str]:
    setup = next((one.event for one in messages if isinstance(one.event, Setup)), Setup())
    return {
        name: value if isinstance(value, str) else msgspec.json.encode(value).decode()
        for name, value in (setup.custom_parameters or {}).items()
    }


def _twiml(call: RecordedCall, messages: Sequence[Seen], acts: Sequence[Begun], course: _Course) -> TwiML:
    turns = call.conversation.turns
    prompts = [one.event for one in messages if isinstance(one.event, Prompt)]
    texts = [one.event for one in messages if isinstance(one.event, Text | Play)]
    preempted = any(cut.kind == "preempt" for turn in turns for cut in turn.interruptions)
    return TwiML(
        greeting=turns[0].greeting if turns else "",
        language=next((prompt.lang for prompt in prompts if prompt.lang), "en-US"),
        partial_prompts=any(not prompt.final for prompt in prompts),
        interruptible=_interruptible(acts, course, marked=any(one.interruptible is False for one in texts)),
        preemptible=preempted and not any(one.preemptible for one in texts),
        events=any(isinstance(one.event, Info) for one in messages),
        application_reconnect=len(call.connections) > 1,
    )


def _interruptible(acts: Sequence[Begun], course: _Course, *, marked: bool) -> Input:
    """What interrupted the agent, by what the caller did while it went on speaking. `marked`: messages said that they
    were not to be interrupted, so that the TwiML need not have."""
    if marked:
        return "any"
    kept: set[Literal["dtmf", "speech"]] = set()
    cut: set[Literal["dtmf", "speech"]] = set()
    for one in acts:
        if isinstance(one.deed, Utterance | Key):
            kind: Literal["dtmf", "speech"] = "dtmf" if isinstance(one.deed, Key) else "speech"
            if one.interrupt is not None:
                cut.add(kind)
            elif any(
                not span.estimated and span.start + CUT_MS * MS < one.at and one.at + BARGE_IN_MS * MS < (span.end or 0)
                for span in course.spans
            ):
                kept.add(kind)
    match sorted(kept - cut):
        case ["dtmf"]:
            return "speech"
        case ["speech"]:
            return "dtmf"
        case ["dtmf", "speech"]:
            return "none"
    return "any"


def _sounds(event: Event) -> bool:
    return (isinstance(event, Text) and event.speakable) or isinstance(event, Play | SendDigits)
