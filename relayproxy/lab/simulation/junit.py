"""JUnit XML of a run: a test case for each call, and one for the verdict.

Knows: what of a call and of the verdict a test case tells.
Must not know: how calls are made and summed up; XML.
"""

from collections.abc import Iterator

from relayproxy.junit import Case, Unsuccessful, document, suite
from relayproxy.lab.simulation.summary import CallSummary, SimulationSummary
from relayproxy.lab.simulation.verdict import ExitCode, Verdict


def junit(summary: SimulationSummary, verdict: Verdict) -> bytes:
    """The document. Test cases are named for the scenario and the number of its call, so that they are the same on
    each run; the call's ids are in its output."""
    return document([suite("relayproxy simulate", cases(summary, verdict), summary.seconds)])


def cases(summary: SimulationSummary, verdict: Verdict) -> Iterator[Case]:
    """The test cases of a run: its calls, then the verdict."""
    numbers = {scenario.name: 0 for scenario in summary.scenarios}
    for call in summary.each_call:
        numbers[call.scenario] += 1
        output = [f"call {call.call_sid}", *(f"session {session}" for session in call.session_ids), call.ending]
        yield Case(
            call.scenario, f"call {numbers[call.scenario]}", call.seconds, _unsuccessful(call), "\n".join(output)
        )
    failed = None
    if verdict.exit_code != ExitCode.CLEAN:
        text = "\n".join((verdict.text, *verdict.details))
        failed = Unsuccessful("failure", f"exit code {verdict.exit_code}", text)
    yield Case("relayproxy", "verdict", unsuccessful=failed)


def _unsuccessful(call: CallSummary) -> Unsuccessful | None:
    if call.problem is not None:
        return Unsuccessful("error", call.state.replace("_", " "), call.problem)
    if call.state == "passed":
        return None
    found = ", ".join(call.findings)
    broken = [f"the backend broke the protocol; found: {found}"] * (call.state == "violation")
    return Unsuccessful("failure", call.state, "\n".join(broken + [failure.text for failure in call.failures]))
