"""The fold: the messages of one session in, the conversation out.

Knows: which message goes where; a session's connections, parties and end.
Must not know: files, SQL, clocks; who asks for the result and how often.

Pure and incremental: the same messages in the same order give the same conversation, however often it is asked for.
"""

from typing import Any

import msgspec

from relayproxy.connection import Ending, Opening
from relayproxy.conversation.checks.ending import CloseFrame
from relayproxy.conversation.checks.findings import Thresholds
from relayproxy.conversation.checks.handoff import handoff, handoff_findings, misplaced
from relayproxy.conversation.fold.connection_outcome import ConnectionOutcome
from relayproxy.conversation.fold.failure import call_failed_finding, cut_off, failed
from relayproxy.conversation.fold.protocol_monitor import ProtocolMonitor, had_card
from relayproxy.conversation.fold.tracking.dispatch import from_backend, from_twilio
from relayproxy.conversation.fold.tracking.turn_tracker import TurnTracker
from relayproxy.conversation.fold.turn_findings import turn_findings
from relayproxy.conversation.fold.turn_metrics import turn_metrics
from relayproxy.conversation.fold.turns import TurnDraft
from relayproxy.conversation.measures.sparkline import SparklineBins
from relayproxy.conversation.measures.totals_accumulator import FindingList, TotalsAccumulator
from relayproxy.conversation.message import Message
from relayproxy.conversation.model import Conversation, Finding, Handoff, Turn, Waiting
from relayproxy.conversation.moment import Moment
from relayproxy.conversation.protocol.decoding import decode, decode_text
from relayproxy.conversation.protocol.messages import End, Error, Info, Prompt, Setup
from relayproxy.conversation.protocol.rejections import rejected
from relayproxy.conversation.totals import Totals, milliseconds

MAX_SETUP = 64 * 1024
"""A setup message of more bytes is kept without its custom parameters (the recording has them)."""
END_NOT_TAKEN = 10_000_000_000
"""Nanoseconds after `end`: a prompt that comes later shows that Twilio did not take it. Until then Twilio may play a
queued goodbye, and the caller answer it."""
MIN_CLIPPED = 15
"""Fewer unheard characters than this are no finding: they may have been heard after all."""


class Fold:
    """One session. `open` a connection before feeding its messages, in order; several may be open at once.

    `thresholds`: from when on a turn is slow and a pause a stall.
    """

    def __init__(self, thresholds: Thresholds = Thresholds()) -> None:  # noqa: B008 (an immutable value)
        self._thresholds = thresholds
        self._connections: dict[str, ConnectionOutcome] = {}
        self._tracker = TurnTracker()
        self._monitor = ProtocolMonitor()
        self._accumulator = TotalsAccumulator()
        self._sparkline = SparklineBins(thresholds.slow_turn_ms)
        self._began = 0
        self._settled_findings = FindingList()
        self._setup: Setup | None = None
        self._setup_fields: dict[str, Any] = {}
        self._custom_parameters: dict[str, Any] = {}
        self._handoff: Handoff | None = None
        self._handoff_findings: list[Finding] = []
        self._handoff_latency: int | None = None
        self._end_point: tuple[Moment, int | None] = Moment(0, 0, "", 0), None
        """The moment of `end`, and the number of the turn it came in."""
        self._messages = 0
        self._gaps = 0
        self._gap_bytes = 0
        self._redacted: dict[str, int] = {}
        self._now = 0

    def open(self, opening: Opening) -> None:
        """Adds a connection that has opened or was refused. Adding it again changes nothing."""
        if opening.connection_id in self._connections:
            return
        self._began = self._began or opening.opened_at
        before = [connection.ended_at for connection in self._connections.values()]
        self._connections[opening.connection_id] = ConnectionOutcome(opening)
        ends = [at for at in before if at is not None and at <= opening.opened_at]
        if before and len(ends) == len(before):
            self._monitor.turn = self._turn()
            self._monitor.reconnected(opening.opened_at, max(ends), opening.connection_id)

    def answered(self, opening: Opening) -> None:
        """Replaces the opening of a connection that is open, before its first message. Raises KeyError when it was
        never opened."""
        self._connections[opening.connection_id].opening = opening

    def feed(self, connection_id: str, message: Message) -> str | None:
        """Folds the next message of a connection. Returns its type as it names it (`Message.type`), or None. Raises
        KeyError when the connection was never opened, and nothing else."""
        connection = self._connections[connection_id]
        opened_at = connection.opening.opened_at
        at = opened_at + message.t
        if at > self._now:
            self._now = at
            self._tracker.pass_time(at)
        kind, named = message.kind, None
        if message.redacted:
            for secret, number in message.redacted.items():
                if number:
                    self._redacted[secret] = self._redacted.get(secret, 0) + number
        self._monitor.turn = self._turn()
        if kind == "text":
            self._messages += 1
            self._monitor.timing(message)
            out = at if message.out is None else opened_at + message.out
            decoded, moment = decode(message), Moment(at, out, connection_id, message.seq)
            event, named = decoded.event, decoded.type
            if message.sender == "backend":
                self._monitor.from_backend(message, decoded.violation, at, connection_id)
                if not connection.closed:
                    self._tracker.responses.reaction(out)
                if isinstance(event, End):
                    if not connection.closed:
                        self._end(connection, event.handoff_data, message, moment)
                elif decoded.violation is None:
                    from_backend(self._tracker, event, moment, closed=connection.closed)
            elif isinstance(event, Setup):
                self._set_up(event, decoded.fields or {}, message, moment)
            elif isinstance(event, Error):
                quoted = rejected(event.description or "")
                self._monitor.error(event.description or "", quoted, at, connection_id, message.seq)
                if connection.ended and isinstance(decode_text(quoted or "", "backend").event, End):
                    connection.happens("end_rejected")
            else:
                if isinstance(event, Prompt) and at - connection.ended_out > END_NOT_TAKEN:
                    connection.happens("caller_goes_on")
                from_twilio(self._tracker, event, moment)
                if isinstance(event, Info) and self._tracker.greets(at):
                    self._monitor.card("greeting_card_number", event.value, message, moment)
        elif kind == "binary":
            self._messages += 1
            self._monitor.timing(message)
            if message.sender == "backend":
                self._monitor.from_backend(message, decode(message).violation, at, connection_id)
        elif kind in ("gap", "undecodable"):
            self._monitor.gap(message, at, connection_id)
            if kind == "gap":
                self._gaps += 1
                self._gap_bytes += message.size
                connection.gap_at = at
                if message.sender == "backend":
                    self._tracker.ledger.miss()
        elif kind == "close" and connection.close_frame is None:
            connection.close_frame = CloseFrame(message.sender, message.code, message.reason, message.t)
            if message.sender == "twilio":
                connection.happens("twilio_closes")
                connection.clipped = self._tracker.playback.clipped(at)
        return named

    def end(self, connection_id: str, ending: Ending) -> None:
        """Ends a connection. Raises KeyError when it was never opened."""
        connection = self._connections[connection_id]
        if connection.ending is None:
            at = connection.opening.opened_at + ending.t
            connection.ending = ending
            connection.clipped = (
                self._tracker.playback.clipped(at) if connection.clipped is None else connection.clipped
            )
            if failed(connection):
                draft = cut_off(self._tracker.ledger.drafts, connection_id, at)
                if draft is not None and draft.number >= self._tracker.settled(self._now):
                    draft.cut_off = True
                    draft.invalidate()
            self._tracker.responses.disconnected(connection_id, at)

    def forget(self, turns: int) -> int:
        """Drops turns 0 … turns-1 from `conversation().turns`, as far as they are settled and the session lives; totals
        and findings go on to count them. Returns the number of the first turn that stays."""
        drafts = self._tracker.ledger.drafts
        if self._last_connection() is not None:
            return drafts[0].number if drafts else self._tracker.ledger.count
        last = min(turns, self._tracker.settled(self._now))
        gone = [self._value(draft) for draft in self._tracker.ledger.drafts if draft.number < last]
        for turn in gone:
            self._accumulator.add(turn)
            self._sparkline.add(turn, self._began)
        self._settled_findings.extend(gone)
        self._tracker.ledger.forget(last)
        return last

    def close(self) -> None:
        """Lets go of all turns. Nothing may be asked of it any more."""
        self._tracker.ledger.forget(self._tracker.ledger.count)

    def conversation(self) -> Conversation:
        """The conversation so far. Turns that did not change since the last call are the same objects."""
        last = self._last_connection()
        end = last.outcome() if last is not None else None
        ended_at = last.ended_at if last is not None else None
        drafts = self._tracker.ledger.drafts
        if last is None:
            turns = tuple([self._value(draft) for draft in drafts])
        else:
            turns = tuple([self._closed_value(draft, last) for draft in drafts])
        setup = self._setup or Setup()
        findings = self._findings(turns, last)
        waiting = self._tracker.waiting if last is None else None
        return Conversation(
            session_id=setup.session_id or None,
            call_sid=setup.call_sid or None,
            account_sid=setup.account_sid or None,
            from_number=setup.from_ or None,
            to_number=setup.to or None,
            direction=setup.direction or None,
            caller_name=setup.caller_name or None,
            custom_parameters=self._custom_parameters,
            setup=self._setup_fields,
            started_at=min((connection.opening.opened_at for connection in self._connections.values()), default=0),
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
            settled_turns=self._tracker.ledger.count if end else self._tracker.settled(self._now),
            confidence=end.confidence if end else None,
            tier=self._tracker.ledger.tier,
            totals=self._totals(turns, last, findings),
            findings=findings.listed(),
            waiting=None
            if waiting is None or waiting.caller_at is None
            else Waiting(waiting.number, waiting.caller_at),
            record=next((one.opening.record for one in self._connections.values()), None),
            closed_by={id: one.close_frame.sender for id, one in self._connections.items() if one.close_frame},
            strip=self._sparkline_text(turns, ended_at),
        )

    def _value(self, draft: TurnDraft) -> Turn:
        if draft.value is None:
            turn = turn_metrics(draft, None, self._tracker.playback.rate.value)
            draft.value = _with_findings(turn, turn_findings(draft, turn, None, self._thresholds))
        return draft.value

    def _closed_value(self, draft: TurnDraft, last: ConnectionOutcome) -> Turn:
        turn = turn_metrics(draft, last.closed_at, self._tracker.playback.rate.value)
        return _with_findings(turn, turn_findings(draft, turn, last.closed_at, self._thresholds))

    def _last_connection(self) -> ConnectionOutcome | None:
        """The connection that ended last, once all have."""
        connections = [
            (connection.ended_at, number, connection) for number, connection in enumerate(self._connections.values())
        ]
        ended = [(at, number, connection) for at, number, connection in connections if at is not None]
        return max(ended)[2] if ended and len(ended) == len(connections) else None

    def _findings(self, turns: tuple[Turn, ...], last: ConnectionOutcome | None) -> FindingList:
        found = self._settled_findings.copy()
        found.extend(turns)
        found.merge(self._monitor.findings)
        found.add(*self._handoff_findings)
        clipped = last.clipped if last is not None and last.ended else None
        if clipped is not None and clipped >= MIN_CLIPPED and last is not None:
            goodbye = self._at_end("goodbye_clipped", f"about {clipped} characters were not heard")
            found.add(msgspec.structs.replace(goodbye, at=last.ended_out))
        if last is not None and failed(last):
            found.add(call_failed_finding(last, self._tracker.ledger.last()))
        return found

    def _at_end(self, code: str, detail: str) -> Finding:
        """A finding that points at `end`."""
        place, turn = self._end_point
        return Finding(code, place.at, detail, turn, place.connection, place.seq)

    def _turn(self) -> int | None:
        """Number of the open or last turn, None before the first."""
        last = self._tracker.ledger.last()
        return None if last is None else last.number

    def _totals(self, turns: tuple[Turn, ...], last: ConnectionOutcome | None, findings: FindingList) -> Totals:
        accumulator, tracker, monitor = self._accumulator.copy(), self._tracker, self._monitor
        for turn in turns:
            accumulator.add(turn)
        first = next(iter(self._connections.values()), None)
        connected = first.opening.connected_after if first is not None else None
        greeting, why_not = tracker.greeting_latency(closed=last is not None)
        return msgspec.structs.replace(
            accumulator.totals(),
            overhead_in=monitor.overhead_in.spread(),
            overhead_out=monitor.overhead_out.spread(),
            backend_connect_ms=milliseconds(connected),
            greeting_latency_ms=greeting,
            greeting_null_reason=why_not,
            silence=tracker.silences.value(last.closed_at if last is not None else None),
            handoff_latency_ms=milliseconds(self._handoff_latency),
            clipped_chars=last.clipped if last is not None and last.ended else None,
            teardown_ms=milliseconds(last.teardown) if last is not None else None,
            violations=monitor.violations,
            consecutive_violations=monitor.most_in_a_row,
            speaking_rate=tracker.playback.rate.measured,
            findings=dict(sorted(findings.counts.items())),
            redacted=dict(sorted(self._redacted.items())),
        )

    def _sparkline_text(self, turns: tuple[Turn, ...], ended_at: int | None) -> str:
        bins = self._sparkline.copy()
        for turn in turns:
            bins.add(turn, self._began)
        until = self._now if ended_at is None else ended_at
        return bins.text((until - self._began) // 1_000_000)

    def _end(self, connection: ConnectionOutcome, data: Any, message: Message, moment: Moment) -> None:
        if not connection.ended:
            self._handoff = handoff(data, moment.at, message.size)
            self._end_point = moment, self._turn()
            found = handoff_findings(self._handoff, card=had_card(message))
            if data in (None, "") and message.text is not None:
                found += misplaced(message.text)
            self._handoff_findings = [self._at_end(*one) for one in found]
            asked_at = self._tracker.last_prompt_at
            self._handoff_latency = None if asked_at is None else moment.at - asked_at
            connection.happens("end")
            connection.ended_out = moment.out
        self._tracker.transfer(moment.at, handed_off=bool(self._handoff is not None and self._handoff.bytes))

    def _set_up(self, event: Setup, fields: dict[str, Any], message: Message, moment: Moment) -> None:
        size = message.size
        if self._setup is None:
            self._monitor.card("parameter_card_number", event.custom_parameters, message, moment)
            self._monitor.parameters(len(event.custom_parameters or {}), size > MAX_SETUP, moment)
            if size > MAX_SETUP:
                self._setup_fields = {k: v for k, v in fields.items() if isinstance(v, str) and len(v) < 256}
            else:
                self._setup_fields, self._custom_parameters = fields, event.custom_parameters or {}
            self._setup = event
        elif (event.session_id, event.call_sid) != (self._setup.session_id, self._setup.call_sid):
            self._monitor.second_setup(event.session_id, event.call_sid, moment)
        self._tracker.setup(moment.at)


def _with_findings(turn: Turn, findings: tuple[Finding, ...]) -> Turn:
    return msgspec.structs.replace(turn, findings=findings) if findings else turn
