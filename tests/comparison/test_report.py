"""The report for a terminal."""

import json
import re

import pytest

from relayproxy.comparison.compare import compare
from relayproxy.comparison.report import columns, report
from tests.comparison.calls import AGENT, call

OTHER = (
    "For when?",
    "How many are you, please?",
    "Booked\x1b[2J for 八時です。ありがとうございます。" * 4,
)


def test_differences_in_80_columns() -> None:
    found = compare([call()], [call((600, 2700, 650), ("For when?", "For how many people?", AGENT[2]))])
    assert (
        report(found, "v2:a", "v2:b")
        == """\
3 differences in 1 of 4 turns, 2 limits exceeded.
  before  v2:a
  after   v2:b

Response latency        n      median  p95 (of 20+)       least        most
  before                3      650 ms             –      600 ms      700 ms
  after                 3      650 ms             –      600 ms    2,700 ms
  shift +0 ms, turn by turn, from too few values for an interval

Turns 0–1: the same

Turn 2, caller: tomorrow at seven
  ✗ New finding: Slow answer (slow_turn).
  ✗ The answer began after 2,700 ms instead of 700 ms (+286%).
  - For how many?
  + For how many{+ people+}?

Turn 3: the same

One run of each: what varies anyway is not known, so all that differs is told."""
    )


def test_what_is_not_compared_of_a_handoff_is_said() -> None:
    large = call(handoff=json.dumps({f"a{number}": number for number in range(201)}))
    found = compare([call()], [large])
    assert found.handoff_fields_left_out == 1
    said = "The first 200 fields of the handoff are compared; 1 field behind them is not."
    assert said in report(found, "a", "b", width=120).splitlines()
    assert "behind them" not in report(compare([call()], [call()]), "a", "b")


def test_from_100_columns_on_texts_stand_side_by_side() -> None:
    found = compare([call()], [call(agent=("For when?", "For how many people?", AGENT[2]))])
    lines = report(found, "a", "b", width=120).splitlines()
    assert f"    {'For how many?':<56} │ For how many{{+ people+}}?" in lines


@pytest.mark.parametrize("width", [76, 80, 99, 100, 120])
@pytest.mark.parametrize("colour", [False, True])
def test_no_line_is_wider_than_the_terminal(width: int, colour: bool) -> None:
    found = compare([call()] * 2, [call(agent=OTHER, diverged=3)] * 2)
    text = report(found, "a" * 300, "b", width=width, colour=colour)
    plain = re.sub(r"\x1b\[[0-9;]*m", "", text)
    assert max(map(columns, plain.splitlines())) <= width
    assert "\x1b" not in plain
    assert ("\x1b[3" in text) is colour


def test_several_runs_tell_what_is_noise() -> None:
    one, other = call(), call(agent=("When?", "For how many?", AGENT[2]))
    text = report(compare([one, other], [other, one]), "a", "b")
    assert text.startswith("Nothing differs.\n  before  a (2 runs)\n")
    assert "  · The agent's words vary between runs in 1 turn." in text


def test_where_a_call_diverged() -> None:
    text = report(compare([call()], [call(diverged=2)]), "a", "b")
    assert "Turn 3: not compared" in text
    assert "Diverged in turn 2: It asks for a name." in text
