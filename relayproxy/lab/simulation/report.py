"""Report of a run, for people.

Knows: the lines, and that a backend's words may hold anything.
Must not know: how calls are made and summed up; where the lines go.
"""

from collections.abc import Iterator

from relayproxy.lab.scenarios.result import ScenarioResult
from relayproxy.lab.simulation.summary import CallSummary, Group, SimulationSummary
from relayproxy.lab.simulation.verdict import Verdict
from relayproxy.plural import plural
from relayproxy.text import printable


def report(summary: SimulationSummary, verdict: Verdict) -> str:
    """What came of a run: calls that did not pass, one line for each scenario, then all of it."""
    return "\n".join(map(printable, _lines(summary, verdict)))


def one_call(result: ScenarioResult) -> str:
    """What came of a call, in a line."""
    return printable(_call(CallSummary.of(result)))


def _lines(summary: SimulationSummary, verdict: Verdict) -> Iterator[str]:
    for call in summary.each_call:
        if call.state != "passed":
            yield _call(call)
            yield from (f"  {failure.text}" for failure in call.failures)
    for scenario in summary.scenarios:
        if scenario.calls:
            yield f"{scenario.name}: {_group(scenario)}"
    if len(summary.scenarios) > 1:
        yield f"all: {_group(summary)}"
    if summary.findings:
        yield f"findings: {_listed(summary.findings)}"
    yield from verdict.details
    yield f"{plural(summary.calls, 'call')} in {summary.seconds:.1f} s: {verdict.text}"


def _call(call: CallSummary) -> str:
    what = call.problem or f"{_words(call.ending)} after {call.seconds:.1f} s"
    state = "" if call.state == "passed" else f"{_words(call.state)}: "
    return f"{call.call_sid}  {call.scenario}: {state}{what}"


def _group(group: Group) -> str:
    parts = [f"{group.passed} of {group.calls} passed", _listed(group.endings)]
    latency = group.latency
    if latency.median_ms is not None:
        p95 = "" if latency.p95_ms is None else f", {latency.p95_ms} ms (p95)"
        parts.append(f"answers began after {latency.median_ms} ms (median){p95}, n={latency.n}")
    return "; ".join(parts)


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{count:,} {_words(name)}" for name, count in counts.items())


def _words(name: str) -> str:
    return name.replace("_", " ")
