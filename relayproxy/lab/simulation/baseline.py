"""Baseline: whether answers of a run begin later than those of an earlier one.

Knows: what makes two runs comparable, and what a regression is.
Must not know: how calls are made and summed up; where the files are.
"""

from collections.abc import Iterator
from typing import Literal

import msgspec

from relayproxy.comparison.limits import LatencyLimit
from relayproxy.errors import RelayproxyError
from relayproxy.lab.simulation.content import content_hash
from relayproxy.lab.simulation.document import VERSION
from relayproxy.lab.simulation.summary import LatencySummary, ScenarioSummary, Settings, SimulationSummary


class BaselineError(RelayproxyError):
    """Raised for a file that is no baseline, or none of the same scenarios and settings."""


class _Head(msgspec.Struct, frozen=True):
    version: int
    kind: Literal["simulation"]


class _Latencies(msgspec.Struct, frozen=True):
    name: str
    hash: str
    latency: LatencySummary


class Baseline(_Head, frozen=True):
    """An earlier run: what is compared of its JSON document."""

    settings: Settings
    hash: str
    scenarios: tuple[_Latencies, ...]


class Regression(msgspec.Struct, frozen=True):
    """A latency that grew beyond the limit."""

    scenario: str
    measure: Literal["median", "p95"]
    before_ms: int
    now_ms: int | None
    """null: it could not be measured, which is worse than any number."""

    def __str__(self) -> str:
        if self.now_ms is None:
            return f"{self.scenario}: {self.measure} was {self.before_ms} ms, and could not be measured"
        more = f", {self.now_ms / self.before_ms - 1:+.0%}" if self.before_ms > 0 else ""
        return f"{self.scenario}: {self.measure} was {self.before_ms} ms, is {self.now_ms} ms{more}"


def read_baseline(text: bytes, file: str) -> Baseline:
    """The baseline of a file's content. Raises BaselineError."""
    try:
        if (version := msgspec.json.decode(text, type=_Head).version) != VERSION:
            raise BaselineError(f"{file}: its version is {version}, and {VERSION} is expected; make a new baseline")
        return msgspec.json.decode(text, type=Baseline)
    except (msgspec.DecodeError, UnicodeDecodeError) as problem:
        raise BaselineError(f"{file}: it is no baseline: {problem}") from None
    except RecursionError:
        raise BaselineError(f"{file}: it is no baseline: its JSON is nested too deeply") from None


def require_comparable(baseline: Baseline, content: str, settings: Settings) -> None:
    """Raises BaselineError when the run is one of other scenarios (the hash of their content), or with other
    settings."""
    if baseline.hash != content or content_hash({one.name: one.hash for one in baseline.scenarios}) != content:
        raise BaselineError(
            "the baseline cannot be compared: its scenarios are others, or have changed; make a new baseline"
        )
    before, now = msgspec.structs.asdict(baseline.settings), msgspec.structs.asdict(settings)
    different = [f"{name} was {before[name]}, is {now[name]}" for name in now if before[name] != now[name]]
    if different:
        raise BaselineError(f"the baseline cannot be compared: {'; '.join(different)}")


def regressions(baseline: Baseline, summary: SimulationSummary, limit: LatencyLimit) -> tuple[Regression, ...]:
    """The latencies that grew beyond the limit, worst first: what could not be measured, then by the share that it
    grew."""
    before = {scenario.name: scenario.latency for scenario in baseline.scenarios}
    found = [one for now in summary.scenarios for one in _regressions(before[now.name], now, limit)]
    return tuple(sorted(found, key=_growth, reverse=True))


def _regressions(before: LatencySummary, now: ScenarioSummary, limit: LatencyLimit) -> Iterator[Regression]:
    measures: tuple[tuple[Literal["median", "p95"], int | None, int | None], ...] = (
        ("median", before.median_ms, now.latency.median_ms),
        ("p95", before.p95_ms, now.latency.p95_ms),
    )
    for measure, was, found in measures:
        if was is not None and (found is None or limit.exceeded(was, found)):
            yield Regression(now.name, measure, was, found)


def _growth(regression: Regression) -> float:
    return float("inf") if regression.now_ms is None else regression.now_ms / max(regression.before_ms, 1)
