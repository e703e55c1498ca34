"""What people are told of a run."""

from relayproxy.lab.simulation.report import report
from relayproxy.lab.simulation.verdict import verdict
from tests.lab.simulation.runs import call, failed, run, unconnected


def test_what_failed_comes_first_and_the_verdict_last() -> None:
    summary = run(
        call(latencies_ms=tuple(range(1, 21)), findings={"asked_again": 1}),
        failed(call_sid="CA2"),
        unconnected(scenario="silent", call_sid="CA3"),
    )
    assert report(summary, verdict(summary)).splitlines() == [
        "CA2  keypad: failed: caller hangup after 1.5 s",
        "  keypad, turn 1 (a.yaml:4): expected text; got nothing",
        "CA3  silent: not connected: answered with 503",
        "keypad: 1 of 2 passed; 2 caller hangup; answers began after 10 ms (median), 19 ms (p95), n=20",
        "silent: 0 of 1 passed; 1 backend connect failed",
        "all: 1 of 3 passed; 2 caller hangup, 1 backend connect failed; "
        "answers began after 10 ms (median), 19 ms (p95), n=20",
        "findings: 1 asked again",
        "3 calls in 2.2 s: 1 call could not be connected",
    ]


def test_a_p95_of_few_answers_is_not_shown() -> None:
    summary = run(call(latencies_ms=(7,)))
    assert report(summary, verdict(summary)).splitlines() == [
        "keypad: 1 of 1 passed; 1 caller hangup; answers began after 7 ms (median), n=1",
        "1 call in 2.2 s: clean",
    ]


def test_a_backends_words_do_not_reach_the_terminal_as_controls() -> None:
    summary = run(failed(got="\x1b[2Jhello\nworld"))
    assert "got \N{REPLACEMENT CHARACTER}[2Jhello world\n" in report(summary, verdict(summary))
