"""Real calls beside each other: whatever was recorded, each is the same as itself, and every form can be written."""

import json
from functools import cache
from itertools import permutations
from xml.etree import ElementTree

import pytest

from relayproxy.comparison.compare import compare
from relayproxy.comparison.document import document, encoded
from relayproxy.comparison.junit import junit
from relayproxy.comparison.model import Run
from relayproxy.comparison.report import columns, report
from relayproxy.conversation.fold.fold import Fold
from tests.recordings import NAMES, recording


@cache
def recorded(name: str) -> Run:
    """All sessions of a recorded call as one conversation."""
    fold = Fold()
    for session in recording(name).sessions:
        opening = session.opening()
        fold.open(opening)
        for message in session.messages():
            fold.feed(opening.connection_id, message)
        fold.end(opening.connection_id, session.ending())
    return Run(fold.conversation())


@pytest.mark.parametrize("name", NAMES)
def test_a_call_does_not_differ_from_itself(name: str) -> None:
    run = recorded(name)
    for runs in (1, 3):
        found = compare([run] * runs, [run] * runs)
        assert list(found.all_differences()) == []
        assert [turn.before for turn in found.turns] == [turn.after for turn in found.turns]


@pytest.mark.parametrize(("one", "other"), list(permutations(NAMES, 2)))
def test_any_two_calls_can_be_compared_and_shown(one: str, other: str) -> None:
    found = compare([recorded(one)], [recorded(other)])
    back = compare([recorded(other)], [recorded(one)])
    assert len(list(found.all_differences())) == len(list(back.all_differences())) > 0
    for side, run in ((0, recorded(one)), (1, recorded(other))):
        numbers = [(turn.before, turn.after)[side] for turn in found.turns]
        assert [n for n in numbers if n is not None] == [turn.number for turn in run.conversation.turns]
    assert json.loads(encoded(document(found, one, other)))["kind"] == "comparison"
    assert len(ElementTree.fromstring(junit([(one, found)])).findall("*/testcase")) == len(found.turns) + 1
    assert max(map(columns, report(found, one, other, width=100).splitlines())) <= 100
