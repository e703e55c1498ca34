"""How much of a connection is searched: all of a real call, and no more than a bounded part of garbage. Work is counted
in characters, not timed."""

import json
import random

import pytest
from msgspec.structs import replace

from relayproxy.conversation.message import Message
from relayproxy.redaction.budget import BINARY, BURST, OVERHEAD, PAUSE, RATE, SearchBudget, effort
from relayproxy.redaction.detection import detection
from relayproxy.redaction.masking import masking
from relayproxy.redaction.masking.metadata import metadata_text
from relayproxy.redaction.redactor import LIMITED, Redactor
from relayproxy.redaction.rules import Rules
from relayproxy.redaction.streams import streams
from relayproxy.redaction.values import policy
from tests.redaction.conversation import SECOND, call, key, message, played, prompt, stored, token, words

SMALL = 5_000

GARBAGE = {
    "prose": prompt("lorem ipsum one two three 4111 " * 20),
    "short prompts": prompt("one two three four"),
    "tokens": token("one "),
    "strings": ("twilio", {"type": "setup", "customParameters": {f"k{n}": "ab" for n in range(50)}}),
    "array": ("twilio", json.dumps(["1"] * 100)),
    "unknown type": ("twilio", {"type": "zzz", "x": "nine eight 77 " * 50}),
    "no JSON": ("twilio", "one two three four 5 " * 50),
    "JSON that is none in JSON in JSON": ("twilio", {"x": json.dumps({"y": '{"z":"' + '{"one two' * 50})}),
    "braces": ("twilio", {"x": "{one two three four 5} " * 50}),
}


@pytest.mark.parametrize("cut", [False, True], ids=["whole", "cut"])
@pytest.mark.parametrize("said", GARBAGE.values(), ids=GARBAGE.keys())
def test_of_garbage_a_bounded_part_is_searched_however_much_comes(  # type: ignore[no-untyped-def]
    said, cut: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    searched = 0
    find = detection.find

    def counting(text: str, **options: object) -> object:
        nonlocal searched
        searched += len(text) + OVERHEAD
        return find(text, **options)  # type: ignore[arg-type]

    monkeypatch.setattr("relayproxy.redaction.budget.BURST", SMALL)
    monkeypatch.setattr(streams, "find", counting)
    monkeypatch.setattr(masking, "find", counting)
    messages = call(*[said] * 100, every=0.0001)
    if cut:
        messages = [replace(one, text=(one.text or "")[:-2], cut=True) for one in messages]

    found = stored(messages)

    assert searched <= 2 * SMALL + RATE
    assert [one.seq for one in found] == [one.seq for one in messages]
    assert [one.t for one in found] == [one.t for one in messages]
    assert found[-1].note == LIMITED
    if not cut:
        assert found[-1].text == metadata_text(messages[-1].text or "")


def test_what_is_held_when_the_budget_ends_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("relayproxy.redaction.budget.BURST", 2_000)
    monkeypatch.setattr("relayproxy.redaction.budget.PAUSE", 0.2)
    said = call(
        prompt("hellothere" * 60), prompt("sure, 4111 1111", last=False), key("4"),
        prompt("sure, 4111 1111 " + "blah " * 500), key("7"), key("1"), every=0.001,
    )  # fmt: skip
    redactor = Redactor(Rules())
    found = [one for each in said for one in redactor.feed(each)]
    assert [one.seq for one in found] == [0, 1, 2, 3, 4, 5]
    assert [one.note for one in found] == [None, *[LIMITED] * 5]
    assert words(found)[1:3] == ["◦◦◦◦, •••• ••••", "•"]
    assert redactor.oldest is None
    again = redactor.feed(message(6, 100, *prompt("good bye then")))
    assert [(one.note, words([one])) for one in again] == [(None, ["good bye then"])]


def test_of_binary_data_little_is_searched_and_what_follows_it_is() -> None:
    noise = random.Random(1).randbytes(65_536)
    redactor = Redactor(Rules())
    large = redactor.feed(Message(0, 0, "twilio", "binary", data=noise, size=len(noise)))
    assert [(one.note, one.data, one.size) for one in large] == [(LIMITED, None, 65_536)]
    small = [Message(seq, 0, "twilio", "binary", data=noise[:1024], size=1024) for seq in range(1, 65)]
    notes = [one.note for each in small for one in redactor.feed(each)]
    assert notes == sorted(notes, key=lambda note: note == LIMITED)
    assert notes[0] is None
    assert notes.count(None) < BURST / BINARY / 1024
    said = redactor.feed(message(65, 200, *prompt("my PIN is 4821"))) + redactor.end(201 * SECOND)
    assert words(said) == ["my PIN is ••••"]


@pytest.mark.parametrize("how", ["whole", "cut", "in JSON"])
def test_of_broken_json_little_is_searched_and_of_json_as_much_as_calls_have(
    how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("relayproxy.redaction.budget.BURST", 100_000)
    odd = random.Random(1)
    noise = "".join(chr(odd.randrange(32, 127)) for _ in range(2_000))
    text = f'{{"type":"zzz","x":{noise}'
    text = {"whole": text + "}", "cut": text, "in JSON": json.dumps({"type": "zzz", "x": text})}[how]
    sent = [replace(message(seq, 0, "twilio", text), cut=how == "cut") for seq in range(10)]
    redactor = Redactor(Rules())
    notes = [one.note for each in sent for one in redactor.feed(each)]
    assert notes == sorted(notes, key=lambda note: note == LIMITED)
    assert 1 <= notes.count(None) <= 4
    fields = {f"k{number}": "abcdefg" for number in range(100)}
    sound = [message(seq, 0, "twilio", {"type": "zzz", "x": fields}) for seq in range(10)]
    assert [one.note for one in stored(sound)] == [None] * 10


def test_each_value_below_a_long_name_costs_no_more_than_below_a_short_one(monkeypatch: pytest.MonkeyPatch) -> None:
    searched = 0
    find = detection.find

    def counting(text: str, **options: object) -> object:
        nonlocal searched
        searched += len(text)
        return find(text, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(masking, "find", counting)
    stored(call(("twilio", {"type": "zzz", "four one " * 500: ["a1"] * 900})))
    assert searched < 120_000


def test_after_a_restart_what_was_not_searched_is_not_searched_either() -> None:
    first = stored(call(prompt("hello"), prompt("x" * BURST), prompt("hello")))
    assert [one.note for one in first] == [None, LIMITED, None]
    again = Redactor(Rules())
    again.recall(first)
    assert words(again.feed(message(3, 9, *prompt("good bye then")))) == ["good bye then"]


def test_a_call_without_a_pause_needs_less_than_the_rate() -> None:
    seconds = 15
    said = "and then I told them that they may well come by whenever it suits all of them " * 8
    redactor = Redactor(Rules(policy=policy(["ssn"])))
    seq = 0
    for tick in range(seconds * 10):
        at = tick / 10
        sent = [prompt(said[: 2 * tick + 2], last=False), token(said[2 * tick : 2 * tick + 2])]
        sent += [played(said[2 * tick : 2 * tick + 2])]
        for one in sent:
            assert all(found.note is None for found in redactor.feed(message(seq, at, *one)))
            seq += 1
    redactor.end(seconds * SECOND)
    assert redactor._budget.spent < seconds * RATE * 0.6


def test_the_largest_setup_is_searched() -> None:
    inner = json.dumps({f"member{n}": "a value of some words" for n in range(1500)})
    setup = json.dumps({"type": "setup", "customParameters": {"handoff": inner}})
    assert len(setup) > 60_000
    assert effort(setup) < BURST / 2


def test_once_exceeded_it_is_left_alone_until_enough_has_come_back() -> None:
    budget = SearchBudget()
    assert budget.covers(BURST, 0)
    budget.spend(BURST)
    assert not budget.covers(1, 0)
    assert not budget.covers(1, SECOND)
    assert not budget.covers(1, (PAUSE - 1) * SECOND)
    assert budget.covers(1, PAUSE * SECOND)
    assert not budget.covers(BURST + 1, 10_000 * SECOND)
    assert budget.covers(BURST, 10_001 * SECOND)
