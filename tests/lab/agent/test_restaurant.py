"""What the demo agent answers."""

import json
import random

import pytest

from relayproxy.lab.agent.phrases import PHRASES, slots
from relayproxy.lab.agent.restaurant import Act, Announcement, Dialogue, Keypad, Leave, Ponder, Speak, Switch


def texts(acts: list[Act]) -> str:
    return " ".join(act.text for act in acts if isinstance(act, Speak))


def handoff(acts: list[Act]) -> dict[str, object]:
    last = acts[-1]
    assert isinstance(last, Leave)
    value: dict[str, object] = json.loads(last.handoff)
    return value


@pytest.mark.parametrize(
    ("text", "asked", "found"),
    [
        ("A table for two tomorrow at seven", None, {"party": "2", "day": "tomorrow", "time": "7:00"}),
        ("at half past eight for 12 people", None, {"party": "12", "time": "8:30"}),
        ("Friday, around 7:45", None, {"day": "friday", "time": "7:45"}),
        ("for seven thirty", "time", {"time": "7:30"}),
        ("seven thirty", None, {}),
        ("Five.", "party", {"party": "5"}),
        ("make that six, on Sunday", None, {"party": "6", "day": "on sunday"}),
        ("It's Ada Winter.", "name", {"name": "Ada Winter"}),
        ("para cinco personas el sábado a las nueve y media", None, {"party": "5", "day": "el sábado", "time": "9:30"}),
        ("Me llamo Inés.", "name", {"name": "Inés"}),
        ("", "name", {}),
    ],
)
def test_what_it_understands(text: str, asked: str | None, found: dict[str, str]) -> None:
    assert slots(text, asked) == found


def test_a_booking() -> None:
    talk = Dialogue(random.Random(0))
    assert texts(talk.greet()) in PHRASES["en"]["greeting"]
    assert texts(talk.hear("I'd like to book a table")) in PHRASES["en"]["ask_party"]
    assert texts(talk.hear("Four.")) in PHRASES["en"]["ask_day"]
    assert texts(talk.hear("Tomorrow at eight")) in PHRASES["en"]["ask_name"]
    booked = texts(talk.hear("My name is Ada Winter."))
    assert "Ada Winter. I have a table for 4 tomorrow at 8:00." in booked
    assert "for 5 tomorrow at 8:00" in texts(talk.hear("Sorry, make that five."))
    assert handoff(talk.hear("Goodbye")) == {
        "reasonCode": "booked",
        "reason": "caller said goodbye",
        "booking": {"party": "5", "day": "tomorrow", "time": "8:00", "name": "Ada Winter"},
    }


def test_it_knows_who_calls() -> None:
    talk = Dialogue(random.Random(0))
    assert texts(talk.hear("What is my name?")) in PHRASES["en"]["ask_name"]
    assert texts(talk.hear("Ada Winter")) in PHRASES["en"]["ask_party"]
    assert "Ada Winter" in texts(talk.hear("What is my name?"))
    assert texts(talk.resume()) == PHRASES["en"]["resumed"][0]


def test_a_person_is_asked_for() -> None:
    acts = Dialogue(random.Random(0)).hear("Can I talk to a person?")
    assert texts(acts) == PHRASES["en"]["person"][0]
    assert handoff(acts)["reasonCode"] == "live-agent"


def test_keys() -> None:
    talk = Dialogue(random.Random(0))
    assert texts(talk.press("*")) == texts(talk.press("7")) == PHRASES["en"]["menu"][0]
    assert texts(talk.press("1")) in PHRASES["en"]["ask_party"]
    assert texts(talk.press("2")) == PHRASES["en"]["hours"][0]
    assert isinstance(talk.press("4")[-1], Keypad)
    assert handoff(talk.press("0"))["reasonCode"] == "live-agent"
    assert handoff(talk.press("#"))["reasonCode"] == "goodbye"


def test_it_switches_and_stays_in_the_language() -> None:
    talk = Dialogue(random.Random(0))
    acts = talk.hear("¿Habla español?")
    assert acts[0] == Switch("es-ES")
    assert texts(talk.hear("Quería reservar una mesa")) == PHRASES["es"]["ask_party"][0]
    assert talk.hear("English please")[0] == Switch("en-US")
    assert texts(talk.press("2")) == PHRASES["en"]["hours"][0]


def test_music_while_it_looks() -> None:
    assert [type(act) for act in Dialogue(random.Random(0)).hear("Could you check that?")] == [
        Speak,
        Announcement,
        Ponder,
        Speak,
    ]


def test_what_it_does_not_understand() -> None:
    assert texts(Dialogue(random.Random(0)).hear("Purple monkeys")) == PHRASES["en"]["unknown"][0]


def test_both_languages_say_everything() -> None:
    assert PHRASES["en"].keys() == PHRASES["es"].keys()
