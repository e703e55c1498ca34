"""Span writer: joins received spans to sessions and writes them, in a thread of its own.

Knows: when a trace is looked at; that a transaction is short and followed by a rest, since the recorder writes to the
same database; that the database may be away.
Must not know: OTLP, HTTP, which attributes are secret; SQL.
"""

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from relayproxy.plural import plural
from relayproxy.receiver.intake import Intake
from relayproxy.receiver.joining import SLACK, Join, Known, guess, join
from relayproxy.receiver.spans.identifiers import ids_of
from relayproxy.receiver.spans.masking import masked
from relayproxy.receiver.unjoined import ReceivedSpan, Trace, Unjoined
from relayproxy.redaction.budget import SearchBudget
from relayproxy.redaction.rules import Rules
from relayproxy.store.errors import RefusedError, StoreError
from relayproxy.store.write.backend_span_store import BackendSpanStore
from relayproxy.store.write.backend_spans import Counted, JoinedSpan, Settled, SpanBatch

log = logging.getLogger(__name__)

AT_ONCE = 500
"""Spans that are looked up at once."""
WRITTEN_AT_ONCE = 100
"""Spans of one transaction."""
IDLE = 1.0
"""Seconds between two looks at the queue when nothing comes."""
BACKOFF = (0.5, 1.0, 2.0, 5.0)
"""Seconds before the database is tried again."""
REST, LONGEST_REST = 2.0, 1.0
"""Times its own duration that a transaction is followed by a rest, and seconds of it at most."""
GUESS_AFTER = 10.0
"""Seconds for which a trace waits for something surer than a guess."""
RECENT = 50_000
"""Spans that are recognised when they are sent again, even if they were only counted."""
BUDGETS = 1000
"""Sessions whose budget of redaction is remembered."""


@dataclass(slots=True)
class Counts:
    """What became of received spans since the start."""

    kept: int = 0
    guessed: int = 0
    frames: int = 0
    """Spans of single events of WebSockets that were counted for a session."""
    over_limit: int = 0
    """Beyond what is kept of a session."""
    limited: int = 0
    """Kept without their content: more came than is searched for secrets."""
    gone: int = 0
    """Whose session was deleted meanwhile."""
    unjoined: int = 0
    """Whose session never became known."""
    failed: int = 0
    """That a mistake in here kept from being kept."""


class SpanWriter:
    """Takes spans from an intake until it is closed and `stop` is called. `rules` are those of a route."""

    def __init__(
        self,
        intake: Intake,
        unjoined: Unjoined,
        store: BackendSpanStore,
        rules: Callable[[str], Rules],
        *,
        session_spans: int,
        guesses: bool,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._intake = intake
        self._unjoined = unjoined
        self._store = store
        self._rules = rules
        self._session_spans = session_spans
        self._guesses = guesses
        self._recent: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._budgets: OrderedDict[str, SearchBudget] = OrderedDict()
        self._stop = threading.Event()
        self.counts = Counts()
        self.trouble: str | None = None
        """Why nothing is written; None while it works."""
        self.trouble_at: int | None = None

    @property
    def waiting(self) -> int:
        """Spans whose session is not known yet."""
        return self._unjoined.spans

    def run(self) -> None:
        """Works until `stop`, then writes what can be written at once."""
        failures = 0
        while not self._stop.is_set():
            try:
                self.work(IDLE)
                failures = 0
                self._well()
            except StoreError as problem:
                self._ill(problem)
                self._stop.wait(BACKOFF[min(failures, len(BACKOFF) - 1)])
                failures += 1
        try:
            while self._intake or self._unjoined.due(self._clock(), 1):
                self.work(0)
        except StoreError as problem:
            log.warning("%d spans were not written at the end (%s)", len(self._intake) + self.waiting, problem)

    def stop(self) -> None:
        """Ends `run` soon."""
        self._stop.set()

    def work(self, patience: float) -> None:
        """Takes what has come, waiting for it at most so many seconds, and writes what is known. Raises `StoreError`;
        then nothing is lost."""
        now = self._clock()
        due = self._unjoined.next_look()
        for one in self._intake.take(AT_ONCE, patience if due is None else min(patience, max(0.0, due - now))):
            if self._is_new(one):
                self._unjoined.add(one, self._clock())
        now = self._clock()
        traces = self._unjoined.due(now, AT_ONCE)
        if traces:
            self._settle(traces, now)
        self.counts.unjoined += self._unjoined.drop(now)

    def _settle(self, traces: Sequence[Trace], now: float) -> None:
        """Writes what is known of these traces; the others wait on. One that cannot be dealt with goes, so that the
        others are not held up."""
        try:
            self._write(traces, self._joins(traces, now))
        except Exception as problem:
            if isinstance(problem, StoreError) and not isinstance(problem, RefusedError):
                raise
            if len(traces) > 1:
                for trace in traces:
                    self._settle([trace], now)
                return
            self._fail(len(traces[0].spans), problem)
            self._unjoined.take(traces[0], set(traces[0].spans))
        for trace in traces:
            self._unjoined.wait(trace, now)

    def _fail(self, spans: int, problem: Exception) -> None:
        if not self.counts.failed:
            log.error("%s cannot be kept, a mistake in relayproxy", plural(spans, "span"), exc_info=problem)
        self.counts.failed += spans

    def _is_new(self, one: ReceivedSpan) -> bool:
        if one.key in self._recent:
            return False
        self._recent[one.key] = None
        if len(self._recent) > RECENT:
            self._recent.popitem(last=False)
        return True

    def _joins(self, traces: Sequence[Trace], now: float) -> dict[tuple[str, str], Join]:
        spans = [one.span for trace in traces for one in trace.spans.values()]
        known = self._store.known(
            {span.trace_id for span in spans} | {link.trace_id for span in spans for link in span.detail.links},
            {id for span in spans for id in ids_of(span)},
            {(span.trace_id, span.parent_span_id) for span in spans if span.parent_span_id is not None},
        )
        found = {}
        for trace in traces:
            joins = join([one.span for one in trace.spans.values()], Known(*known))
            if not joins and self._guesses and now - trace.since >= GUESS_AFTER:
                joins = self._guess(trace)
            found.update({(trace.id, span_id): one for span_id, one in joins.items()})
        return found

    def _guess(self, trace: Trace) -> dict[str, Join]:
        spans = [one.span for one in trace.spans.values()]
        began, ended = min(span.started_at for span in spans), max(span.ended_at for span in spans)
        lived = self._store.lived(began - SLACK, max(began, ended) + SLACK)
        owner = guess(spans, lived, next(iter(trace.spans.values())).peer)
        return {} if owner is None else {span.span_id: Join(owner, "guess") for span in spans}

    def _write(self, traces: Sequence[Trace], joins: dict[tuple[str, str], Join]) -> None:
        every = [(trace, one) for trace in traces for one in trace.spans.values() if one.key in joins]
        for at in range(0, len(every), WRITTEN_AT_ONCE):
            some = every[at : at + WRITTEN_AT_ONCE]
            batch = self._batch([one for _, one in some], joins)
            began = self._clock()
            written = self._store.write(batch, self._session_spans)
            for trace, one in some:
                self._unjoined.take(trace, {one.span.span_id})
            self.counts.kept += written.kept
            self.counts.over_limit += written.dropped
            self.counts.gone += written.gone
            self.counts.guessed += sum(one.joined_by == "guess" for one in batch.spans)
            self.counts.frames += sum(one.received_frames + one.sent_frames for one in batch.counted.values())
            self.counts.limited += sum(one.limited for one in batch.counted.values())
            self._stop.wait(min(REST * (self._clock() - began), LONGEST_REST))

    def _batch(self, spans: Iterable[ReceivedSpan], joins: dict[tuple[str, str], Join]) -> SpanBatch:
        kept: list[JoinedSpan] = []
        counted: dict[str, Counted] = {}
        settled: dict[str, Settled] = {}
        for one in spans:
            found = joins[one.key]
            session = found.owner.session
            count = counted.setdefault(session, Counted())
            if found.by != "guess":
                settled.setdefault(one.span.trace_id, Settled(one.span.trace_id, session, found.by, found.owner.route))
            if one.frame == "receive":
                count.received_frames += 1
            elif one.frame == "send":
                count.sent_frames += 1
            else:
                rules = self._rules(found.owner.route)
                if rules.record == "none":
                    continue
                try:
                    span, limited = masked(one.span, rules, self._budget(session), time.time_ns())
                except Exception as problem:
                    # What cannot be searched for secrets is not kept.
                    self._fail(1, problem)
                    continue
                count.limited += limited
                kept.append(JoinedSpan(span, session, found.by))
        return SpanBatch(kept, counted, tuple(settled.values()))

    def _budget(self, session: str) -> SearchBudget:
        budget = self._budgets.pop(session, None) or SearchBudget()
        self._budgets[session] = budget
        if len(self._budgets) > BUDGETS:
            self._budgets.popitem(last=False)
        return budget

    def _ill(self, problem: StoreError) -> None:
        if self.trouble is None:
            self.trouble_at = time.time_ns()
            log.warning("spans of backends are not written: %s (trying again until it works)", problem)
        self.trouble = str(problem)

    def _well(self) -> None:
        if self.trouble is not None:
            log.info("spans of backends are written again")
        self.trouble = self.trouble_at = None
