"""Combinations that make no sense, and steps that are never reached."""

from textwrap import dedent

import pytest

from relayproxy.lab.scenarios.reading import ScenarioError, read


def problems(text: str) -> list[str]:
    try:
        read("name: x\n" + dedent(text).lstrip("\n"), "test.yaml")
    except ScenarioError as problem:
        return [line.removeprefix("test.yaml:") for line in str(problem).splitlines()]
    return []


@pytest.mark.parametrize(
    ("turn", "problem"),
    [
        ('{user: A, dtmf: "1"}', "3:15: a turn does one thing, and this one has user and dtmf"),
        (
            "{}",
            "3:5: a turn needs one of user, dtmf, noise, silence, hangup, drop, reconnect; without any it observes, ",
        ),
        ("{language: es-ES, expect: [{event: text}]}", "3:6: language goes with user"),
        ('{dtmf: "1", partials: [A]}', "3:17: partials goes with user"),
        ("{hangup: false}", "3:6: write hangup: true, or leave it out"),
        ("{send_after: {event: text}, expect: [{event: text}]}", "3:6: send_after says when the caller acts, and "),
        ("{interrupt: {after_ms: 1}, expect: [{event: text}]}", "3:6: interrupt says when the caller acts, and "),
        ("{user: A, send_after: {}, interrupt: {after_ms: 1}}", "3:31: send_after and interrupt exclude each other"),
        ("{user: A, interrupt: {}}", "3:15: exactly one of after_chars and after_ms is expected"),
        ("{user: A, interrupt: {after_ms: 1, after_chars: 1}}", "3:15: exactly one of after_chars and after_ms"),
        ("{silence: 5, interrupt: {after_ms: 1}}", "3:18: silence interrupts nobody"),
        ("{hangup: true, expect: [{event: end}]}", "3:20: nothing can come after hangup"),
        ("{drop: true, expect: [{event: text}]}", "3:18: nothing can come after drop"),
        ("{expect: [{event: speech_started, text_contains: a}]}", "3:39: speech_started has no text"),
        ("{expect: [{event: config, text_matches: a}]}", "3:31: config has no text"),
        ("{expect: [{event: text, text_matches: '('}]}", "3:29: this is no regular expression: missing ), "),
        ("{expect: [{event: text, present: false}]}", "3:29: present: false needs within_ms"),
    ],
)
def test_a_turn(turn: str, problem: str) -> None:
    (found,) = problems(f"turns:\n  - {turn}\n")
    assert found.startswith(problem)


@pytest.mark.parametrize(
    ("turns", "problem"),
    [
        ("[{hangup: true}, {user: A}]", "2:25: this turn is never reached: the call is over after hangup"),
        ("[{hangup: true}, {expect: [{event: text}]}]", "2:25: this turn is never reached"),
        ("[{hangup: true}, {reconnect: true}]", "2:25: this turn is never reached: the call is over after hangup"),
        ("[{drop: true}, {user: A}]", "2:23: this turn is never reached: the call is over after drop"),
        ("[{drop: true}, {user: A}, {reconnect: true}]", "2:23: this turn is never reached"),
        ("[{drop: true}, {expect: [{event: text}]}, {reconnect: true}]", "2:24: nothing can come between drop and"),
        ("[{user: A, expect: [{event: end}]}, {user: B}]", "2:44: this turn is never reached: the call is over after"),
    ],
)  # fmt: skip
def test_what_is_never_reached(turns: str, problem: str) -> None:
    (found,) = problems(f"turns: {turns}\n")
    assert found.startswith(problem)


@pytest.mark.parametrize(
    "text",
    [
        "turns: []",
        "turns: [{drop: true}, {reconnect: true}, {user: A}, {hangup: true}]",
        "turns: [{user: A, expect: [{event: end}]}, {reconnect: true}, {user: B}]",
        "turns: [{user: A, expect: [{event: end}, {event: text, present: false, within_ms: 5}]}]",
        "turns: [{user: A, expect: [{event: end}]}, {expect: [{event: speech_ended}]}]",
        "turns: [{expect: [{event: end, present: false, within_ms: 9}]}, {user: A}]",
        "twiml: {application_reconnect: true}\nturns: [{drop: true}, {user: A}, {reconnect: true}]",
        "turns: [{hangup: true, interrupt: {after_chars: 5}}]",
    ],
)
def test_what_can_be(text: str) -> None:
    assert problems(text) == []


def test_drop_without_reconnect_leaves_nothing_to_do_even_where_twilio_would_reconnect() -> None:
    text = "twiml: {application_reconnect: true}\nturns: [{drop: true}, {user: A}]"
    assert problems(text) == ["3:23: this turn is never reached: the call is over after drop"]


def test_the_whole_call() -> None:
    assert problems(
        """
        turns: []
        expect:
          findings: [slow_turn, markdwn, wibble]
          handoff:
            a: {}
            b: {pattern: a, present: true}
            c: {pattern: "["}
        """
    ) == [
        '4:25: there is no finding "markdwn"; did you mean "markdown"?',
        '4:34: there is no finding "wibble"',
        "6:5: exactly one of pattern and present is expected",
        "7:5: exactly one of pattern and present is expected",
        "8:9: this is no regular expression: unterminated character set at position 0",
    ]
