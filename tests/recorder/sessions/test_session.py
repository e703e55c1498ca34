"""A recorded session: each change is written once, each span leaves once, and a bug costs the meaning alone."""

from dataclasses import replace

import pytest

from relayproxy.connection import Ending, Opening
from relayproxy.conversation.checks.findings import Thresholds
from relayproxy.conversation.measures.spans import Span, SpanOptions
from relayproxy.conversation.message import Message
from relayproxy.journal.format import EntryKind
from relayproxy.recorder.sessions.session import LiveConnection, RecordedSession, first_of
from relayproxy.recordings.call import CallConnection
from relayproxy.redaction.rules import Rules
from relayproxy.redaction.values import Record
from relayproxy.store.schema.rows import Batch
from tests.recorder.stage import MS, NOON, PING, Stage, prompt, setup, token
from tests.wire import frame

TWILIO = EntryKind.TWILIO_CHUNK


def test_a_bug_in_the_fold_costs_the_meaning_and_not_the_messages(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def feed(self: object, connection_id: str, message: object) -> None:
        raise ZeroDivisionError(message)

    journal = stage.journal()
    call = journal.call()
    call.twilio(setup())
    recorder = stage.recorder()
    recorder.finish()
    monkeypatch.setattr("relayproxy.conversation.fold.fold.Fold.feed", feed)
    for at in range(3):
        call.backend(token(f"secret words {at}"))
        recorder.finish()
    other = journal.call()
    other.backend(token("hi"))
    call.end()
    recorder.finish()
    stored = stage.stored(call.id)
    assert len(stored.texts()) == 4
    assert [message.type for message in stored.messages[call.id]] == ["setup", None, None, None]
    assert stored.session.call_sid == "CA1"
    assert (stored.session.outcome, stored.session.ended_at) == ("unknown", NOON + 60 * MS)
    assert stage.stored(other.id).texts() == [token("hi")]
    assert len(caplog.records) == 2
    assert "ZeroDivisionError" in caplog.text
    assert "secret" not in caplog.text


class Collector:
    def __init__(self) -> None:
        self.spans: list[Span] = []

    def export(self, spans: list[Span]) -> None:
        self.spans += spans


def test_each_span_leaves_once_and_not_again_after_a_restart(stage: Stage) -> None:
    collector = Collector()
    call = stage.journal().call()
    call.twilio(setup())
    for at in range(4):
        call.twilio(prompt(f"question {at}"))
        call.backend(token(f"answer {at}", last=True))
        call.journal.now += 60_000
    recorder = stage.recorder(exporter=collector)
    recorder.finish()
    before = len(collector.spans)
    assert before > 1
    recorder.finish()
    assert len(collector.spans) == before
    recorder = stage.recorder(exporter=collector)
    call.twilio(prompt("last question"))
    recorder.finish()
    assert len(collector.spans) > before
    call.end()
    recorder.finish()
    ids = [span.span_id for span in collector.spans]
    assert len(ids) == len(set(ids))
    names = [span.name for span in collector.spans]
    assert names.count("conversation") == 1
    assert names.count("turn") == len(stage.stored(call.id).turns)
    assert names.count("backend") == 4


def test_turns_of_an_earlier_derivation_go(stage: Stage) -> None:
    call = stage.journal().call()
    call.twilio(setup())
    stage.recorder().finish()
    [turn] = stage.archive.turn_rows(call.id)
    stage.archive.commit(Batch(turns=(replace(turn, caller_text="derived otherwise"), replace(turn, number=7))))
    call.chunk(TWILIO, frame(PING, b"", mask=True))
    stage.recorder().finish()
    assert stage.archive.turn_rows(call.id) == (turn,)


def opening(number: int, opened_at: int = NOON) -> Opening:
    id = f"{number:032x}"
    return Opening(id, id, id[:16], "default", "ws://agent/", "/", opened_at, "127.0.0.1:1", status=101)


def said(*texts: tuple[int, str]) -> list[Message]:
    """Messages at milliseconds of their connection; those of the backend are tokens."""
    return [
        Message(seq, t * MS, "backend" if '"token"' in text else "twilio", "text", text=text, size=len(text))
        for seq, (t, text) in enumerate(texts)
    ]


def begun() -> RecordedSession:
    session = RecordedSession(opening(1).connection_id, opening(1), Thresholds())
    session.open(opening(1))
    return session


def test_only_turns_that_changed_are_written() -> None:
    session = begun()
    session.feed(session.id, said((0, setup()), (1000, prompt("Hello?"))))
    first = session.rows()
    session.feed(session.id, said((2000, token("Hi.", last=True))))
    second = session.rows()
    session.feed(session.id, said((9000, prompt("A table."))))
    third = session.rows()

    assert [row.number for row in first.turns] == [0, 1]
    assert [(row.number, row.agent_text) for row in second.turns] == [(1, "Hi.")]
    assert [row.caller_text for row in third.turns][-1] == "A table."
    assert 0 not in [row.number for row in third.turns]
    assert session.rows().turns == ()


def test_rows_are_to_be_written_when_something_has_happened() -> None:
    session = begun()
    assert session.is_changed()
    session.feed(session.id, said((0, setup()), (1000, prompt("Hello?"))))
    first = session.rows()
    assert not session.is_changed()
    session.feed(session.id, [])
    assert not session.is_changed()
    assert session.is_changed(held=["backend"])
    session.rows(held=["backend"])
    assert not session.is_changed(held=["backend"])
    session.feed(session.id, said((2000, token("Hi.", last=True))))
    assert session.is_changed(held=["backend"])
    session.rows()
    session.forget_written()
    assert session.is_changed()
    again = session.rows()
    assert [turn.number for turn in again.turns] == [0, 1]
    assert (again.count, again.labels) == (2, first.labels)


def test_the_first_rows_say_how_many_turns_there_are_and_later_ones_only_when_some_went() -> None:
    session = begun()
    session.feed(session.id, said((0, setup()), (1000, prompt("Hello?"))))

    assert [session.rows().count, session.rows().count] == [2, None]


def test_labels_are_written_when_they_have_changed() -> None:
    session = begun()
    session.feed(session.id, said((0, setup(customParameters={"plan": "gold"}))))
    first, second = session.rows().labels, session.rows().labels
    session.feed(session.id, said((1000, prompt("Hello?"))))
    third = session.rows().labels

    assert first is not None
    assert first.labels == (("param.plan", "gold"),)
    assert second is None
    assert third is not None
    assert ("lang", "en-US") in third.labels


def test_what_has_settled_is_forgotten_and_neither_written_nor_told_again() -> None:
    session = begun()
    session.feed(session.id, said((0, setup())))
    spans = []
    for at in range(60_000, 360_000, 60_000):
        session.feed(session.id, said((at, prompt("And?")), (at + 500, token("So.", last=True))))
        session.rows()
        spans += session.new_spans()
        session.settle()
    session.end(opening(1), Ending(t=400_000 * MS, first="twilio"))
    session.rows()
    spans += session.new_spans()

    turns = [span.attributes["turn.number"] for span in spans if span.name == "turn"]
    assert turns == sorted(set(turns))
    assert [span.name for span in spans].count("conversation") == 1
    assert session.new_spans() == []
    assert session.conversation().totals.turns == 6


def test_the_first_and_the_last_words_are_those_of_the_whole_session_whatever_was_forgotten() -> None:
    session = begun()
    asked = SpanOptions(content=True)
    session.feed(session.id, said((0, setup())))
    spans = []
    for number, at in enumerate(range(60_000, 360_000, 60_000)):
        said_now = said((at, prompt(f"Question {number}?")), (at + 500, token(f"Answer {number}.", last=True)))
        session.feed(session.id, said_now)
        session.rows()
        spans += session.new_spans(asked)
        session.settle()
    session.end(opening(1), Ending(t=400_000 * MS, first="twilio"))
    session.rows()
    *_, root = session.new_spans(asked)

    assert len(spans) > 4
    assert (root.attributes["input.value"], root.attributes["output.value"]) == ("Question 0?", "Answer 4.")


def test_spans_of_a_session_that_is_not_sampled_do_not_leave(stage: Stage) -> None:
    journal, collector = stage.journal(), Collector()
    calls = [journal.call(), journal.call()]
    for number, call in enumerate(calls):
        call.twilio(setup(f"VX{number}", f"CA{number}"))
        call.twilio(prompt("Hello?"))
        call.end()
    stage.recorder(exporter=collector, sampled=lambda opening: opening.connection_id == calls[1].id).finish()

    assert {span.attributes["session.id"] for span in collector.spans} == {"VX1"}


@pytest.mark.parametrize(("record", "words"), [("full", True), ("redacted", True), ("metadata", False)])
def test_words_leave_as_they_are_stored(stage: Stage, record: Record, words: bool) -> None:
    journal, collector = stage.journal(), Collector()
    call = journal.call()
    call.twilio(setup())
    call.twilio(prompt("My card is 4111 1111 1111 1111."))
    call.backend(token("Thank you.", last=True))
    call.end()
    stage.recorder(exporter=collector, rules=Rules(record), span_options=SpanOptions(content=True)).finish()

    (stored,) = (turn for turn in stage.stored(call.id).turns if turn.number == 1)
    said = [value for span in collector.spans for name, value in span.attributes.items() if name in ("input.value",)]
    assert said == ([stored.caller_text] * 2 if words else [])
    everything = str(collector.spans)
    assert ("4111 1111" in everything) is (record == "full")
    assert ("Thank you." in everything) is words


def test_rebuilt_from_its_connections_it_says_the_same_in_the_order_in_which_things_happened() -> None:
    parts = [
        CallConnection(
            opening(1),
            said((0, setup()), (1000, prompt("One.")), (1500, token("Yes?", last=True))),
            Ending(t=2000 * MS, first="twilio"),
        ),
        CallConnection(opening(2, NOON + 3000 * MS), said((0, setup()), (500, prompt("Two."))), None),
    ]
    session = begun()
    session.rebuild(parts[::-1])

    assert [turn.caller_text for turn in session.conversation().turns if turn.caller_text] == ["One.", "Two."]
    assert session.live == {opening(2).connection_id: LiveConnection(NOON + 3000 * MS, NOON + 3500 * MS)}
    assert session.ended_at == NOON + 2000 * MS


def test_what_comes_after_what_was_later_makes_nothing_final_before_it_is_in_order() -> None:
    first = CallConnection(
        opening(1),
        said((0, setup()), (1000, prompt("One.")), (1500, token("Yes?", last=True)), (1800, prompt("Bye."))),
        Ending(t=2000 * MS, first="twilio"),
    )
    second = CallConnection(
        opening(2, NOON + 3000 * MS), said((0, setup()), (500, prompt("Two."))), Ending(t=900 * MS, first="twilio")
    )
    session = RecordedSession(opening(2).connection_id, opening(2, NOON + 3000 * MS), Thresholds())
    session.join(second)
    session.join(first)
    assert session.disordered
    assert (session.new_spans(), session.newly_final().turns, session.newly_final().ended) == ([], (), False)

    session.reorder([second, first])
    assert [turn.caller_text for turn in session.newly_final().turns if turn.caller_text] == ["One.", "Bye. Two."]
    assert [span.name for span in session.new_spans()].count("conversation") == 1


def test_a_session_that_another_process_has_played_hands_on_only_what_comes() -> None:
    parts = [
        CallConnection(
            opening(1),
            said((0, setup()), (1000, prompt("One.")), (1500, token("Yes?", last=True))),
            Ending(t=2000 * MS, first="twilio"),
        )
    ]
    session = RecordedSession(opening(1).connection_id, opening(1), Thresholds())
    session.reload(parts)
    assert session.new_spans() == []

    session.join(
        CallConnection(
            opening(2, NOON + 3000 * MS), said((0, setup()), (500, prompt("Two."))), Ending(t=900 * MS, first="twilio")
        )
    )
    assert [span.name for span in session.new_spans()].count("conversation") == 0
    assert [turn.caller_text for turn in session.conversation().turns if turn.caller_text] == ["One.", "Two."]


def test_the_connection_that_gave_a_session_its_id_is_its_first_whatever_opened_earlier() -> None:
    parts = [CallConnection(opening(number), (), None) for number in (2, 1)]

    assert first_of(opening(1).connection_id, parts) == opening(1)
    assert first_of("gone", parts) == opening(2)
