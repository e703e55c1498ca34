"""Exit codes, and which of them wins."""

import msgspec
import pytest

from relayproxy.lab.simulation.summary import CallSummary
from relayproxy.lab.simulation.verdict import verdict
from tests.lab.simulation.runs import call, cut_off, failed, run, unconnected

VIOLATION = call(state="violation")
SILENT = call(spoke=False)
EXPECTED_MORE = failed(spoke=False)


@pytest.mark.parametrize(
    ("calls", "code", "text"),
    [
        ([call(), call()], 0, "clean"),
        ([call(), failed(), failed()], 1, "2 expectations failed"),
        ([call(), SILENT], 0, "clean"),
        ([call(), cut_off()], 1, "1 call cut off"),
        ([failed(), cut_off()], 1, "1 call cut off, 1 expectation failed"),
        ([SILENT, EXPECTED_MORE], 2, "the backend never spoke"),
        ([failed(), VIOLATION], 3, "the backend broke the protocol in 1 call"),
        ([call(), failed(), VIOLATION, unconnected()], 5, "1 call could not be connected"),
        ([SILENT, unconnected(), unconnected()], 5, "2 calls could not be connected"),
    ],
)
def test_what_a_run_comes_to(calls: list[CallSummary], code: int, text: str) -> None:
    found = verdict(run(*calls))
    assert (found.exit_code, found.text) == (code, text)


def test_a_limit_of_the_run_fails_it_and_wins_over_nothing_else() -> None:
    found = verdict(run(call()), ["too slow"])
    assert (found.exit_code, found.text, found.details) == (1, "1 limit exceeded", ("too slow",))
    assert verdict(run(failed()), ["too slow"]).text == "1 expectation failed, 1 limit exceeded"
    assert verdict(run(VIOLATION), ["too slow"]).exit_code == 3


def test_of_a_run_that_was_interrupted_nothing_is_said() -> None:
    found = verdict(msgspec.structs.replace(run(failed()), interrupted=True))

    assert (found.exit_code, found.text) == (130, "interrupted")
