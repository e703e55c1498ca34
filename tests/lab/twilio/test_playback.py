"""The virtual loudspeaker: what is heard, and what is reported of it."""

from tests.lab.twilio.calls import GREETING, call


async def test_the_greeting_is_one_chunk() -> None:
    async with call(greeting=GREETING) as made:
        assert await made.quiet() == [
            "info agentSpeaking on",
            f"info tokensPlayed {GREETING}",
            "info agentSpeaking off",
        ]


async def test_a_reply_is_played_chunk_by_chunk() -> None:
    async with call() as made:
        made.text("I", " heard:", " The", " quick", " brown", " fox.")
        assert await made.quiet() == [
            "info agentSpeaking on",
            "info tokensPlayed I heard:",
            "info tokensPlayed  The quick brown fox.",
            "info agentSpeaking off",
        ]


async def test_a_marked_message_gives_way_without_an_interrupt() -> None:
    # As recorded: speech goes on, the fragment that was heard is reported, nothing says "interrupt".
    async with call() as made:
        made.text("Sentence one: ", "the quick brown fox ", "jumps. ", "And so on.", preemptible=True)
        await made.hears(4)
        made.text("Replacing", " it.")
        assert await made.quiet() == [
            "info agentSpeaking on",
            "info tokensPlayed Sentence one:",
            "info tokensPlayed the quick",
            "info tokensPlayed Replacing it.",
            "info agentSpeaking off",
        ]


async def test_an_unmarked_message_is_waited_for() -> None:
    async with call() as made:
        made.text("First. ")
        made.text("Second.", preemptible=True)
        lines = await made.quiet()
        assert [line for line in lines if "Played" in line] == ["info tokensPlayed First.", "info tokensPlayed Second."]


async def test_digits_wait_their_turn_and_media_is_silent() -> None:
    async with call() as made:
        made.text("One moment.")
        made.backend(type="play", source="https://example.com/hold.mp3")
        made.backend(type="sendDigits", digits="1ww2#")
        assert await made.quiet() == [
            "info agentSpeaking on",
            "info tokensPlayed One moment.",
            "info tokensPlayed 1ww2#",
            "info agentSpeaking off",
        ]


async def test_media_is_interrupted_too() -> None:
    async with call(events=False) as made:
        made.backend(type="play", source="https://example.com/hold.mp3", loop=0)
        await made.until(lambda: made.session.playback.playing)
        made.session.presses("1")
        assert await made.quiet() == ["dtmf 1", "interrupt  0"]


async def test_a_reply_that_stalls_is_spoken_as_far_as_it_goes() -> None:
    async with call() as made:
        made.backend(type="text", token="Let me see")
        await made.until(lambda: "info agentSpeaking off" in made.lines)
        made.text(" now.")
        assert await made.quiet() == [
            "info agentSpeaking on",
            "info tokensPlayed Let me see",
            "info agentSpeaking off",
            "info agentSpeaking on",
            "info tokensPlayed  now.",
            "info agentSpeaking off",
        ]


async def test_how_much_has_been_heard() -> None:
    async with call() as made:
        playback = made.session.playback
        made.text("One two three.")
        await made.until(lambda: playback.heard_chars >= 7)
        assert (playback.heard_chars, playback.heard_ms) == (7, 322)
        await made.quiet()
        assert (playback.heard_chars, playback.heard_ms) == (0, 0)
        made.backend(type="play", source="https://example.com/hold.mp3")
        await made.until(lambda: playback.heard_ms >= 500)
        assert (playback.heard_chars, playback.heard_ms) == (0, 500)
