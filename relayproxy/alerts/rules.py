"""Rules of alerts: whether one fires by what was measured, and when it is over.

Knows: limits, samples, the margin by which a value must fall before all is well again.
Must not know: how anything is measured, kept or told.
"""

from dataclasses import dataclass
from typing import Literal

from relayproxy.plural import plural
from relayproxy.settings.alerts import Alert, AlertKind, Severity

Absent = Literal["few", "unknown"]
"""Why there is no value: too few samples; or it cannot be told, such as while no recorder works."""
State = Literal["firing", "well", "between", "few", "unknown"]
MARGIN = 0.9
"""Share of the limit at or below which all is well again: between them nothing changes."""
SECOND = 1_000_000_000
WORDS: dict[AlertKind, str] = {
    "p95_latency": "p95 response latency",
    "waiting": "a caller waits for an answer",
    "failure_rate": "share of failed calls",
    "gaps": "gaps in recordings",
    "no_calls": "time without a call",
    "disk": "used disk",
    "recorder_behind": "recorder behind the calls",
}
_WINDOWED: frozenset[AlertKind] = frozenset({"p95_latency", "failure_rate", "gaps"})
_COUNTED: dict[AlertKind, str] = {"p95_latency": "answer", "failure_rate": "ended call"}


@dataclass(frozen=True, slots=True)
class Rule:
    """An alert of the settings, by its name."""

    name: str
    alert: Alert


@dataclass(frozen=True, slots=True)
class Measured:
    """What was measured for a rule, in the unit of its limit; without a value, why. `session` is a session (our id) to
    look at."""

    value: float | None
    samples: int | None = None
    absent: Absent | None = None
    session: str | None = None


UNKNOWN = Measured(None, absent="unknown")


@dataclass(frozen=True, slots=True)
class OpenAlert:
    """A firing that is not over. Times are wall nanoseconds; `well_since`: since when all has been well again."""

    id: int
    rule: str
    opened_at: int
    worst: float
    well_since: int | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """What follows from a measurement: the rule fires, its firing is over, or goes on with these values."""

    change: Literal["none", "open", "keep", "resolve"]
    worst: float = 0.0
    well_since: int | None = None
    why: Literal["well", "few"] = "well"
    """Of `resolve`: the value has fallen, or there is nothing to measure any more."""


def judge(rule: Rule, measured: Measured) -> State:
    """The state of a rule by what was measured. Too few samples never fire."""
    alert = rule.alert
    if measured.value is None:
        return measured.absent or "unknown"
    if measured.samples is not None and alert.kind in _COUNTED and measured.samples < alert.min_samples:
        return "few"
    if measured.value > alert.above:
        return "firing"
    return "well" if measured.value <= alert.above * MARGIN else "between"


def step(rule: Rule, measured: Measured, found: OpenAlert | None, now: int) -> Step:
    """The next step at `now` (wall nanoseconds), where `found` is the rule's open firing. What is not known changes
    nothing; what is between the limit and its margin only begins the wait for the end anew."""
    state = judge(rule, measured)
    value = measured.value or 0.0
    if found is None:
        return Step("open", value) if state == "firing" else Step("none")
    if state == "unknown":
        return Step("none")
    if state in ("firing", "between"):
        return Step("keep", max(found.worst, value))
    since = found.well_since
    # A clock that was set back must not keep it open for ever.
    since = now if since is None or since > now else since
    if now - since >= rule.alert.resolve_after * SECOND:
        return Step("resolve", found.worst, since, "few" if state == "few" else "well")
    return Step("keep", found.worst, since)


def shown(kind: AlertKind, value: float) -> str:
    """A value with its unit: `2.63 s`, `12.5%`, `3`, `1 h 5 min`."""
    if kind in ("failure_rate", "disk"):
        return f"{value * 100:.3g}%"
    if kind == "gaps":
        return f"{value:,.0f}"
    if value < 100:
        return f"{value:.3g} s"
    minutes = round(value / 60)
    if minutes < 120:
        return f"{minutes} min"
    return f"{minutes // 60} h" + (f" {minutes % 60} min" if minutes % 60 else "")


def summary(rule: Rule, value: float, samples: int | None) -> str:
    """One sentence with the numbers: `p95 response latency of sales is 3.1 s, above 2.5 s (10 min, 45 answers)`."""
    alert = rule.alert
    where = f" of {alert.route}" if alert.route else ""
    behind = [shown("no_calls", alert.window)] if alert.kind in _WINDOWED else []
    if samples is not None and alert.kind in _COUNTED:
        behind.append(plural(samples, _COUNTED[alert.kind]))
    numbers = f" ({', '.join(behind)})" if behind else ""
    return f"{WORDS[alert.kind]}{where}: {shown(alert.kind, value)}, above {shown(alert.kind, alert.above)}{numbers}"


def severity(rule: Rule | None) -> Severity:
    """The severity of a rule; of one that the settings have no more, `info`."""
    return "info" if rule is None else rule.alert.severity
