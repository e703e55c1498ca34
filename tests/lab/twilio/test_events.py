"""What is noticed of the agent."""

from relayproxy.conversation.protocol.messages import (
    Config,
    End,
    Hints,
    Language,
    Play,
    SendDigits,
    Text,
)
from relayproxy.lab.twilio.events import EventLog
from tests.lab.twilio.calls import call


def noticed(log: EventLog) -> list[str]:
    return [f"{event.name} {event.text}".strip() + ("" if event.over else " …") for event in log.events]


def test_texts_are_one_reply_until_the_last() -> None:
    log = EventLog()
    log.receive(Text("Sure, "))
    assert noticed(log) == ["text Sure, …"]
    log.receive(Text("for when?", last=True))
    log.receive(Text("Hello?"))
    assert noticed(log) == ["text Sure, for when?", "text Hello? …"]


def test_what_cannot_be_heard_is_no_reply() -> None:
    log = EventLog()
    log.receive(Text("", last=True))
    log.receive(Text(" \n"))
    assert noticed(log) == []
    log.receive(Text("Yes."))
    assert [event.text for event in log.events] == [" \nYes."]


def test_other_messages_of_the_backend() -> None:
    log = EventLog()
    log.receive(Text("One moment."))
    log.receive(Play("https://example.com/hold.mp3"))
    log.receive(SendDigits("1w2"))
    log.receive(Language("es-ES", "es-MX"))
    log.receive(Language("fr-FR", "fr-FR"))
    log.receive(Config())
    log.receive(Hints())
    log.receive(End({"reasonCode": "done"}))
    log.receive(End())
    assert noticed(log) == [
        "text One moment.",
        "play https://example.com/hold.mp3",
        "sendDigits 1w2",
        "language es-ES es-MX",
        "language fr-FR",
        "config",
        "hints",
        'end {"reasonCode":"done"}',
        "end",
    ]


async def test_a_session_tells_what_its_caller_would_notice() -> None:
    async with call(events=False) as made:
        made.text("Sentence one of two. ", "Sentence two.")
        await made.hears(2)
        made.session.begins_to_speak("Hold on")
        made.text("Stale.")
        made.session.receive("no json")
        await made.quiet()
        assert noticed(made.session.events) == [
            "text Sentence one of two. Sentence two.",
            "speech_started",
            "interrupt Sentence one",
            "speech_ended",
            "text Stale.",
            "error Invalid message received, code: 64107, no json",
            "speech_started",
            "speech_ended",
        ]


async def test_a_reply_without_an_end_is_over_when_the_caller_acts_in_the_silence_after_it() -> None:
    async with call() as made:
        made.backend(type="text", token="Sentence one.", last=False)
        await made.hears(2)
        await made.until(lambda: not made.session.playback.playing)
        made.session.begins_to_speak("Hello")
        made.backend(type="text", token="Sentence two.", last=False)
        assert [event.text for event in made.session.events.events if event.name == "text"] == [
            "Sentence one.",
            "Sentence two.",
        ]


async def test_an_interruption_ends_the_reply_that_it_cuts_off() -> None:
    async with call() as made:
        made.backend(type="text", token="Sentence one.", last=False)
        await made.hears(1)
        made.session.presses("1")
        made.backend(type="text", token=" Sentence two.", last=True)
        assert [event.text for event in made.session.events.events if event.name == "text"] == [
            "Sentence one.",
            " Sentence two.",
        ]


def test_what_is_heard_and_what_can_still_grow_is_known_without_going_through_all() -> None:
    log = EventLog()
    log.receive(Language("de-DE", None))
    assert (log.last_sound, log.reply_open(0)) == (-1, False)
    log.receive(Text("Sure, "))
    log.receive(Language("en-US", None))
    assert (log.last_sound, log.reply_open(1), log.reply_open(2)) == (1, True, False)
    log.receive(SendDigits("1"))
    assert (log.last_sound, log.reply_open(0)) == (3, False)
