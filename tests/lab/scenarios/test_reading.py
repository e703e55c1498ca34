"""Scenario files: what is understood of them, and where and how it is said what is wrong."""

from pathlib import Path
from textwrap import dedent

import pytest

from relayproxy.errors import RelayproxyError
from relayproxy.lab.scenarios.model import (
    CallExpectation,
    Expectation,
    Interruption,
    Place,
    Scenario,
    SendAfter,
    Turn,
)
from relayproxy.lab.scenarios.reading import ScenarioError, load, read
from relayproxy.lab.twilio.twiml import TwiML
from relayproxy.matching import Condition

WHOLE = """\
# A comment.
name: books.a-table_2
about: Everything at once.
twiml:
  greeting: "Good day."
  interruptible: none
  events: false
parameters: {plan: gold}
turns:
  - expect:
      - {event: text, text_contains: [good, day], within_ms: 1500}
  - user: |-
      Hello,
      a table for two.
    partials: [Hello, "Hello, a table"]
    language: en-GB
    send_after: {event: speech_ended, delay_ms: 200}
    expect:
      - event: text
        text_matches: "[Ff]or (which|what) day"
  - dtmf: "12#"
    interrupt: {after_ms: 300}
  - silence: 2000
  - drop: true
  - reconnect: true
  - hangup: true
expect:
  handoff: {reason_code: live-agent, vip: true, party: 4, share: 0.5, note: null, text: {pattern: ^a}}
  ending: ended_by_backend
  studio: success
  findings: [slow_turn]
  latency_p95_ms: 2000
"""


def test_a_whole_file() -> None:
    found = read(WHOLE, "books.yaml")
    assert {name: getattr(found, name) for name in Scenario.__struct_fields__} == {
        "name": "books.a-table_2",
        "about": "Everything at once.",
        "twiml": TwiML(greeting="Good day.", interruptible="none", events=False),
        "parameters": {"plan": "gold"},
        "turns": (
            Turn(expect=(Expectation("text", text_contains=("good", "day"), within_ms=1500),)),
            Turn(
                user="Hello,\na table for two.",
                partials=("Hello", "Hello, a table"),
                language="en-GB",
                send_after=SendAfter("speech_ended", 200),
                expect=(Expectation("text", text_matches="[Ff]or (which|what) day"),),
            ),
            Turn(dtmf="12#", interrupt=Interruption(after_ms=300)),
            Turn(silence=2000),
            Turn(drop=True),
            Turn(reconnect=True),
            Turn(hangup=True),
        ),
        "expect": CallExpectation(
            handoff={
                "reason_code": "live-agent",
                "vip": True,
                "party": 4,
                "share": 0.5,
                "note": None,
                "text": Condition(pattern="^a"),
            },
            ending="ended_by_backend",
            studio="success",
            findings=("slow_turn",),
            latency_p95_ms=2000,
        ),
    }


def test_everything_has_its_place() -> None:
    places = read(WHOLE, "books.yaml").origin.places
    assert places["name",] == Place(2, 1)
    assert places["turns", 0, "expect", 0] == Place(11, 9)
    assert places["turns", 1] == Place(12, 5)
    assert places["turns", 1, "expect", 0, "text_matches"] == Place(20, 9)
    assert places["expect", "handoff", "vip"] == Place(28, 38)


def problems(text: str) -> list[str]:
    with pytest.raises(ScenarioError) as caught:
        read(dedent(text).lstrip("\n"), "test.yaml")
    return [line.removeprefix("test.yaml:") for line in str(caught.value).splitlines()]


@pytest.mark.parametrize(
    ("turn", "problem"),
    [
        ("- usr: Hello", '3:5: unknown key "usr"; did you mean "user"?'),
        ("- sendAfter: {delay_ms: 1}", '3:5: unknown key "sendAfter"; did you mean "send_after"?'),
        ("- wibble: 1", '3:5: unknown key "wibble"; known are user, dtmf, noise, silence, hangup, drop, reconnect, '),
        ("- dtmf: 123#", '3:11: keys are written in quotes: write dtmf: "123#"'),
        ("- dtmf: 123", '3:11: keys are written in quotes: write dtmf: "123"'),
        ("- dtmf: #", '3:10: keys are written in quotes: write dtmf: "123#"'),
        ('- dtmf: "12a"', "3:11: keys are expected: 0-9, * and #"),
        ('- dtmf: ""', "3:11: keys are expected: 0-9, * and #"),
        ("- user: 42", '3:11: text is expected, and 42 without quotes is none: write user: "42"'),
        ("- user: no", '3:11: text is expected, and no without quotes is none: write user: "no"'),
        ("- user: 7:30", '3:11: text is expected, and 7:30 without quotes is none: write user: "7:30"'),
        ("- user: 2026-11-29", '3:11: text is expected, and 2026-11-29 without quotes is none: write user: "2026'),
        ("- user:", "3:10: text is expected, not nothing"),
        ('- user: ""', "3:11: text is expected, and this is empty"),
        ("- user: [Hello]", "3:11: text is expected, not a list"),
        ("- silence: soon", '3:14: a whole number is expected, not "soon"'),
        ("- silence: 1.5", "3:14: a whole number is expected, not 1.5"),
        ("- silence: -1", "3:14: 0 or more is expected"),
        ("- silence: 0x10", "3:14: a whole number is expected, not 0x10"),
        ("- silence: 86400001", "3:14: 86400000 or less is expected"),
        ("- hangup: yes please", '3:13: true or false is expected, not "yes please"'),
        ("- {user: A, partials: Hello}", '3:25: a list is expected, not "Hello"'),
        ("- {user: A, partials: [Hello, 7]}", '3:33: text is expected, and 7 without quotes is none: write "7"'),
        ("- {user: A, send_after: 5}", "3:27: a mapping of keys is expected, not 5"),
        ("- {user: A, send_after: {event: spoken}}", '3:35: "spoken" is not known; known are config, end, error'),
        (
            "- {user: A, send_after: {event: speech_end}}",
            '3:35: "speech_end" is not known; did you mean "speech_',
        ),
        ("- expect: [{text_contains: a}]", '3:14: the key "event" is missing'),
        ("- expect: [{event: text, text_contains: {a: 1}}]", "3:43: text or a list is expected, not a mapping of keys"),
        ("- {user: A, user: B}", '3:15: the key "user" is there twice, first in line 3'),
        ("- {user: A, [1]: B}", "3:15: a key is expected"),
        ("- {<<: {user: A}}", "3:6: a key is expected"),
        ("- !!python/name:os.system x", "3:5: a mapping of keys is expected, not x"),
        ("- Hello", '3:5: a mapping of keys is expected, not "Hello"'),
    ],
)
def test_what_is_wrong_in_a_turn(turn: str, problem: str) -> None:
    (found,) = problems(f"name: x\nturns:\n  {turn}\n")
    assert found.startswith(problem)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "1:1: the file is empty"),
        ("# nothing\n", "1:1: the file is empty"),
        ("- a list", "1:1: a mapping of keys is expected, not a list"),
        ("turns: []", '1:1: the key "name" is missing'),
        ("name: a b\nturns: []", "1:7: a name of letters, digits and - _ . is expected"),
        ("name: x\nturns: []\ntwiml: {interruptible: false}", '3:24: "false" is not known; known are any, dtmf, none'),
        ("name: x\nturns: []\ntwiml: {partialPrompts: false}", '3:9: unknown key "partialPrompts"; did you mean'),
        ("name: x\nturns: []\nparameters: {plan: 7}", '3:20: text is expected, and 7 without quotes'),
        ("name: x\nturns: []\nexpect: {ending: ended}", '3:18: "ended" is not known; did you mean "ended_by_backend"?'),
        ("name: x\nturns: []\nexpect: {findings: some}", '3:20: none or a list is expected, not "some"'),
        ("name: x\nturns: []\nexpect: {handoff: {a: [1]}}", "3:23: "),
        ("name: x\nturns: []\nexpect: {handoff: {a: {patern: b}}}", '3:24: unknown key "patern"; did you mean'),
        ("name: x\nturns: []\norigin: {}", '3:1: unknown key "origin"; known are'),
        ('name: x\nturns: [{user: "\\ud83d"}]', "2:16: half a pair of surrogates"),
        ('name: x\nparameters: {"\\udc00": a}\nturns: []', "2:14: half a pair of surrogates"),
        ("name: x\nturns: [", "2:9: this is no YAML: while parsing a flow node, "),
        ("name: x\n\tturns: []", "2:1: this is no YAML: while scanning for the next token, "),
        ("name: \x07\nturns: []", "1:7: this is no YAML: special characters are not allowed"),
        ("name: x\nturns: []\n---\nname: y\n", "3:1: a file has one scenario; this begins another document"),
        ("name: x\nturns: &a []\n", "2:8: anchors (&) and aliases (*) are not taken; put text in quotes"),
        ("name: x\nturns: [*a]\n", "2:9: anchors (&) and aliases (*) are not taken; put text in quotes"),
        ("name: x\nturns: " + "[" * 50 + "]" * 50, "2:27: nested too deeply"),
        ("name: x\nturns: []\n#" + "x" * 1_000_000, "1:1: the file is larger than 1,000,000 characters"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_file(text: str, problem: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        read(text, "test.yaml")
    (found,) = str(caught.value).splitlines()
    assert found.removeprefix("test.yaml:").startswith(problem)


def test_a_bomb_of_aliases_is_refused_before_it_goes_off() -> None:
    levels = "\n".join(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]" for n in range(1, 40))
    assert problems(f"l0: &l0 boom\n{levels}\nname: *l39\n")[0].startswith("1:5: anchors")


def test_all_problems_are_told_in_order() -> None:
    assert problems(
        """
        turns:
          - usr: Hello
          - dtmf: 1
        name: x
        expect: {findings: [slowturn]}
        wiml: {}
        """
    ) == [
        '2:5: unknown key "usr"; did you mean "user"?',
        '3:11: keys are written in quotes: write dtmf: "1"',
        '6:1: unknown key "wiml"; did you mean "twiml"?',
    ]


def test_files(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_bytes(b"\xef\xbb\xbfname: x\r\nturns: []\r\n")
    assert load(file).name == "x"
    assert load(file).origin.file == str(file)
    file.write_bytes(b"name: \xff")
    with pytest.raises(ScenarioError, match="1:1: the file is not UTF-8"):
        load(file)
    with pytest.raises(RelayproxyError, match="No such file"):
        load(tmp_path / "gone.yaml")
