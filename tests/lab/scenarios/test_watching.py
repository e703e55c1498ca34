"""What a turn expects of the agent: which events count, and what is said of those that do not come."""

import re

import pytest

from tests.lab.backend import Backend
from tests.lab.scenarios.stage import failed


async def talk(peer: Backend) -> None:
    """Plays music, answers in three pieces, switches the language, and says no more."""
    while not (await peer.next("prompt"))["last"]:
        pass
    await peer.send(type="play", source="https://example.com/hold.mp3")
    for token, last in (("Table for ", False), ("four, ", False), ("tomorrow.", True)):
        await peer.send(type="text", token=token, last=last)
    await peer.send(type="language", ttsLanguage="es-ES")
    await peer.closed()


def turn(*expected: str) -> str:
    lines = "\n".join(f"              - {{{each}}}" for each in expected)
    return f"""
        turns:
          - user: Hello.
            send_after: {{event: turn}}
            expect:
{lines}
        """


@pytest.mark.parametrize(
    "expected",
    [
        ("event: text",),
        ('event: text, text_contains: "table for FOUR", within_ms: 20000',),
        ('event: text, text_contains: [four, tomorrow], text_matches: "^Table for \\\\w+, \\\\w+\\\\.$"',),
        ("event: play, text_contains: hold.mp3", "event: text", "event: language, text_matches: ^es"),
        ("event: text", "event: speech_started", "event: speech_ended"),
        ("event: text", "event: text, present: false, within_ms: 3000"),
        ("event: text, text_contains: sorry, present: false, within_ms: 3000",),
    ],
)
async def test_events_that_come(expected: tuple[str, ...]) -> None:
    assert await failed(turn(*expected), talk) == []


@pytest.mark.parametrize(
    ("expected", "message"),
    [
        (
            ("event: text, text_contains: sushi, within_ms: 200",),
            'expected text that contains "sushi" within 200 ms; got play "https://example.com/hold.mp3" after N ms, '
            'text "Table for four, tomorrow." after N ms, language "es-ES" after N ms',
        ),
        (
            ("event: text", "event: play, within_ms: 200"),
            'expected play within 200 ms; got language "es-ES" after N ms',
        ),
        (("event: language", "event: sendDigits, within_ms: 200"), "expected sendDigits within 200 ms; got nothing"),
        (
            ("event: text, present: false, within_ms: 3000",),
            'expected no text within 3000 ms; got text "Table for four, tomorrow." after N ms',
        ),
        (("event: text, text_matches: ^table, within_ms: 100", "event: end"), "expected text that matches '^table'"),
    ],
)
async def test_events_that_do_not_come(expected: tuple[str, ...], message: str) -> None:
    (found,) = await failed(turn(*expected), talk)
    assert re.sub(r"after \d+ ms", "after N ms", found).split("): ")[1].startswith(message)


async def test_a_failure_names_its_line() -> None:
    (found,) = await failed(turn("event: text", "event: sendDigits, within_ms: 100"), talk)
    assert found.startswith("test, turn 1 (test.yaml:8): expected sendDigits")


async def test_what_comes_too_late() -> None:
    async def late(peer: Backend) -> None:
        while not (await peer.next("prompt"))["last"]:
            pass
        async for _ in peer.connection:
            pass

    (found,) = await failed(turn("event: text, within_ms: 50"), late, patience=0.2)
    assert found.endswith("expected text within 50 ms; got nothing within 50 ms")


async def test_a_reply_that_began_in_time_may_go_on() -> None:
    async def slow(peer: Backend) -> None:
        while not (await peer.next("prompt"))["last"]:
            pass
        await peer.send(type="text", token="One moment.", last=False)
        # So long it takes to be played, which is longer than what is allowed until it begins.
        while await peer.next("info") != {"type": "info", "name": "agentSpeaking", "value": "off"}:
            pass
        await peer.send(type="text", token=" Four.", last=True)
        await peer.closed()

    assert await failed(turn("event: text, text_contains: four, within_ms: 100"), slow) == []


async def test_a_reply_that_never_ends() -> None:
    async def unfinished(peer: Backend) -> None:
        while not (await peer.next("prompt"))["last"]:
            pass
        await peer.send(type="text", token="Four.", last=False)
        await peer.closed()

    (found,) = await failed(turn("event: text, text_matches: Four"), unfinished, patience=0.2)
    assert 'got text "Four." (without last: true so far) after' in found


async def test_nothing_is_waited_for_once_the_call_is_over() -> None:
    async def gone(peer: Backend) -> None:
        await peer.send(type="text", token="Good day.", last=True)
        await peer.connection.close(1011)

    text = "turns: [{expect: [{event: text, text_contains: good}, {event: play}]}]"
    (found,) = await failed(text, gone, patience=600)
    assert found == "test, turn 1 (test.yaml:2): expected play; got nothing before the call was over"
