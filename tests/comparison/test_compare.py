"""Two calls, or several runs of each, side by side."""

import random

import pytest

from relayproxy.comparison.compare import compare
from relayproxy.comparison.limits import LatencyLimit, Limits
from relayproxy.comparison.model import Comparison, Run
from relayproxy.matching import Condition
from tests.comparison.calls import AGENT, CALLER, call


def told(comparison: Comparison) -> list[tuple[str, str, int | None]]:
    return [(one.kind, one.field, one.turn) for one in comparison.all_differences()]


def failed(comparison: Comparison) -> list[tuple[str, str, int | None]]:
    return [(one.kind, one.field, one.turn) for one in comparison.exceeded]


def test_the_same_call_twice_does_not_differ() -> None:
    found = compare([call()], [call()])
    assert told(found) == []
    assert [(turn.before, turn.after, turn.same) for turn in found.turns] == [(n, n, True) for n in range(4)]


def test_other_words_are_told_and_fail_nothing() -> None:
    found = compare([call()], [call(agent=("For when?", "How many are you?", "Your table is booked."))])
    assert told(found) == [("text", "", 2)]
    assert failed(found) == []
    (difference,) = found.all_differences()
    assert difference.text == "The agent said “How many are you?” instead of “For how many?”."


def test_a_turn_that_is_slower_is_found_where_it_is() -> None:
    found = compare([call()], [call((610, 1400, 640))])
    assert failed(found) == [("latency", "response_latency_ms", 2)]
    assert found.exceeded[0].text == "The answer began after 1,400 ms instead of 700 ms (+100%)."


@pytest.mark.parametrize("limit", [LatencyLimit(200, 150), LatencyLimit(20, 800)])
def test_a_latency_has_to_exceed_the_share_and_the_floor(limit: LatencyLimit) -> None:
    assert failed(compare([call()], [call((610, 1400, 640))], Limits(latency=limit))) == []


def test_an_answer_that_is_faster_is_told_and_fails_nothing() -> None:
    found = compare([call((600, 1400, 650))], [call()])
    assert told(found) == [("latency", "response_latency_ms", 2)]
    assert failed(found) == []


def test_an_answer_that_does_not_come_any_more_is_the_worst_regression() -> None:
    silent = call(agent=("For when?", "For how many?", " "), handoff="")
    found = compare([call(handoff="")], [silent])
    assert failed(found) == [("findings", "unanswered", 3), ("latency", "response_latency_ms", 3)]
    assert found.exceeded[1].text == "The answer began after 650 ms, and now cannot be measured."


def test_an_answer_that_the_caller_has_to_ask_for_again() -> None:
    found = compare([call()], [call(agent=("For when?", " ", "Your table is booked."))])
    assert ("findings", "asked_again", 2) in failed(found)
    assert ("turn", "", 3) in told(found)
    assert found.turns[3].answered_with == 2
    assert [one.text for one in found.turns[3].differences] == ["The other call answers this together with turn 2."]
    assert compare([call(agent=("For when?", " ", "Your table is booked."))], [call()]).turns[3].answered_with == 2


def test_a_call_that_is_slower_throughout_is_so_as_a_whole() -> None:
    before, after = [call() for _ in range(3)], [call((1000, 1100, 1050)) for _ in range(3)]
    found = compare(before, after)
    assert found.latency.shift is not None
    assert (found.latency.shift.ms, found.latency.shift.low_ms) == (400, 400)
    assert found.exceeded[0].turn is None
    assert found.exceeded[0].text == (
        "Answers began 400 ms later, +400 to +400 ms with 99 % confidence; the median is 1,050 ms instead of 650 ms."
    )


def test_a_random_agent_has_no_differences_once_its_noise_is_known() -> None:
    rng = random.Random(1)

    def run() -> Run:
        said = [rng.choice(("Sure.", "Of course.", "With pleasure.")) for _ in CALLER]
        number = rng.randrange(10**6)
        return call([rng.randrange(100, 900) for _ in CALLER], said, handoff=f'{{"reasonCode":"x","id":"{number}"}}')

    before = [run() for _ in range(5)]
    found = compare(before, [run() for _ in range(5)])
    assert told(found) == []
    assert {(one.kind, one.field) for one in found.noise} >= {("text", ""), ("handoff", "id")}
    assert told(compare(before[:1], [run()])) != []


def test_what_is_the_same_in_all_runs_of_a_random_agent_still_differs() -> None:
    rng = random.Random(2)

    def run(reason: str, findings: str = "") -> Run:
        said = [rng.choice(("Sure.", "Of course.", "With pleasure.")) for _ in CALLER]
        return call(agent=said, handoff=f'{{"reasonCode":"{reason}"}}', extra=findings)

    found = compare([run("booked") for _ in range(3)], [run("gave-up") for _ in range(3)])
    assert told(found) == [("handoff", "reasonCode", None)]
    found = compare([run("x") for _ in range(3)], [run("x", "30.0 backend raw nonsense") for _ in range(3)])
    assert ("findings", "invalid_message", 3) in failed(found)


def test_a_number_that_is_new_each_time_hides_no_other_words() -> None:
    def run(number: int, words: str = "is booked") -> Run:
        return call(agent=("For when?", "For how many?", f"Table {number} {words}."))

    before = [run(17), run(4), run(8)]
    assert told(compare(before, [run(5), run(6), run(7)])) == []
    assert told(compare(before, [run(5, "is lost"), run(6, "is lost"), run(7, "is lost")])) == [("text", "", 3)]


def test_fields_of_the_handoff_have_limits_of_their_own() -> None:
    before, after = call(), call(handoff='{"reasonCode":"lost","callId":"c2","order":{"id":7}}')
    assert told(compare([before], [after])) == [
        ("handoff", "reasonCode", None),
        ("handoff", "callId", None),
        ("handoff", "order.id", None),
    ]
    rules = Limits(
        handoff={"reason_code": "equal", "callId": "ignore", "order.id": Condition(pattern="^[a-z]"), "order": "ignore"}
    )
    found = compare([before], [after], rules)
    assert failed(found) == [("handoff", "reason_code", None), ("handoff", "order.id", None)]
    assert [one.text for one in found.exceeded] == [
        "reason_code of the handoff is “lost” instead of “booked”.",
        "order.id of the handoff is 7, not a match of '^[a-z]'.",
    ]


def test_a_handoff_that_is_missing_fails() -> None:
    found = compare([call()], [call(handoff="")])
    assert ("handoff", "", None) in failed(found)
    assert ("handoff", "", None) not in failed(compare([call()], [call(handoff="")], Limits(ending=False)))


def test_only_findings_that_are_bad_enough_fail() -> None:
    after = call(agent=("For when?", "For how many? Call 5550100123456.", AGENT[2]))
    found = compare([call()], [after])
    assert ("findings", "raw_number", 2) in told(found)
    assert failed(found) == []
    assert failed(compare([call()], [after], Limits(findings="info"))) == [("findings", "raw_number", 2)]
    assert failed(compare([after], [call()], Limits(findings="info"))) == []


def test_a_turn_of_one_call_alone_is_told() -> None:
    more = call((600, 700, 650, 500), (*AGENT, "Goodbye."), (*CALLER, "thank you"))
    found = compare([call()], [more])
    assert ("turn", "", 4) in told(found)
    assert [(turn.before, turn.after) for turn in found.turns][-1] == (None, 4)
    assert ("turn", "", 4) in told(compare([more], [call()]))


def test_behind_a_divergence_nothing_is_compared() -> None:
    after = call((600, 3000, 9000), ("For when?", "What is your name?", "I did not get that."), handoff="", diverged=2)
    found = compare([call()], [after])
    assert ("diverged", "", 2) in failed(found)
    assert {one.turn for one in found.all_differences()} == {2}
    assert [turn.compared for turn in found.turns] == [True, True, True, False]


def test_a_divergence_that_happens_anyway_is_noise() -> None:
    def runs(diverged: int) -> list[Run]:
        return [call(diverged=2 if place < diverged else None) for place in range(4)]

    found = compare(runs(2), runs(1))
    assert told(found) == []
    assert ("diverged", "") in [(one.kind, one.field) for one in found.noise]


def test_what_the_backend_sent_besides_words() -> None:
    extra = """
        17.640 backend language fr-FR
        17.645 backend play https://example.com/hold.mp3
        17.646 backend sendDigits 12
    """
    found = compare([call()], [call(extra=extra)])
    assert [one[0] for one in told(found)] == ["message_types", "language", "play", "digits"]
    assert {one.turn for one in found.all_differences()} == {3}


def test_a_side_without_a_run_is_refused() -> None:
    with pytest.raises(ValueError, match="a run of each side"):
        compare([], [call()])
