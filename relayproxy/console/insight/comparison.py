"""Comparison of two summaries: differences and whether they are significant.

Knows: which numbers are compared, how a difference is worded, and when it may be chance.
Must not know: HTTP, HTML, SQL.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from relayproxy.console.http.times import latency
from relayproxy.console.insight.statistics import Figure, Significance, verdict
from relayproxy.console.insight.summary import CallsSummary, figure
from relayproxy.console.words import Tone

Unit = Literal["ms", "%"]


@dataclass(frozen=True, slots=True)
class Measure:
    """One number over many calls, with what its `n` counts. Less is better, whichever it is."""

    code: str
    name: str
    unit: Unit
    counts: str
    meaning: str
    of: Callable[[CallsSummary], Figure]


MEASURES = (
    Measure(
        "response_p50_ms",
        "Median latency",
        "ms",
        "turn",
        "Half of the answers began sooner: from the caller's final prompt to the first word to Twilio.",
        lambda one: one.percentile(0.5),
    ),
    Measure(
        "response_p95_ms",
        "95th percentile latency",
        "ms",
        "turn",
        "19 of 20 answers began sooner. Nearest rank over all turns.",
        lambda one: one.percentile(0.95),
    ),
    Measure(
        "interruption_rate",
        "Interrupted answers",
        "%",
        "answer",
        "Answers that the caller interrupted, of all that had something to say.",
        lambda one: figure(one.interruptions),
    ),
    Measure(
        "stale_rate",
        "Calls with stale output",
        "%",
        "call",
        "Calls in which the backend went on sending an answer after it had been interrupted.",
        lambda one: figure(one.stale),
    ),
    Measure(
        "unanswered_rate",
        "Unanswered turns",
        "%",
        "turn",
        "Turns in which a prompt or key got no answer, or only after the caller had asked again.",
        lambda one: figure(one.unanswered),
    ),
    Measure(
        "failed_rate",
        "Failed calls",
        "%",
        "ended call",
        "Calls that left the Studio widget through its Failed transition.",
        lambda one: figure(one.failed),
    ),
)

VERDICTS: dict[Significance, tuple[str, Tone]] = {
    "better": ("better", "good"),
    "worse": ("worse", "bad"),
    "unclear": ("no clear difference", "calm"),
    "few": ("too few to tell", "warn"),
    "none": ("nothing to compare", "calm"),
}


@dataclass(frozen=True, slots=True)
class Difference:
    """A measure on both sides."""

    measure: Measure
    a: Figure
    b: Figure

    @property
    def by(self) -> float | None:
        """The value on side b less that on side a."""
        return None if self.a.value is None or self.b.value is None else self.b.value - self.a.value

    @property
    def share(self) -> float | None:
        """The same, of what it was on side a."""
        return None if self.by is None or not self.a.value else self.by / self.a.value

    @property
    def verdict(self) -> Significance:
        return verdict(self.a, self.b)


def differences(a: CallsSummary, b: CallsSummary) -> tuple[Difference, ...]:
    """All measures of both."""
    return tuple(Difference(measure, measure.of(a), measure.of(b)) for measure in MEASURES)


def told(measure: Measure, value: float | None) -> str:
    """A value of the measure, for people."""
    if value is None:
        return "–"
    return latency(round(value)) if measure.unit == "ms" else f"{100 * value:.1f} %"


def told_difference(one: Difference) -> str:
    """The difference of side b from side a in words; empty when one side has no number."""
    if one.by is None:
        return ""
    sign = "+" if one.by > 0 else "−" if one.by < 0 else "±"
    if one.measure.unit == "%":
        return f"{sign}{100 * abs(one.by):.1f} points"
    share = "" if one.share is None else f" ({sign}{100 * abs(one.share):.0f} %)"
    return f"{sign}{latency(round(abs(one.by)))}{share}"
