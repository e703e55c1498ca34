"""Calls that are over take no memory of the recorder's."""

import gc
from collections import Counter

from relayproxy.recorder.recorder import Recorder
from relayproxy.redaction.rules import Rules
from tests.recorder.stage import Journal, Stage, prompt, setup, token

ROUND = 20


def calls(journal: Journal, recorder: Recorder, first: int) -> None:
    """So many calls, each of two turns, that end and are committed."""
    for number in range(first, first + ROUND):
        call = journal.call()
        call.twilio(setup(f"VX{number:032x}", f"CA{number:032x}"))
        for turn in range(2):
            call.twilio(prompt(f"question {turn} of call {number}"))
            call.backend(token(f"answer {turn}", last=True))
        call.end()
        if number % 4 == 0:
            recorder.finish()
    recorder.finish()


def objects() -> Counter[str]:
    """What there is of each of our types."""
    gc.collect()
    kinds = Counter(map(type, gc.get_objects()))
    return Counter({f"{kind.__module__}.{kind.__qualname__}": n for kind, n in kinds.items() if _is_ours(kind)})


def _is_ours(kind: type) -> bool:
    return str(kind.__module__).startswith("relayproxy.")


def test_calls_that_are_over_are_not_kept(stage: Stage) -> None:
    journal, recorder = stage.journal(), stage.recorder(rules=Rules())
    open_call = journal.call()
    open_call.twilio(setup())
    calls(journal, recorder, 0)
    before = objects()
    calls(journal, recorder, ROUND)
    calls(journal, recorder, 2 * ROUND)
    more = objects() - before
    assert before["relayproxy.recorder.sessions.session.RecordedSession"] == 1
    assert max(more.values(), default=0) < ROUND, more
