"""The fold: the messages of one session in, the conversation out.

Knows: which message goes where; a session's connections, parties and end.
Must not know: files, SQL, clocks; who asks for the result and how often.

Pure and incremental: the same messages in the same order give the same conversation, however often it is asked for.
"""

from typing import Any

import msgspec

from relayproxy.connection import Ending, Opening
from relayproxy.conversation.checks.ending import Closing
from relayproxy.conversation.checks.findings import Thresholds
from relayproxy.conversation.checks.handoff import handoff, handoff_findings
from relayproxy.conversation.fold.connection_outcome import Link
from relayproxy.conversation.fold.dispatch import from_backend, from_twilio
from relayproxy.conversation.fold.exchange import Exchange
from relayproxy.conversation.fold.failure import call_failed, cut_off, failed
from relayproxy.conversation.fold.protocol_monitor import Watch
from relayproxy.conversation.fold.review import review
from relayproxy.conversation.fold.turn_metrics import account
from relayproxy.conversation.fold.turns import TurnDraft
from relayproxy.conversation.measures.sparkline import Strip
from relayproxy.conversation.measures.totals_accumulator import FindingList, Tally
from relayproxy.conversation.message import Message
from relayproxy.conversation.model import Conversation, Finding, Handoff, Turn, Waiting
from relayproxy.conversation.moment import Moment
from relayproxy.conversation.protocol.decoding import decode, decode_text
from relayproxy.conversation.protocol.messages import End, Error, Prompt, Setup
from relayproxy.conversation.protocol.rejections import rejected
from relayproxy.conversation.totals import Totals, milliseconds

MAX_SETUP = 64 * 1024
"""A setup message of more bytes is kept without its custom parameters (the recording has them)."""
ENDED = 10_000_000_000
"""Nanoseconds after which a caller who is still heard shows that Twilio did not take an `end`. It may let a goodbye
that is queued play out first, and the caller answer it."""
CLIPPED = 15
"""Fewer characters than this may have been heard after all."""


class Fold:
    """One session. `open` a connection before feeding its messages, in order; several may be open at once.

    `thresholds`: from when on a turn is slow and a pause a stall.
    """

    def __init__(self, thresholds: Thresholds = Thresholds()) -> None:  # noqa: B008 (an immutable value)
        self._thresholds = thresholds
        self._links: dict[str, Link] = {}
        self._exchange = Exchange()
        self._watch = Watch()
        self._tally = Tally()
        self._strip = Strip(thresholds.slow_turn_ms)
        self._began = 0
        self._settled_findings = FindingList()
        self._setup: Setup | None = None
        self._whole: dict[str, Any] = {}
        self._custom_parameters: dict[str, Any] = {}
        self._handoff: Handoff | None = None
        self._handoff_findings: list[Finding] = []
        self._handoff_latency: int | None = None
        self._ended: tuple[Moment, int | None] = Moment(0, 0, "", 0), None
        """Where `end` came, and in which turn."""
        self._messages = 0
        self._gaps = 0
        self._gap_bytes = 0
        self._now = 0

    def open(self, opening: Opening) -> None:
        """A connection of the session has opened, or was refused. Opening it again changes nothing."""
        if opening.connection_id in self._links:
            return
        self._began = self._began or opening.opened_at
        before = [link.ended_at for link in self._links.values()]
        self._links[opening.connection_id] = Link(opening)
        if before and not any(at is None for at in before):
            self._watch.turn = self._turn()
            self._watch.reconnected(opening.opened_at, max(at for at in before if at), opening.connection_id)

    def feed(self, connection_id: str, message: Message) -> str | None:
        """The next message of a connection; returns what it calls itself, if it does (`Message.type`). Raises KeyError
        when the connection was never opened, and nothing else."""
        link = self._links[connection_id]
        opened_at = link.opening.opened_at
        at = opened_at + message.t
        if at > self._now:
            self._now = at
            self._exchange.pass_time(at)
        kind, named = message.kind, None
        self._watch.turn = self._turn()
        if kind == "text":
            self._messages += 1
            self._watch.timing(message)
            out = at if message.out is None else opened_at + message.out
            decoded, moment = decode(message), Moment(at, out, connection_id, message.seq)
            event, named = decoded.event, decoded.type
            if message.sender == "backend":
                self._watch.from_backend(message, decoded.violation, at, connection_id)
                if link.closing is None or link.closing.sender != "twilio":
                    self._exchange.replies.reaction(out)
                if isinstance(event, End):
                    self._end(link, event.handoff_data, message.size, moment)
                elif decoded.violation is None:
                    from_backend(self._exchange, event, moment)
            elif isinstance(event, Setup):
                self._set_up(event, decoded.fields or {}, message.size, moment)
            elif isinstance(event, Error):
                quoted = rejected(event.description or "")
                self._watch.error(event.description or "", quoted, at, connection_id, message.seq)
                if link.ended and isinstance(decode_text(quoted or "", "backend").event, End):
                    link.ended = False
            else:
                if isinstance(event, Prompt) and at - link.ended_out > ENDED:
                    link.ended = False
                from_twilio(self._exchange, event, moment)
        elif kind == "binary":
            self._messages += 1
            self._watch.timing(message)
            if message.sender == "backend":
                self._watch.from_backend(message, decode(message).violation, at, connection_id)
        elif kind in ("gap", "undecodable"):
            self._watch.gap(message, at, connection_id)
            if kind == "gap":
                self._gaps += 1
                self._gap_bytes += message.size
                link.gap_at = at
        elif kind == "close" and link.closing is None:
            link.closing = Closing(message.sender, message.code, message.reason, message.t)
            if message.sender == "twilio":
                link.clipped = self._exchange.playback.clipped(at)
                self._exchange.replies.closed(connection_id)
        return named

    def end(self, connection_id: str, ending: Ending) -> None:
        """A connection has ended. Raises KeyError when it was never opened."""
        link = self._links[connection_id]
        if link.ending is None:
            at = link.opening.opened_at + ending.t
            link.ending = ending
            link.clipped = self._exchange.playback.clipped(at) if link.clipped is None else link.clipped
            if failed(link):
                draft = cut_off(self._exchange.book.drafts, connection_id, at)
                if draft is not None and draft.number >= self._exchange.settled(self._now):
                    draft.cut_off = True
                    draft.touch()
            self._exchange.replies.disconnected(connection_id, at)

    def forget(self, turns: int) -> int:
        """Turns 0 … turns-1 leave `conversation().turns`, as far as they are settled and the session lives; totals and
        findings go on to count them. The number of the first turn that stays."""
        drafts = self._exchange.book.drafts
        if self._last() is not None:
            return drafts[0].number if drafts else self._exchange.book.count
        last = min(turns, self._exchange.settled(self._now))
        gone = [self._value(draft) for draft in self._exchange.book.drafts if draft.number < last]
        for turn in gone:
            self._tally.add(turn)
            self._strip.add(turn, self._began)
        self._settled_findings.extend(gone)
        self._exchange.book.forget(last)
        return last

    def conversation(self) -> Conversation:
        """The session so far. Turns that did not change since the last call are the same objects."""
        last = self._last()
        end = last.verdict() if last is not None else None
        ended_at = last.ended_at if last is not None else None
        drafts = self._exchange.book.drafts
        if last is None:
            turns = tuple([self._value(draft) for draft in drafts])
        else:
            turns = tuple([self._closed_value(draft, last) for draft in drafts])
        setup = self._setup or Setup()
        findings = self._findings(turns, last)
        waiting = self._exchange.waiting if last is None else None
        return Conversation(
            session_id=setup.session_id or None,
            call_sid=setup.call_sid or None,
            account_sid=setup.account_sid or None,
            from_number=setup.from_ or None,
            to_number=setup.to or None,
            direction=setup.direction or None,
            caller_name=setup.caller_name or None,
            custom_parameters=self._custom_parameters,
            setup=self._whole,
            started_at=min((link.opening.opened_at for link in self._links.values()), default=0),
            ended_at=ended_at,
            outcome=end.outcome if end else None,
            ended_by=end.ended_by if end else None,
            end_reason=end.end_reason if end else None,
            studio_transition=end.studio_transition if end else None,
            twilio_error_code=end.twilio_error_code if end else None,
            handoff=self._handoff,
            turns=turns,
            messages=self._messages,
            gaps=self._gaps,
            gap_bytes=self._gap_bytes,
            settled_turns=self._exchange.book.count if end else self._exchange.settled(self._now),
            confidence=end.confidence if end else None,
            tier=self._exchange.book.tier,
            totals=self._totals(turns, last, findings),
            findings=findings.listed(),
            waiting=None
            if waiting is None or waiting.caller_at is None
            else Waiting(waiting.number, waiting.caller_at),
            closed_by={id: link.closing.sender for id, link in self._links.items() if link.closing is not None},
            strip=self._small(turns, ended_at),
        )

    def _value(self, draft: TurnDraft) -> Turn:
        if draft.value is None:
            turn = account(draft, None, None, self._exchange.playback.rate.value)
            draft.value = _with_findings(turn, review(draft, turn, None, self._thresholds))
        return draft.value

    def _closed_value(self, draft: TurnDraft, last: Link) -> Turn:
        turn = account(draft, last.ended_at, last.closed_at, self._exchange.playback.rate.value)
        return _with_findings(turn, review(draft, turn, last.closed_at, self._thresholds))

    def _last(self) -> Link | None:
        """The connection that ended last, once all have."""
        links = [(link.ended_at, number, link) for number, link in enumerate(self._links.values())]
        ended = [(at, number, link) for at, number, link in links if at is not None]
        return max(ended)[2] if ended and len(ended) == len(links) else None

    def _findings(self, turns: tuple[Turn, ...], last: Link | None) -> FindingList:
        found = self._settled_findings.copy()
        found.extend(turns)
        found.merge(self._watch.findings)
        found.add(*self._handoff_findings)
        clipped = last.clipped if last is not None and last.ended else None
        if clipped is not None and clipped >= CLIPPED and last is not None:
            goodbye = self._at_end("goodbye_clipped", f"about {clipped} characters were not heard")
            found.add(msgspec.structs.replace(goodbye, at=last.ended_out))
        if last is not None and failed(last):
            found.add(call_failed(last, self._exchange.book.last()))
        return found

    def _at_end(self, code: str, detail: str) -> Finding:
        """A finding about `end`."""
        place, turn = self._ended
        return Finding(code, place.at, detail, turn, place.connection, place.seq)

    def _turn(self) -> int | None:
        """Number of the turn that things happen in now."""
        last = self._exchange.book.last()
        return None if last is None else last.number

    def _totals(self, turns: tuple[Turn, ...], last: Link | None, findings: FindingList) -> Totals:
        tally, exchange, watch = self._tally.copy(), self._exchange, self._watch
        for turn in turns:
            tally.add(turn)
        first = next(iter(self._links.values()), None)
        connected = first.opening.connected_after if first is not None else None
        greeting, why_not = exchange.greeting_latency(closed=last is not None)
        return msgspec.structs.replace(
            tally.totals(),
            overhead_in=watch.overhead_in.spread(),
            overhead_out=watch.overhead_out.spread(),
            backend_connect_ms=milliseconds(connected),
            greeting_latency_ms=greeting,
            greeting_null_reason=why_not,
            silence=exchange.silences.value(last.closed_at if last is not None else None),
            handoff_latency_ms=milliseconds(self._handoff_latency),
            clipped_chars=last.clipped if last is not None and last.ended else None,
            teardown_ms=milliseconds(last.teardown) if last is not None else None,
            violations=watch.violations,
            consecutive_violations=watch.most_in_a_row,
            speaking_rate=exchange.playback.rate.measured,
            findings=dict(sorted(findings.counts.items())),
        )

    def _small(self, turns: tuple[Turn, ...], ended_at: int | None) -> str:
        strip = self._strip.copy()
        for turn in turns:
            strip.add(turn, self._began)
        until = self._now if ended_at is None else ended_at
        return strip.text((until - self._began) // 1_000_000)

    def _end(self, link: Link, data: Any, size: int, moment: Moment) -> None:
        if not link.ended:
            self._handoff = handoff(data, moment.at, size)
            self._ended = moment, self._turn()
            self._handoff_findings = [self._at_end(*one) for one in handoff_findings(self._handoff)]
            asked_at = self._exchange.last_prompt_at
            self._handoff_latency = None if asked_at is None else moment.at - asked_at
            link.ended = link.closing is None or link.closing.sender != "twilio"
            link.ended_out = moment.out
        self._exchange.transfer(moment.at, handed_off=bool(self._handoff is not None and self._handoff.bytes))

    def _set_up(self, event: Setup, fields: dict[str, Any], size: int, moment: Moment) -> None:
        if self._setup is None:
            self._watch.parameters(len(event.custom_parameters or {}), size > MAX_SETUP, moment)
            if size > MAX_SETUP:
                self._whole = {k: v for k, v in fields.items() if isinstance(v, str) and len(v) < 256}
            else:
                self._whole, self._custom_parameters = fields, event.custom_parameters or {}
            self._setup = event
        elif (event.session_id, event.call_sid) != (self._setup.session_id, self._setup.call_sid):
            self._watch.second_setup(event.session_id, event.call_sid, moment)
        self._exchange.setup(moment.at)


def _with_findings(turn: Turn, findings: tuple[Finding, ...]) -> Turn:
    return msgspec.structs.replace(turn, findings=findings) if findings else turn
