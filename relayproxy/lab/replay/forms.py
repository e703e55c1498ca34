"""Forms of a replay's outcome: for people, as a JSON document, as JUnit XML.

Knows: what stands in each, and in which order.
Must not know: how an outcome comes about; where the forms go.
"""

from collections.abc import Iterator

import msgspec

from relayproxy.comparison import document as comparisons
from relayproxy.comparison.junit import suite_of
from relayproxy.comparison.report import report as comparison_report
from relayproxy.junit import document as xml
from relayproxy.junit import suite
from relayproxy.lab.replay.outcome import RecordingOutcome, ReplayOutcome
from relayproxy.lab.simulation.document import VERSION
from relayproxy.lab.simulation.junit import cases
from relayproxy.lab.simulation.report import report as calls_report
from relayproxy.text import printable

NEW, CURRENT, RECORDED = "the backend that is tried", "today's backend", "the recording"


def report(outcome: ReplayOutcome, *, width: int = 80, colour: bool = False) -> str:
    """Turn by turn what differs, recording by recording; then its calls, and all of it. A recording of which nothing
    differs takes a line."""
    lines = [line for one in outcome.recordings for line in _recording(one, outcome, width=width, colour=colour)]
    return "\n".join([*lines, calls_report(outcome.summary, outcome.verdict)])


def document(outcome: ReplayOutcome) -> bytes:
    """The document, in lines that people can read: that of a simulation, with what is compared beside it."""
    before = RECORDED if outcome.current is None else CURRENT
    compared = [
        {
            "name": one.name,
            "left_out": one.left_out,
            "comparison": None if one.comparison is None else comparisons.document(one.comparison, before, NEW),
        }
        for one in outcome.recordings
    ]
    head = {"version": VERSION, "kind": "replay", "verdict": outcome.verdict}
    value = head | msgspec.structs.asdict(outcome.summary) | {"current": outcome.current, "recordings": compared}
    return msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n"


def junit(outcome: ReplayOutcome) -> bytes:
    """The document: a suite of the calls and the verdict, and one of the turns of each recording."""
    return xml(
        [
            suite("relayproxy replay", cases(outcome.summary, outcome.verdict), outcome.summary.seconds),
            *(suite_of(one.name, one.comparison) for one in outcome.recordings if one.comparison is not None),
        ]
    )


def _recording(one: RecordingOutcome, outcome: ReplayOutcome, *, width: int, colour: bool) -> Iterator[str]:
    name = printable(one.name)
    if one.comparison is not None and any(one.comparison.all_differences()):
        before = RECORDED if outcome.current is None else CURRENT
        yield f"{name}:"
        yield comparison_report(one.comparison, before, NEW, width=width, colour=colour)
        yield ""
    elif one.comparison is not None:
        yield f"{name}: nothing differs{' more than between calls of today' if outcome.current else ''}"
    for text in one.left_out:
        yield f"{name}: {printable(text)}"
