"""The sums of a session, turn by turn.

Knows: which numbers of a turn go into which total; how many findings of one kind are listed.
Must not know: messages, or where a turn's numbers come from.

Turns that cannot change any more are added once and may then be forgotten; memory grows by a few bytes a turn.
"""

from collections.abc import Iterable

from relayproxy.conversation.checks.findings import MAX_LISTED
from relayproxy.conversation.measures.percentiles import Sample
from relayproxy.conversation.model import Finding, Turn
from relayproxy.conversation.totals import Totals

_COUNTED = (
    "turns",
    "responses",
    "interrupted_responses",
    "false_interruptions",
    "unanswered",
    "asked_again",
    "coalesced_prompts",
    "speculative",
    "stale_chunks",
    "stale_chars",
    "stalls",
    "sent_chars",
    "unheard_chars",
)


class TotalsAccumulator:
    """The totals of a session, summed over its turns."""

    def __init__(self) -> None:
        self._sums = dict.fromkeys(_COUNTED, 0)
        self._kinds: dict[str, int] = {}
        self._longest: int | None = None
        self._response = Sample()
        self._backend = Sample()
        self._user_bot = Sample()
        self._sentence = Sample()

    def copy(self) -> "TotalsAccumulator":
        made = TotalsAccumulator()
        made._sums, made._kinds = self._sums.copy(), self._kinds.copy()
        made._longest = self._longest
        made._response, made._backend = self._response.copy(), self._backend.copy()
        made._user_bot, made._sentence = self._user_bot.copy(), self._sentence.copy()
        return made

    def add(self, turn: Turn) -> None:
        """Takes a turn in."""
        sums, cuts = self._sums, turn.interruptions
        sums["turns"] += 1
        sums["responses"] += turn.agent_at is not None
        sums["unanswered"] += turn.unanswered or turn.asked_again
        sums["asked_again"] += turn.asked_again
        sums["coalesced_prompts"] += turn.coalesced_prompts
        sums["speculative"] += turn.null_reason == "speculative"
        sums["stalls"] += turn.stalls
        sums["sent_chars"] += len(turn.agent_text)
        sums["unheard_chars"] += len(turn.unheard_text)
        if turn.agent_over_caller:
            self._count("agent_over_caller")
        for cut in cuts:
            self._count(cut.kind)
            sums["false_interruptions"] += cut.false_interruption is True
            sums["stale_chunks"] += cut.stale_chunks
            sums["stale_chars"] += cut.stale_chars
        if cuts and turn.agent_at is not None:
            sums["interrupted_responses"] += max(cut.at for cut in cuts) >= turn.agent_at
        if turn.longest_wait_ms is not None:
            self._longest = max(self._longest or 0, turn.longest_wait_ms)
        asked = turn.caller_at is not None or turn.null_reason == "speculative"
        why = turn.null_reason if asked else None
        self._response.add(turn.response_latency_ms, why)
        backend = turn.budget.backend
        self._backend.add(None if backend is None else round(backend / 1e6), why)
        reasons = turn.null_reasons if asked else {}
        self._user_bot.add(turn.user_bot_latency_ms, reasons.get("user_bot_latency_ms"))
        self._sentence.add(turn.time_to_first_sentence_ms, reasons.get("time_to_first_sentence_ms"))

    def _count(self, kind: str) -> None:
        self._kinds[kind] = self._kinds.get(kind, 0) + 1

    def totals(self) -> Totals:
        """The totals that follow from turns alone; the fields of the session are those of `Totals()`."""
        return Totals(
            longest_wait_ms=self._longest,
            interruptions=dict(sorted(self._kinds.items())),
            response_latency=self._response.spread(),
            backend_latency=self._backend.spread(),
            user_bot_latency=self._user_bot.spread(),
            time_to_first_sentence=self._sentence.spread(),
            **self._sums,  # type: ignore[arg-type]
        )


class FindingList:
    """Findings, of which at most `MAX_LISTED` of one code are kept; all are counted."""

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}
        self._listed: list[Finding] = []

    def copy(self) -> "FindingList":
        made = FindingList()
        made.counts, made._listed = self.counts.copy(), [*self._listed]
        return made

    def add(self, *findings: Finding) -> None:
        """Takes findings in, in any order."""
        for finding in findings:
            count = self.counts[finding.code] = self.counts.get(finding.code, 0) + 1
            if count <= MAX_LISTED:
                self._listed.append(finding)

    def extend(self, turns: Iterable[Turn]) -> None:
        """Takes in those of turns."""
        for turn in turns:
            self.add(*turn.findings)

    def merge(self, other: "FindingList") -> None:
        """Takes in those of another list, the counted ones too."""
        known = self.counts.copy()
        self.add(*other._listed)
        self.counts = known | {code: known.get(code, 0) + count for code, count in other.counts.items()}

    def listed(self) -> tuple[Finding, ...]:
        """The kept findings in order of time."""
        return tuple(sorted(self._listed, key=lambda finding: finding.at))
