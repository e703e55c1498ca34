"""Call meter: counts what has become final of calls.

Knows: which metric takes what of a turn, a session, a handshake and messages.
Must not know: when something is final; where the counts go.

Nothing of what it counts may hold an id or words: labels are routes, versions and closed vocabularies.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import get_args

from relayproxy.connection import Opening, signature_state
from relayproxy.conversation.checks.findings import severity
from relayproxy.conversation.message import Message
from relayproxy.conversation.model import (
    Conversation,
    Interruption,
    InterruptionKind,
    OpenedBy,
    Outcome,
    Tier,
    Turn,
)
from relayproxy.telemetry.metrics import metrics
from relayproxy.telemetry.metrics.metric import Metric
from relayproxy.telemetry.metrics.tally import Cell, Tally

DIRECTIONS = {"twilio": "in", "backend": "out"}
MESSAGES = ("text", "binary")
GAP_CAUSES = ("buffer", "quota", "disk", "limit", "journal_damaged", "undecodable")
VIOLATIONS = ("invalid_message", "leaked_error", "interrupt_sent", "rejected_message")
"""The codes of findings that are violations, each of which makes one."""
UNSEARCHED = ("redaction_failed", "search_limit")
"""The notes of messages of which metadata alone was kept."""


class CallMeter:
    """Counts calls into `tally`."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally

    def begin(self, route: str) -> None:
        """Counts nothing of a route, so that what alerts watch is there at 0: of what is not there before it first
        counts, Prometheus sees no increase."""
        labels = {"route": route, "version": ""}
        for tier in get_args(Tier):
            for outcome in get_args(Outcome):
                self._tally.cell(metrics.SESSIONS, {**labels, "tier": tier, "outcome": outcome})
            for opener in get_args(OpenedBy):
                self._tally.cell(metrics.TURNS_ENDED, {**labels, "tier": tier, "opened_by": opener})
        for kind in ("asked_again", "no_answer"):
            self._tally.cell(metrics.UNANSWERED, {**labels, "kind": kind})
        for kind in (*get_args(InterruptionKind), "agent_over_caller"):
            self._tally.cell(metrics.INTERRUPTIONS, {**labels, "kind": kind})
        for cause in GAP_CAUSES:
            self._tally.cell(metrics.GAPS, {**labels, "cause": cause})
        for cause in UNSEARCHED:
            self._tally.cell(metrics.REDACTION_FAILURES, {"cause": cause})
        for code in VIOLATIONS:
            self._tally.cell(metrics.VIOLATIONS, {**labels, "code": code})
        for metric in (metrics.RESPONSES, metrics.INTERRUPTED, metrics.FALSE_INTERRUPTIONS):
            self._tally.cell(metric, labels)

    def turn(self, turn: Turn, route: str, version: str | None) -> None:
        """Counts a turn that is final."""
        labels = {"route": route, "version": version or "", "tier": turn.tier, "opened_by": turn.opened_by}
        self._count(metrics.TURNS_ENDED, labels)
        self._numbers(metrics.OF_TURNS, turn, labels)
        if turn.chunk_gaps is not None:
            self._tally.cell(metrics.CHUNK_GAP, labels).observe(turn.chunk_gaps.max_ms / 1000)
        if turn.agent_at is not None:
            self._count(metrics.RESPONSES, labels)
            if any(cut.at >= turn.agent_at for cut in turn.interruptions):
                self._count(metrics.INTERRUPTED, labels)
        if turn.unanswered or turn.asked_again:
            kind = "asked_again" if turn.asked_again else "no_answer"
            self._count(metrics.UNANSWERED, {**labels, "kind": kind})
        asked = turn.caller_at is not None or turn.null_reason == "speculative"
        if asked and turn.null_reason is not None:
            self._count(metrics.EXCLUDED, {**labels, "reason": turn.null_reason})
        if turn.agent_over_caller:
            self._count(metrics.INTERRUPTIONS, {**labels, "kind": "agent_over_caller"})
        for cut in turn.interruptions:
            self._interruption(cut, labels)

    def session(self, conversation: Conversation, route: str, version: str | None) -> None:
        """Counts a session that has ended."""
        totals = conversation.totals
        outcome = conversation.outcome or "unknown"
        labels = {"route": route, "version": version or "", "tier": conversation.tier, "outcome": outcome}
        self._count(metrics.SESSIONS, labels)
        self._numbers(metrics.OF_SESSIONS, conversation, labels)
        if conversation.ended_at is not None:
            duration = (conversation.ended_at - conversation.started_at) / 1e9
            self._tally.cell(metrics.DURATION, labels).observe(duration)
        self._tally.cell(metrics.SESSION_TURNS, labels).observe(totals.turns)
        if conversation.handoff is not None:
            self._count(metrics.HANDOFFS, {**labels, "present": "yes" if conversation.handoff.bytes else "no"})
        for waiting_for, silence in totals.silence.items():
            self._count(metrics.DEAD_AIR, {**labels, "waiting_for": waiting_for}, silence.total_ms / 1000)
            self._count(metrics.DEAD_AIR_EPISODES, {**labels, "waiting_for": waiting_for}, silence.episodes)
        for code in VIOLATIONS:
            self._count(metrics.VIOLATIONS, {**labels, "code": code}, totals.findings.get(code, 0))
        for code, count in totals.findings.items():
            self._count(metrics.FINDINGS, {**labels, "code": code, "severity": severity(code)}, count)

    def handshake(self, opening: Opening) -> None:
        """Counts a handshake of which all is known."""
        labels = {
            "route": opening.route,
            "result": _result(opening),
            "status": "" if opening.status is None else str(opening.status),
            "signature": signature_state(opening),
        }
        self._count(metrics.HANDSHAKES, labels)

    def messages(self, route: str, messages: Iterable[Message]) -> None:
        """Counts messages of connections that came by this route."""
        overhead: dict[str, Cell] = {}
        sums = {sender: [0, 0, 0] for sender in DIRECTIONS}  # messages, bytes, held ones
        for message in messages:
            if message.kind in MESSAGES:
                of_sender = sums[message.sender]
                of_sender[0] += 1
                of_sender[1] += message.size
                if message.held:
                    of_sender[2] += 1
                elif message.out is not None:
                    cell = overhead.get(message.sender)
                    if cell is None:
                        direction = DIRECTIONS[message.sender]
                        cell = self._tally.cell(metrics.OVERHEAD, {"direction": direction})
                        overhead[message.sender] = cell
                    cell.observe((message.out - message.t) / 1e9)
            elif message.kind in ("gap", "undecodable"):
                self._gap(route, message)
            if message.redacted:
                for kind, count in message.redacted.items():
                    self._count(metrics.REDACTED, {"route": route, "kind": kind}, count)
            if message.note in UNSEARCHED:
                self._count(metrics.REDACTION_FAILURES, {"cause": message.note or ""})
        for sender, (count, size, held) in sums.items():
            labels = {"route": route, "direction": DIRECTIONS[sender]}
            self._count(metrics.MESSAGES, labels, count)
            self._count(metrics.MESSAGE_BYTES, labels, size)
            self._count(metrics.BACKPRESSURE, labels, held)

    def _interruption(self, cut: Interruption, labels: Mapping[str, str]) -> None:
        self._count(metrics.INTERRUPTIONS, {**labels, "kind": cut.kind})
        if cut.false_interruption:
            self._count(metrics.FALSE_INTERRUPTIONS, labels)
        self._numbers(metrics.OF_INTERRUPTIONS, cut, labels)

    def _gap(self, route: str, message: Message) -> None:
        cause = "undecodable" if message.kind == "undecodable" else message.note or ""
        labels = {"route": route, "cause": cause}
        self._count(metrics.GAPS, labels)
        self._count(metrics.GAP_BYTES, labels, message.size)

    def _numbers(self, table: Sequence[tuple[metrics.Counted, Metric]], of: object, labels: Mapping[str, str]) -> None:
        for number, metric in table:
            value = number.read(of)
            if isinstance(value, int | float):
                if metric.bounds:
                    # What Twilio sends may be an integer that no float holds.
                    self._tally.cell(metric, labels).observe(min(value, 2**63) / (number.per_second or 1))
                else:
                    self._count(metric, labels, value)

    def _count(self, metric: Metric, labels: Mapping[str, str], amount: float = 1) -> None:
        if amount:
            self._tally.cell(metric, labels).add(amount)


def _result(opening: Opening) -> str:
    if opening.status == 101:
        return "relayed"
    if opening.status is None:
        return "abandoned"
    return "refused" if opening.response_headers else "unreachable"
