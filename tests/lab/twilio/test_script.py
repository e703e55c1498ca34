"""The words of a caller's script."""

from typing import get_args

import msgspec
import pytest

from relayproxy.lab.scenarios.builtin import SCENARIOS
from relayproxy.lab.twilio.script import HangUp, Listen, Pause, Press, Say, Scenario, Step, TwiML


def test_a_caller_speaks_at_once_unless_the_script_says_otherwise() -> None:
    assert [Say("Hello").after_words, Press("1").after_words, HangUp().after_words] == [0, 0, 0]
    assert Say("Hello").partials == ()


def test_a_demonstration_reports_all_there_is_to_report_and_anything_interrupts() -> None:
    twiml = TwiML()

    assert twiml.partial_prompts
    assert twiml.dtmf
    assert twiml.events
    assert twiml.interruptible == twiml.report_input_during_agent_speech == twiml.greeting_interruptible == "any"
    assert not twiml.preemptible
    assert twiml.greeting == ""


def test_a_script_that_is_played_twice_is_the_same_script() -> None:
    scenario = Scenario("greets", "Says hello.", (Listen(), Say("Hello"), Pause(500)))

    with pytest.raises(AttributeError):
        scenario.steps[1].text = "Goodbye"  # type: ignore[union-attr, misc]
    one, other = TwiML(), TwiML()
    one.parameters["restaurant"] = "aurora"
    assert other.parameters == {}


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_every_step_is_one_that_a_caller_can_perform(scenario: Scenario) -> None:
    assert {type(step) for step in scenario.steps} <= set(get_args(Step))
    assert msgspec.convert(msgspec.to_builtins(scenario.twiml), TwiML) == scenario.twiml, "the values are allowed ones"
