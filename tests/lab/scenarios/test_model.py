"""Scenarios as values."""

import pytest

from relayproxy.lab.scenarios.model import ACTS, Scenario, Turn
from relayproxy.lab.scenarios.reading import read


def test_a_turn_without_an_act_observes() -> None:
    assert not Turn().acts
    acting = (
        Turn(user="A"),
        Turn(dtmf="1"),
        Turn(noise=0),
        Turn(silence=0),
        Turn(hangup=True),
        Turn(drop=True),
        Turn(reconnect=True),
    )
    assert all(turn.acts for turn in acting)
    assert len(acting) == len(ACTS)


def test_a_scenario_that_is_played_twice_is_the_same_scenario() -> None:
    scenario = Scenario("greets", (Turn(user="Hello"),))
    with pytest.raises(AttributeError):
        scenario.turns[0].user = "Goodbye"  # type: ignore[misc]
    other = Scenario("greets", ())
    scenario.parameters["restaurant"] = "aurora"
    assert other.parameters == {}


def test_only_what_was_read_has_a_file() -> None:
    assert Scenario("made", ()).origin is None
    assert read("name: x\nturns: []", "x.yaml").origin.file == "x.yaml"
