"""What callers say is redacted before anything of it is stored, also when the recorder dies while words are held."""

import json
import time

import msgspec
import pytest

from relayproxy.connection import Side
from relayproxy.conversation.checks.findings import Thresholds
from relayproxy.conversation.model import Conversation
from relayproxy.journal.format import EntryKind
from relayproxy.journal.segments import segment_numbers, segment_path
from relayproxy.recorder.rebuild import rebuild
from relayproxy.redaction.rules import Rules
from tests.databases import content_of
from tests.recorder.decoding.test_deflate import Compressing
from tests.recorder.stage import CONTINUATION, TEXT, Stage, prompt, setup, token
from tests.wire import frame

RULES = Rules()
CARD = "4111 1111 1111 1111"


def key(digit: str) -> str:
    return json.dumps({"type": "dtmf", "digit": digit})


def everything(stage: Stage) -> bytes:
    """All that lies in the database's files."""
    return content_of(stage.folder)


@pytest.mark.parametrize("requested", [False, True])
def test_no_row_and_no_file_of_the_database_has_the_card_number(stage: Stage, requested: bool) -> None:
    call = stage.journal().call(
        requested=requested,
        target=f"/call/{CARD.replace(' ', '%20')}",
        request_headers=(("X-Card", CARD), ("Host", "relay.example.com")),
    )
    if requested:
        stage.recorder(rules=RULES).finish()
        call.answer()
    call.twilio(setup(customParameters={"card": CARD}))
    call.twilio(prompt(f"my card is {CARD}"))
    call.backend(token(f"So {CARD}, right?", last=True))
    call.twilio(prompt("yes"))
    for digit in "4711#":
        call.twilio(key(digit))
    call.backend(json.dumps({"type": "end", "handoffData": json.dumps({"card": CARD})}))
    call.end()
    stage.recorder(rules=RULES).finish()
    stored = stage.stored(call.id)
    assert [*rebuild(stage.archive, (), lambda _route: Thresholds())][-1].rebuilt == 1
    assert stage.stored(call.id) == stored
    assert [turn.caller_text for turn in stored.turns][1:3] == ["my card is •••• •••• •••• 1111", "yes"]
    assert stored.turns[1].agent_text == "So •••• •••• •••• 1111, right?"
    assert json.loads(stored.session.custom_parameters) == {"card": "•••• •••• •••• 1111"}
    opening = stored.connections[0].opening
    assert "••••%20••••%20••••%201111" in opening
    assert '["X-Card","•••• •••• •••• 1111"]' in opening
    assert b"4111" not in everything(stage)
    assert "4711" not in "".join(text or "" for text in stored.texts())


@pytest.mark.parametrize("dies_after", range(1, 9))
def test_a_recorder_that_dies_while_words_are_held_loses_nothing_and_stores_nothing_unmasked(
    stage: Stage, dies_after: int
) -> None:
    call = stage.journal().call()
    said = [
        (call.twilio, setup()), (call.backend, token("Your card number?", last=True)),
        (call.twilio, prompt("it is 4111 1111")), (call.backend, token("go on", last=True)), (call.twilio, key("5")),
        (call.twilio, prompt("1111 1111")), (call.backend, token("thanks")), (call.backend, token(", Jo.", last=True)),
    ]  # fmt: skip
    for number, (side, text) in enumerate(said, 1):
        side(text)
        if number == dies_after:
            recorder = stage.recorder(rules=RULES)
            recorder.play()
            recorder.commit()
            assert b"4111" not in everything(stage)
            recorder.close()
    call.twilio(prompt("what else do you need to know"))
    call.end()
    stage.recorder(rules=RULES).finish()
    messages = stage.stored(call.id).messages[call.id]
    assert [one.seq for one in messages] == [*range(len(said) + 1)]
    texts = [one.text or "" for one in messages]
    assert [texts[n] for n in (1, 3, 4, 6, 7)] == [said[n][1] for n in (1, 3, 4, 6, 7)]
    assert json.loads(texts[2])["voicePrompt"] == "it is •••• ••••"
    assert json.loads(texts[5])["voicePrompt"] == "•••• 1111"
    assert b"4111" not in everything(stage)


@pytest.mark.parametrize("deflate", [False, True])
def test_held_messages_in_fragments_are_played_again(stage: Stage, deflate: bool) -> None:
    alone = (("Sec-WebSocket-Extensions", "permessage-deflate; server_no_context_takeover"),)
    call = stage.journal().call(response_headers=alone if deflate else ())
    call.twilio(setup())
    call.twilio(prompt("4111 1111"))
    if deflate:
        sender = Compressing(keeps=False)
        sent = [sender.send(token(text, last=True).encode()) for text in ("go on", "and on")]
    else:
        first = token("go on", last=True).encode()
        sent = [
            frame(TEXT, first[:9], fin=False) + frame(CONTINUATION, first[9:]),
            frame(TEXT, token("and on", last=True).encode()),
        ]
    call.chunk(EntryKind.BACKEND_CHUNK, sent[0][:5])
    call.chunk(EntryKind.BACKEND_CHUNK, sent[0][5:] + sent[1][:4])
    recorder = stage.recorder(rules=RULES)
    recorder.finish()
    assert len([*stage.archive.messages(call.id)]) == 1
    recorder.close()
    call.chunk(EntryKind.BACKEND_CHUNK, sent[1][4:])
    call.twilio(prompt("1111 1111"))
    call.end()
    stage.recorder(rules=RULES).finish()
    texts = [json.loads(one.text or "") for one in stage.stored(call.id).messages[call.id]]
    assert [one.get("voicePrompt") or one.get("token") for one in texts][1:] == [
        "•••• ••••", "go on", "and on", "•••• 1111",
    ]  # fmt: skip


def test_the_files_of_what_is_held_stay_until_it_is_stored(stage: Stage) -> None:
    journal = stage.journal()
    call = journal.call()
    call.twilio(setup())
    call.twilio(prompt("4111 1111"))
    journal.rotate()
    call.backend(token("go on", last=True))
    recorder = stage.recorder(rules=RULES)
    recorder.finish()
    assert [*segment_numbers(journal.path)] == [1, 2]
    call.twilio(prompt("forget it, I will call back later"))
    recorder.finish()
    assert [*segment_numbers(journal.path)] == [2]
    assert len([*stage.archive.messages(call.id)]) == 4


def test_the_files_of_what_is_held_stay_for_the_restart_after_the_next(stage: Stage) -> None:
    journal = stage.journal()
    call, other = journal.call(), journal.call(connection_id="2" * 32)
    call.twilio(setup())
    stage.recorder(rules=RULES).finish()
    call.twilio(prompt("Is anybody there?"))  # what comes together is played again together
    journal.rotate()
    call.twilio(key("1"))
    stage.recorder(rules=RULES).finish()
    again = stage.recorder(rules=RULES)
    again.finish()
    other.twilio(setup("VX2", "CA2"))
    again.finish()
    call.end()
    stage.recorder(rules=RULES).finish()
    messages = stage.stored(call.id).messages[call.id]
    assert [message.text for message in messages][1:] == [prompt("Is anybody there?"), key("1")]


def test_what_is_held_and_lost_with_its_file_is_a_gap(stage: Stage) -> None:
    journal = stage.journal()
    call = journal.call()
    call.twilio(setup())
    call.twilio(prompt("4111 1111"))
    journal.rotate()
    call.backend(token("go on", last=True))
    recorder = stage.recorder(rules=RULES)
    recorder.finish()
    recorder.close()
    segment_path(journal.path, 1).unlink()
    call.backend(token("hello?", last=True))
    call.end()
    stage.recorder(rules=RULES).finish()
    messages = stage.stored(call.id).messages[call.id]
    assert "journal_damaged" in [one.note for one in messages]
    assert [one.seq for one in messages] == [*range(len(messages))]
    assert (messages[-1].text or "").find("hello?") > 0


def test_a_call_of_its_own_lets_held_words_go_in_the_journals_time(stage: Stage) -> None:
    journal = stage.journal()
    call, other = journal.call(), journal.call()
    call.twilio(setup())
    other.twilio(setup("VX2", "CA2"))
    call.twilio(prompt("4111 1111 11"))
    recorder = stage.recorder(rules=RULES)
    recorder.finish()
    assert len([*stage.archive.messages(call.id)]) == 1
    other.twilio(prompt("hello"), after=31_000)
    recorder.finish()
    assert json.loads([*stage.archive.messages(call.id)][1].text or "")["voicePrompt"] == "•••• •••• ••"


def test_a_clock_that_is_set_forward_lets_no_key_go_before_its_time(stage: Stage) -> None:
    call = stage.journal().call(opened_at=time.time_ns() - 3_600_000_000_000)
    call.twilio(setup())
    recorder = stage.recorder(rules=RULES)
    for digit in "193":
        call.twilio(key(digit), after=500)
        recorder.finish()
        recorder.finish()
    stored = [json.loads(message.text or "") for message in stage.archive.messages(call.id)]
    assert [message["digit"] for message in stored[1:]] == ["•"] * 3


def test_what_is_held_goes_although_the_clock_was_set_back(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("relayproxy.recorder.journal_player.SETTLED", -31_000_000_000)
    call = stage.journal().call(opened_at=time.time_ns() + 3_600_000_000_000)
    call.twilio(setup())
    call.twilio(key("1"))
    stage.recorder(rules=RULES).finish()
    assert [message.text for message in stage.archive.messages(call.id)][1:] == [key("1")]


def test_a_bug_in_redaction_costs_the_words_and_not_the_message(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    call = stage.journal().call()
    call.twilio(setup())
    recorder = stage.recorder(rules=RULES)
    recorder.finish()
    with monkeypatch.context() as patch:
        patch.setattr("relayproxy.redaction.streams.streams.find", None)
        call.twilio(prompt("my name is Jane"))
        call.twilio(prompt("Jane Doe"))
        recorder.finish()
    call.twilio(prompt("good bye then"))
    call.end()
    recorder.finish()
    messages = stage.stored(call.id).messages[call.id]
    assert [one.note for one in messages] == [None, "redaction_failed", "redaction_failed", None]
    assert json.loads(messages[1].text or "")["voicePrompt"] == "◦◦ ◦◦◦◦ ◦◦ ◦◦◦◦"
    assert len(caplog.records) == 1
    assert "Jane" not in caplog.text


@pytest.mark.parametrize("restart", [False, True])
@pytest.mark.parametrize("again", [False, True])
def test_a_pin_that_is_read_back_after_a_restart_or_on_the_next_connection(
    stage: Stage, restart: bool, again: bool
) -> None:
    journal = stage.journal()
    first = call = journal.call()
    recorder = stage.recorder(rules=RULES)
    call.twilio(setup())
    call.backend(token("Your PIN, please?", last=True))
    call.twilio(prompt("four eight two one"))
    for digit in "739154":
        call.twilio(key(digit))
    recorder.finish()
    if again:
        call.end()
        recorder.finish()
        call = journal.call()
        call.twilio(setup())
    if restart:
        recorder.close()
        recorder = stage.recorder(rules=RULES)
    call.backend(token("I got four eight two one, and 739154. Your order 48213377 costs 1250 dollars.", last=True))
    handoff = {"pin": 4821, "typed": "739154", "orderId": 481}
    call.backend(json.dumps({"type": "end", "handoffData": json.dumps(handoff)}))
    call.end()
    recorder.finish()
    texts = [json.loads(one.text or "") for one in stage.stored(first.id).messages[call.id]]
    [said] = [one["token"] for one in texts if "I got" in one.get("token", "")]
    assert said == "I got ◦◦◦◦ ◦◦◦◦◦ ◦◦◦ ◦◦◦, and ••••••. Your order 48213377 costs 1250 dollars."
    assert json.loads(texts[-1]["handoffData"]) == {"pin": "••••", "typed": "••••••", "orderId": 481}
    assert b"four eight" not in everything(stage)


def test_on_the_next_connection_of_a_call_without_secrets_nothing_more_is_masked(stage: Stage) -> None:
    journal = stage.journal()
    recorder = stage.recorder(rules=RULES)
    calls = []
    for text in ("Hello, mail me at jane@example.com.", "It is 4821, really."):
        calls.append(journal.call())
        calls[-1].twilio(setup())
        calls[-1].backend(token(text, last=True))
        calls[-1].end()
        recorder.finish()
    texts = [one.text or "" for one in stage.stored(calls[0].id).messages[calls[1].id]]
    assert "It is 4821, really." in "".join(texts)


def test_a_session_says_whose_words_are_held_back(stage: Stage) -> None:
    def held() -> tuple[Side, ...]:
        recorder.finish()
        row = stage.archive.session(call.id)
        assert row is not None
        return msgspec.json.decode(row.detail, type=Conversation).held

    recorder = stage.recorder(rules=RULES)
    call = stage.journal().call()
    call.twilio(setup())
    call.backend(token("Your card number?", last=True))
    assert held() == ()
    call.twilio(prompt("4111 1111"))
    assert held() == ("twilio",)
    call.backend(token("Go on.", last=True))
    assert held() == ("backend", "twilio")
    call.twilio(prompt("1111 1111"))
    call.twilio(prompt("that is all"))
    assert held() == ()
    call.twilio(key("1"))
    assert held() == ("twilio",)
    call.end()
    assert held() == ()
