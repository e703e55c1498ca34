"""Values of a comparison."""

from relayproxy.comparison.compare import compare
from tests.comparison.calls import AGENT, call


def test_differences_of_the_whole_call_come_first() -> None:
    other = call((600, 2700, 650), ("When?", *AGENT[1:]), handoff='{"reasonCode":"lost"}')
    found = compare([call()], [other])
    assert [one.turn for one in found.all_differences()] == [None, None, 1, 2, 2]
    assert [(one.kind, one.turn) for one in found.exceeded] == [("findings", 2), ("latency", 2)]
    assert [turn.same for turn in found.turns] == [True, False, False, True]


def test_noise_is_known_from_several_runs_of_either_side() -> None:
    runs = [call(), call()]
    assert [compare(runs[:n], runs[:m]).noise_known for n, m in ((1, 1), (1, 2), (2, 1))] == [False, True, True]
