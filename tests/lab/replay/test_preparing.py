"""What was not stored of a caller is refused, in a sentence that says where it is, or filled on request."""

import msgspec
import pytest

from relayproxy.connection import Ending
from relayproxy.conversation.message import Message
from relayproxy.lab.replay.deeds import Key, Utterance
from relayproxy.lab.replay.preparing import NotReplayable, prepare
from relayproxy.lab.replay.script import Script
from tests.lab.replay.recorded import Part, of_parts, of_script, parts_of_script

SECRETS = """
    0.000 twilio  setup sessionId=VX1 callSid=CA1 token=◦◦◦••• plan=gold
    1.000 twilio  prompt "My PIN is ◦◦◦◦ ◦◦◦◦◦ ◦◦◦ ◦◦◦." last
    2.000 backend text "Thank you. Your account?" last
    3.000 twilio  dtmf •
    3.300 twilio  dtmf •
    3.600 twilio  dtmf •
    9.000 twilio  close 1000 'Closing websocket session'
    9.050 -       gone first=twilio twilio=eof backend=eof
"""


def secrets() -> list[Part]:
    """The call, with what its messages say of their masks."""
    ((opening, messages, ending),) = parts_of_script(SECRETS)
    told = tuple(msgspec.structs.replace(m, redacted={"pin": 1}) if m.seq == 1 else m for m in messages)
    return [(opening, told, ending)]


def prepared(parts: list[Part], parameters: dict[str, str] | None = None, *, fill: bool = False) -> Script:
    return prepare(of_parts(parts), "VX1", parameters or {}, fill=fill)


def test_what_is_masked_is_refused_and_the_refusal_says_where_it_is() -> None:
    with pytest.raises(NotReplayable) as refused:
        prepared(secrets())

    assert str(refused.value) == (
        "VX1: what the caller said is masked (message 1: pin); keys that were pressed are masked (messages 3, 4, 5); "
        "customParameters.token of the setup message: masked, which --parameters can set"
    )


def test_test_values_take_the_place_of_what_is_masked() -> None:
    script = prepared(secrets(), fill=True)

    deeds = [act.deed for act in script.acts]
    assert isinstance(deeds[0], Utterance)
    assert deeds[0].text == "My PIN is four three one six."
    assert deeds[1:4] == [Key("4"), Key("8"), Key("2")]
    assert script.parameters == {"token": "sam916", "plan": "gold"}


def test_parameters_map_recorded_ones_and_come_to_them() -> None:
    with pytest.raises(NotReplayable) as refused:
        prepared(secrets(), {"token": "fresh", "extra": "1"})
    assert "customParameters" not in str(refused.value), "that one is given"

    assert prepared(secrets(), {"token": "fresh", "extra": "1"}, fill=True).parameters == {
        "plan": "gold",
        "token": "fresh",
        "extra": "1",
    }


def _with(parts: list[Part], message: Message) -> list[Part]:
    ((opening, messages, ending),) = parts
    return [(opening, (*messages[:2], message, *messages[2:]), ending)]


def _recorded_as(parts: list[Part], record: str) -> list[Part]:
    ((opening, messages, ending),) = parts
    return [(msgspec.structs.replace(opening, record=record), messages, ending)]


def _ended(parts: list[Part], ending: Ending | None) -> list[Part]:
    return [(parts[0][0], parts[0][1], ending)]


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        (_recorded_as(secrets(), "metadata"), "it was recorded without words"),
        (_ended(secrets(), None), "the call had not ended when it was recorded"),
        (
            _with(secrets(), Message(9, 10**9, "twilio", "gap", size=300, note="buffer")),
            "300 bytes from Twilio could not be recorded (message 9 of connection 0)",
        ),
        (
            _with(secrets(), Message(9, 10**9, "twilio", "text", text='{"type":"prompt"', cut=True, type="prompt")),
            "the whole of a message from Twilio (prompt) could not be recorded",
        ),
        (parts_of_script('0.000 twilio refused status=403 error="refused"'), "the call was never connected"),
    ],
)
def test_a_caller_of_whom_something_is_missing_cannot_be_filled(parts: list[Part], reason: str) -> None:
    with pytest.raises(NotReplayable, match="VX1: ") as refused:
        prepared(parts, fill=True)

    assert reason in str(refused.value)


def test_a_gap_on_the_agents_side_is_none_of_the_callers() -> None:
    gap = Message(9, 10**9, "backend", "gap", size=300, note="buffer")

    assert prepared(_with(secrets(), gap), fill=True).acts


def test_a_greeting_is_played_with_test_values_where_it_is_masked() -> None:
    call = of_script(
        """
        0.000 twilio  setup sessionId=VX1
        0.300 twilio  info agentSpeaking on
        1.300 twilio  info tokensPlayed "Welcome, ◦◦◦◦◦◦."
        1.300 twilio  info agentSpeaking off
        9.000 twilio  close 1000 'Closing websocket session'
        9.050 -       gone first=twilio twilio=eof backend=eof
        """
    )

    assert len(prepare(call, "VX1", {}, fill=False).twiml.greeting) == len("Welcome, ◦◦◦◦◦◦.")
