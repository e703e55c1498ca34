"""A connection's messages come out once each, in order, of the same length, and without what must not be stored."""

import itertools
import json
import random
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relayproxy.conversation.message import Message
from relayproxy.redaction.redactor import FAILED, Redactor
from relayproxy.redaction.rules import Rules
from relayproxy.redaction.values import policy
from tests.redaction.conversation import (
    CARD,
    SECOND,
    call,
    counted,
    digits,
    key,
    message,
    played,
    prompt,
    stored,
    token,
    words,
)

MAIL = "jane.doe@example.com"


def test_a_card_number_that_the_caller_says_keeps_its_shape() -> None:
    found = stored(call(prompt(f"my card is {CARD}"), prompt("thanks")))
    assert words(found) == ["my card is •••• •••• •••• 1111", "thanks"]
    assert counted(found) == {"card_number": 1}


def test_a_card_number_over_three_turns_with_the_agent_between() -> None:
    found = stored(
        call(
            prompt("sure, 4111"), token("go on", last=True), prompt("1111 1111"), token("yes?", last=True),
            prompt("1111"), prompt("and now?"),
        )
    )  # fmt: skip
    assert words(found) == ["sure, ••••", "go on", "•••• ••••", "yes?", "1111", "and now?"]
    assert counted(found) == {"card_number": 1}


def test_a_card_number_over_turns_in_another_language_than_the_transcription_says() -> None:
    said = ("cuatro uno uno uno", "uno uno uno uno", "uno uno uno uno", "uno uno uno uno")
    turns = [one for group in said for one in (prompt(group, lang="en-US"), token("vale", last=True))]
    kept = words(stored(call(*turns)))
    assert kept[:6:2] == ["◦◦◦◦◦◦ ◦◦◦ ◦◦◦ ◦◦◦", "◦◦◦ ◦◦◦ ◦◦◦ ◦◦◦", "◦◦◦ ◦◦◦ ◦◦◦ ◦◦◦"]


@pytest.mark.parametrize(
    ("asked", "said", "kept"),
    [
        ("What's your PIN?", "the code is 4821", "the code is ••••"),
        ("The verification code, please.", "my code is four eight two one", "my code is ◦◦◦◦ ◦◦◦◦◦ ◦◦◦ ◦◦◦"),
        ("And the security code on the back?", "code 123", "code •••"),
        ("¿Me da el código de seguridad?", "mi clave es 123", "mi clave es •••"),
        ("Qual è il suo PIN?", "il codice è 4821", "il codice è ••••"),
        ("Wat is uw pincode?", "de code is 4821", "de code is ••••"),
        ("What's your PIN?", "the zip code is 9021", "the zip code is 9021"),
        ("And the zip code?", "the code is 9021", "the code is 9021"),
    ],
)
def test_a_code_is_the_one_that_was_asked_for(asked: str, said: str, kept: str) -> None:
    assert words(stored(call(token(asked, last=True), prompt(said), token("Thanks", last=True))))[1] == kept


def test_partials_are_masked_as_the_final_is() -> None:
    found = stored(
        call(
            prompt("my card", last=False), prompt("my card is 4111 11", last=False),
            prompt("my card is 4111 1111 1111", last=False), prompt(f"my card is {CARD}"), prompt("ok"),
        )
    )  # fmt: skip
    assert words(found)[:4] == [
        "my card",
        "my card is •••• ••",
        "my card is •••• •••• ••••",
        "my card is •••• •••• •••• 1111",
    ]
    assert counted(found) == {"card_number": 1}


def test_words_of_an_unfinished_number_are_held_and_not_flashed() -> None:
    redactor = Redactor(Rules())
    said = call(prompt("sure, 4111", last=False), prompt("sure, 4111 11", last=False), prompt("sure, 4111 people"))
    assert redactor.feed(said[0]) == []
    assert redactor.feed(said[1]) == []
    assert redactor.oldest == 0
    assert words(redactor.feed(said[2])) == ["sure, 4111", "sure, 4111 11", "sure, 4111 people"]
    assert redactor.oldest is None


def test_a_menu_choice_stays_and_a_pin_becomes_its_length() -> None:
    pressed = [
        *(message(0, 1, *key("2")), message(1, 30, *key("4")), message(2, 31, *key("7"))),
        *(message(3, 32, *key("1")), message(4, 33, *key("1")), message(5, 34, *key("#"))),
    ]
    found = stored(pressed)
    assert words(found) == ["2", "•", "•", "•", "•", "•"]
    assert counted(found) == {"keys": 1}


@pytest.mark.parametrize(("keys", "kept"), [("keep", "4711"), ("mask", "••••"), ("mask-all", "••••")])
def test_keys_by_setting(keys: str, kept: str) -> None:
    rules = Rules(keys=keys)  # type: ignore[arg-type]
    assert "".join(words(stored(call(*map(key, "4711")), rules))) == kept
    single = stored(call(key("1")), rules)
    assert words(single) == ["•" if keys == "mask-all" else "1"]


def test_digits_that_the_agent_sends_and_their_echo() -> None:
    found = stored(call(digits("1w2"), digits("4711w#"), played("4711w#"), token("done", last=True)), Rules())
    assert words(found) == ["•w•", "••••w•", "••••w•", "done"]
    assert counted(found) == {"keys": 1}


def test_the_agents_reading_back_is_masked_over_tokens_and_where_it_was_played() -> None:
    found = stored(
        call(
            token("Your card 41"), token("11 11"), token("11 1111 1111"), token(", right?", last=True),
            played("Your card 4111"), played(" 1111 1111"), played(" 1111, right?"),
            ("twilio", {"type": "interrupt", "utteranceUntilInterrupt": " 1111 1111", "durationUntilInterruptMs": 400}),
            prompt("yes"),
        )
    )  # fmt: skip
    assert words(found) == [
        "Your card ••", "•• ••", "•• •••• 1111", ", right?",
        "Your card ••••", " •••• ••••", " 1111, right?", " •••• ••••", "yes",
    ]  # fmt: skip
    assert counted(found) == {"card_number": 1}


def test_a_rejected_message_that_twilio_quotes() -> None:
    quoted = json.dumps({"type": "txt", "token": f"card {CARD}"})
    found = stored(
        call(
            ("backend", quoted),
            ("twilio", {"type": "error", "description": f"Invalid message received, code: 64107, {quoted}"}),
        )
    )
    for one in found:
        assert "•••• •••• •••• 1111" in (one.text or "")
        assert CARD not in (one.text or "")
    assert counted(found) == {"card_number": 1}


def test_parameters_and_handoff_by_name_and_by_what_they_hold() -> None:
    rules = Rules(policy=policy(["ssn"], ["K-[0-9]{4}"]))
    setup = {
        "type": "setup", "sessionId": "VX" + "4" * 32, "callSid": "CA1", "from": "+15550100001", "to": "+15550100002",
        "customParameters": {"plan": "gold", "ssn": "12 ab", "card": CARD, "code": "K-1234", "mail": MAIL},
    }  # fmt: skip
    handoff = {
        "type": "end",
        "handoffData": json.dumps({"reasonCode": "live-agent", "ssn": 123, "n": 4111111111111111}),
    }
    found = stored(call(("twilio", setup), ("backend", handoff)), rules)
    kept = json.loads(found[0].text or "")
    assert kept["customParameters"] == {
        "plan": "gold", "ssn": "•• ◦◦", "card": "•••• •••• •••• 1111", "code": "◦-••••", "mail": "◦◦◦◦.◦◦◦@◦◦◦◦◦◦◦.◦◦◦",
    }  # fmt: skip
    assert kept["sessionId"] == setup["sessionId"]
    assert kept["from"] == "+15550100001"
    data = json.loads(json.loads(found[1].text or "")["handoffData"])
    assert data == {"reasonCode": "live-agent", "ssn": "•••", "n": "••••••••••••1111"}


@pytest.mark.parametrize(
    "address", ["sip:jane.doe@example.com", "SIPS:+15550100001@pbx.example.com:5061", "client:jane"]
)
def test_the_addresses_of_the_parties_stay_and_what_poses_as_one_does_not(address: str) -> None:
    said = {"type": "setup", "from": address, "to": f"sip:{CARD.replace(' ', '')}@example.com", "x": address}
    [found] = stored(call(("twilio", said)))
    kept = json.loads(found.text or "")
    assert kept["from"] == address
    assert kept["to"].startswith("sip:••••")
    assert (kept["x"] == address) is ("@" not in address)


def test_a_pattern_of_several_words_is_found_over_tokens() -> None:
    rules = Rules(policy=policy([], ["order [A-Z]+ [0-9]+"]))
    found = stored(call(token("Your ord"), token("er AB"), token(" 12 is here."), token("", last=True)), rules)
    assert words(found) == ["Your ◦◦◦", "◦◦ ◦◦", " •• is here.", ""]
    assert counted(found) == {"pattern": 1}


def test_bytes_that_cannot_be_read_are_not_kept() -> None:
    said = [
        Message(0, 1, "backend", "undecodable", data=b"\xff" + CARD.encode(), size=20, note="reserved_bits"),
        Message(1, 2, "backend", "text", data=b"squeezed", size=8, note="inflate_failed", compressed=True),
    ]
    assert [(one.data, one.size, one.note) for one in stored(said)] == [
        (None, 20, "reserved_bits"), (None, 8, "inflate_failed"),
    ]  # fmt: skip


def test_everything_but_what_is_masked_stays_byte_for_byte() -> None:
    odd = (
        '{ "type" : "prompt",  "voicePrompt":"caf\\u00e9 \\n\\u0034111 1111 1111 1111.", '
        '"x": [1, 2.5, null], "last" :true}'
    )
    found = stored([message(0, 1, "twilio", odd)])
    assert found[0].text == odd.replace("\\u0034111 1111 1111 1111", "•••• •••• •••• 1111")


@pytest.mark.parametrize("text", [f"card {CARD}", f'{{"a": "{CARD}', f'{{"a":1,"a":"{CARD}"}}', f"[{CARD}]"])
def test_text_that_is_no_or_broken_json(text: str) -> None:
    found = stored([message(0, 1, "backend", text)])
    assert CARD not in (found[0].text or "")
    assert "1111 1111" not in (found[0].text or "")


def test_binary_messages_and_close_reasons() -> None:
    said = [
        Message(0, 1, "backend", "binary", data=b"\x00card " + CARD.encode(), size=25),
        Message(1, 2, "backend", "close", code=1011, reason=f"bad card {CARD}"),
    ]
    found = stored(said)
    assert found[0].data == b"\x00card **** **** **** 1111"
    assert found[1].reason == "bad card •••• •••• •••• 1111"


def test_a_wait_that_is_over_masks_what_is_open() -> None:
    redactor = Redactor(Rules())
    redactor.feed(message(0, 1, *prompt("4111 1111 11")))
    assert redactor.due(30 * SECOND) == []
    found = redactor.due(32 * SECOND)
    assert words(found) == ["•••• •••• ••"]


def test_metadata_has_no_word_and_every_length() -> None:
    said = call(prompt("my name is Jane Doe"), token("Hello Jane, "), key("4"), played("Hello Jane,"))
    found = stored(said, Rules(record="metadata"))
    assert words(found) == ["◦◦ ◦◦◦◦ ◦◦ ◦◦◦◦ ◦◦◦", "◦◦◦◦◦ ◦◦◦◦, ", "•", "◦◦◦◦◦ ◦◦◦◦,"]
    assert [(one.seq, one.t, one.size) for one in found] == [(one.seq, one.t, one.size) for one in said]


def test_when_redaction_fails_metadata_alone_is_kept() -> None:
    redactor = Redactor(Rules())
    redactor.feed(message(0, 1, *prompt("4111 1111")))
    found = redactor.fail(message(1, 2, *prompt("1111 1111 secret")))
    assert words(found) == ["•••• ••••", "•••• •••• ◦◦◦◦◦◦"]
    assert {one.note for one in found} == {FAILED}


def test_what_was_masked_before_a_restart_is_not_told_by_its_echo_afterwards() -> None:
    before = stored(call(token(f"Your card is {CARD}."), token(" Right?", last=True)))
    redactor = Redactor(Rules())
    redactor.recall(before)
    found = redactor.feed(message(2, 9, *played("Your card is 4111 1111")))
    assert words(found) == ["Your card is •••• ••••"]


TALK = call(
    token("Your card number, please?", last=True),
    prompt("it is", last=False), prompt("it is five four two", last=False),
    prompt("it is five four two five"), token("go on", last=True), prompt("two three three four three zero"),
    *map(key, "7391"), prompt("one zero nine nine"), prompt("zero three"), token("So 54"), token("25 2334 30"),
    token("10 9903"), token(", and your PIN?", last=True), played("So 5425 2334"), played(" 3010 9903,"),
    ("twilio", {"type": "interrupt", "utteranceUntilInterrupt": " and your", "durationUntilInterruptMs": 9}),
    prompt("eight three six two"), digits("739"), digits("1#"), played("739"), played("1#"),
    token("I write to jane"), token(".doe@exam"), token("ple.com"), token(". Bye.", last=True), prompt("bye then"),
    every=1.0,
)  # fmt: skip
TRACES = ("five four two", "two three three", "5425", "2334", "3010", "eight three", "jane", "doe", "739")


@pytest.mark.parametrize("until", range(len(TALK)))
def test_after_a_restart_at_any_message_nothing_is_lost_doubled_or_told(until: int) -> None:
    first = Redactor(Rules())
    before = [one for said in TALK[: until + 1] for one in first.feed(said)]
    again = Redactor(Rules())
    again.recall(before)
    after = [one for said in TALK[len(before) :] for one in again.feed(said)] + again.end(100 * SECOND)
    assert [one.seq for one in before + after] == [*range(len(TALK))]
    said = " ".join(words(before + after))
    assert [trace for trace in TRACES if trace in said] == []
    assert "".join(one for one in words(before + after) if one in [*"7391"]) == ""


_LETTERS = re.compile(r"[^\W_]|[#*]")


def shape(text: str) -> str:
    return _LETTERS.sub("x", text).replace("•", "x").replace("◦", "x")


WORD = st.sampled_from(
    ["four", "one", "oh", "my card is", CARD, "41", "1111", MAIL, "jane", "@", ".com", "PIN", "1234", "yes", "two", " "]
)
SAID = st.one_of(
    st.builds(prompt, WORD | st.text(max_size=12), last=st.booleans()),
    st.builds(token, WORD | st.text(max_size=12), last=st.booleans()),
    st.builds(key, st.sampled_from("0123456789*#")),
    st.builds(digits, st.text("0123456789*#w", min_size=1, max_size=6)),
    st.builds(played, WORD),
    st.tuples(st.just("backend"), st.text(max_size=20)),
    st.tuples(
        st.just("twilio"), st.recursive(WORD, lambda inner: st.dictionaries(WORD, inner, max_size=3)).map(json.dumps)
    ),
)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 40), SAID), max_size=30), st.sampled_from(["redacted", "metadata"]))
def test_any_messages_in_any_order_come_out_once_each_in_order_with_texts_of_the_same_shape(
    said: list[tuple[float, tuple[str, object]]], record: str
) -> None:
    at, messages = 0.0, []
    for seq, (pause, (sender, what)) in enumerate(said):
        at += pause
        messages.append(message(seq, at, sender, what))  # type: ignore[arg-type]
    found = stored(messages, Rules(record=record))  # type: ignore[arg-type]
    assert [one.seq for one in found] == [one.seq for one in messages]
    for one, other in zip(messages, found, strict=True):
        assert (one.t, one.size, one.sender, one.kind) == (other.t, other.size, other.sender, other.kind)
        assert shape(one.text or "") == shape(other.text or "")


def pieces(text: str, cuts: list[int]) -> list[str]:
    places = [0, *sorted({cut % (len(text) + 1) for cut in cuts}), len(text)]
    return [text[a:b] for a, b in itertools.pairwise(places)]


def masked_digits(text: str) -> str:
    return re.sub(r"\D", "", text)


@pytest.mark.parametrize(
    ("before", "secret", "stays"),
    [
        ("I noted ", CARD, 4),
        ("I noted ", MAIL, 0),
        ("So ", "five four two five two three three four three zero one zero nine nine zero three", 17),
        ("Your PIN is ", "eight three six two nine one", 0),
        ("I wrote to ", "jane dot doe at example dot com", 0),
        ("Ihre PIN ist ", "acht drei sechs zwei neun eins", 0),
    ],
)  # fmt: skip
def test_a_secret_cut_anywhere_over_tokens_never_survives(before: str, secret: str, stays: int) -> None:
    said = f"{before}{secret}, thank you."
    for at in range(1, len(said)):
        for width in (1, 4):
            cut = pieces(said, [at, at + width])
            found = stored(call(*[token(one, last=n == len(cut) - 1) for n, one in enumerate(cut)], every=0.1))
            joined = "".join(words(found))
            assert len(joined) == len(said)
            left = joined[len(before) : len(before) + len(secret)]
            assert sum(one.isalnum() for one in left) <= stays, cut


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 10_000), min_size=1, max_size=12))
def test_a_card_number_cut_in_any_way_over_tokens_never_survives(cuts: list[int]) -> None:
    said = f"Your card {CARD} is noted"
    cut = pieces(said, cuts)
    found = stored(call(*[token(one, last=n == len(cut) - 1) for n, one in enumerate(cut)], every=0.1))
    assert masked_digits("".join(words(found))) == "1111"


def test_a_card_number_cut_between_groups_over_prompts_never_survives() -> None:
    groups = CARD.split(" ")
    rng = random.Random(1)
    for _ in range(20):
        cuts = sorted(rng.sample([1, 2, 3], rng.randint(1, 3)))
        parts = [" ".join(groups[a:b]) for a, b in zip([0, *cuts], [*cuts, 4], strict=True)]
        found = stored(call(*map(prompt, parts), prompt("that is all"), every=3))
        assert masked_digits("".join(words(found))) == "1111"


def test_keys_of_the_operators_stay_and_an_account_number_that_was_said_does_not() -> None:
    keys = {"customerId": "1234567", "account_id": "AC123456789", "accountNumber": "55512345", "pin": "4821"}
    handoff = json.dumps({"accountNumber": "99887766", "customer": "1234567", "note": "account number 8877665544"})
    found = stored(
        call(
            ("twilio", {"type": "setup", "customParameters": keys}),
            token("What is your account number?", last=True),
            prompt("it is 99887766"),
            ("backend", {"type": "end", "handoffData": handoff}),
        )
    )
    assert json.loads(found[0].text or "")["customParameters"] == keys | {"pin": "••••"}
    assert words(found)[2] == "it is ••••••••"
    assert json.loads(words(found)[3]) == {
        "accountNumber": "••••••••", "customer": "1234567", "note": "account number ••••••••••",
    }  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        f'"{CARD}"',
        "4111111111111111",
        '{"type":"play","source":"https://agent.example/a?q=%25204111111111111111&b=4111%252D1111%252D1111%252D1111"}',
        json.dumps({"type": "error", "description": 'bad: "token": "card\\n4111111111111111\\t4111111111111111"'}),
        json.dumps({"type": "error", "description": json.dumps(json.dumps(json.dumps("a\n4111111111111111")))[:40]}),
        json.dumps({"type": "setup", "sessionId": "4111111111111111", "direction": CARD}),
    ],
)
def test_a_card_number_in_whatever_a_message_is_written_as(text: str) -> None:
    [found] = stored([message(0, 1, "twilio", text)])
    assert "4111" not in (found.text or "")
    assert found.redacted == {"card_number": 1}


def test_a_field_is_masked_whole_whatever_its_value_is() -> None:
    rules = Rules(policy=policy(["dob", "notes"]))
    value = {
        "DOB": {"y": 1970, "m": [4, {"d": "five"}]},
        "notes": [["a"], "b"],
        "x": 7,
        "y": json.dumps('{"dob":"1970"}'),
    }
    found = stored(call(("twilio", {"type": "setup", "customParameters": value})), rules)
    kept = json.loads(found[0].text or "")["customParameters"]
    assert kept["DOB"] == {"y": "••••", "m": ["•", {"d": "◦◦◦◦"}]}
    assert (kept["notes"], kept["x"]) == ([["◦"], "◦"], 7)
    assert "1970" not in kept["y"]


def test_the_echo_of_keys_that_were_sent_in_parts() -> None:
    sent = call(digits("48"), digits("2"), played("48"), played("2"))
    assert words(stored(sent)) == ["••", "•", "••", "•"]
    assert words(stored(call(digits("1"), played("1")), Rules(keys="mask-all"))) == ["•", "•"]
    assert words(stored(call(digits("1"), played("1")))) == ["1", "1"]


def test_a_telephone_number_that_the_agent_reads_back_stays_and_so_do_words_behind_a_number() -> None:
    said = "That was four one five, five five five, zero one two three, right?"
    found = stored([message(0, 1, *token(said, last=True)), message(1, 30, *prompt("yes"))])
    assert words(found) == [said, "yes"]
    found = stored(
        [message(0, 1, *prompt("415 555 0123")), message(1, 3, *prompt("no")), message(2, 60, *prompt("so"))]
    )
    assert words(found) == ["••• ••• ••••", "no", "so"]


def test_words_without_a_digit_are_not_masked_with_an_open_number_and_do_not_hold_it_for_longer() -> None:
    redactor = Redactor(Rules())
    said = [
        message(0, 1, *prompt("Four seven two nine zero one three eight.")),
        message(1, 29, *prompt("The quick brown fox.")),
    ]
    assert [redactor.feed(one) for one in said] == [[], []]
    assert words(redactor.due(31 * SECOND)) == ["◦◦◦◦ ◦◦◦◦◦ ◦◦◦ ◦◦◦◦ ◦◦◦◦ ◦◦◦ ◦◦◦◦◦ ◦◦◦◦◦.", "The quick brown fox."]


def test_a_card_number_in_partials_that_were_revised_to_something_else() -> None:
    said = ["my card is 4111", f"my card is {CARD}", "mail jane@example.com", "never mind"]
    found = stored(call(*(prompt(one, last=one is said[-1]) for one in said), prompt("ok")))
    assert words(found) == [
        "my card is ••••",
        "my card is •••• •••• •••• 1111",
        "mail ◦◦◦◦@◦◦◦◦◦◦◦.◦◦◦",
        "never mind",
        "ok",
    ]
    assert counted(found) == {"card_number": 1, "email": 1}


def test_keys_that_were_pressed_are_masked_where_they_are_told() -> None:
    handoff = ("backend", {"type": "end", "handoffData": json.dumps({"pressed": "739154", "order": "88123456"})})
    found = stored(call(*map(key, "739154#"), token("You pressed 739154.", last=True), handoff))  # type: ignore[arg-type]
    assert words(found)[7:] == [
        "You pressed ••••••.",
        json.dumps({"pressed": "••••••", "order": "88123456"}, ensure_ascii=False),
    ]
    assert counted(found) == {"keys": 1}


def test_a_pin_that_is_read_back() -> None:
    said = ["I got four eight two one, right?", "At 4821 Main Street 7.", "It is 48 people, 482 of 2100."]
    found = stored(
        call(
            token("Your PIN please", last=True), prompt("4821"), *(token(one, last=True) for one in said), prompt("ok")
        )
    )
    assert words(found)[1:3] == ["••••", "I got ◦◦◦◦ ◦◦◦◦◦ ◦◦◦ ◦◦◦, right?"]
    assert words(found)[4:] == [said[2], "ok"]
    assert counted(found) == {"pin": 1}


def test_keys_that_are_no_string() -> None:
    sent = [("twilio", {"type": "dtmf", "digit": 4}), ("backend", {"type": "sendDigits", "digits": ["48", 21]})]
    found = stored(call(*sent))  # type: ignore[arg-type]
    assert words(found) == ["•", ["••", "••"]]
    assert words(stored(call(*sent), Rules(keys="keep"))) == [4, ["48", 21]]  # type: ignore[arg-type]


def test_partials_that_went_on_before_they_were_revised() -> None:
    said = [f"my card is {CARD} and more"[:end] for end in (10, 20, 25, 30, 38)]
    found = stored(call(*(prompt(one, last=False) for one in said), prompt("never mind"), prompt("ok")))
    assert words(found)[2:5] == [
        "my card is •••• •••• ••••",
        "my card is •••• •••• •••• 1111",
        "my card is •••• •••• •••• 1111 and mor",
    ]
    assert not any("4111" in one for one in words(found))


C = CARD.replace(" ", "")


@pytest.mark.parametrize(
    ("sender", "value"),
    [
        ("twilio", {"type": "info", "name": "agentSpeaking", "value": C}),
        ("twilio", {"type": "info", "name": C, "value": "on"}),
        ("twilio", {"type": "interrupt", "utteranceUntilInterrupt": "x", "durationUntilInterruptMs": int(C)}),
        ("twilio", {"type": "prompt", "voicePrompt": "hi", "last": C, "lang": C}),
        ("twilio", {"type": "prompt", "voicePrompt": CARD.split(), "last": True}),
        ("twilio", {"type": "setup", "sessionId": f"VX{C}", "callSid": f"CA{C}", "from": C, "to": C, "callType": C}),
        ("backend", {"type": "text", "token": [int(one) for one in C], "last": True}),
        ("backend", {"type": "text", "token": {"a": {"b": CARD}}, "interruptible": int(C), "preemptible": C}),
        ("backend", {"type": "play", "source": f"https://agent.example/a{C}.mp3", "loop": int(C)}),
        ("backend", {"type": "language", "ttsLanguage": C, "transcriptionLanguage": f"en-{C}"}),
        ("backend", {"type": C, C: {C: C}}),
        ("backend", {"type": "end", "handoffData": {"card": CARD.split()}}),
        ("twilio", {"type": "dtmf", "digit": C, "last": C}),
        ("backend", {"type": "sendDigits", "digits": C, "note": C}),
    ],
)
@pytest.mark.parametrize("record", ["redacted", "metadata"])
def test_a_card_number_in_every_field_of_every_type(sender: str, value: dict[str, object], record: str) -> None:
    rules = Rules(record=record)  # type: ignore[arg-type]
    [found] = stored([message(0, 1, sender, value)], rules)  # type: ignore[arg-type]
    text = found.text or ""
    assert text.count("4") == 0
    assert len(re.findall("[0-9]", text)) <= text.count("•") / 3 + 1


ASKED = token("What is your e-mail address?", last=True)


@pytest.mark.parametrize(
    "said",
    [
        [prompt("jane dot doe"), prompt("at example dot com")],
        [prompt("it is jane dot doe at"), prompt("example dot com")],
        [prompt("it is jane dot doe at example"), prompt("dot com")],
        [prompt("jane dot doe"), token("Go on.", last=True), prompt("at example dot com")],
        [token("So that is jane dot doe", last=True), prompt("yes"), token("at example dot com?", last=True)],
        [ASKED, prompt("jane dot doe"), prompt("uh, wait a moment please"), prompt("at example dot com")],
        [ASKED, prompt("jane dot doe at gmail.com"), token("So jane dot doe,"), token(" at gmail.com?", last=True)],
        [ASKED, prompt("it's janedoe"), prompt("at example dot com")],
        [ASKED, prompt("my email is jane"), token("Go on.", last=True), prompt("at gmail.com")],
        [ASKED, prompt("j a n e"), prompt("dot"), prompt("d o e"), prompt("at"), prompt("example dot com")],
        [token("¿Cuál es su correo?", last=True), prompt("jane punto doe"), prompt("arroba example punto com")],
        [prompt("jane dot doe at example dot com"), token("I wrote jane dot"), token(" doe, ok", last=True)],
        [token("So janedoe"), token(" 87"), token(" at"), token(" example"), token(" dot com", last=True)],
        [
            prompt("jane dot doe at example dot com"),
            ("backend", {"type": "end", "handoffData": json.dumps({"user": "jane.doe"})}),
        ],
    ],
)  # fmt: skip
def test_an_address_in_pieces(said: list[tuple[str, dict[str, object]]]) -> None:
    found = " ".join(words(stored(call(*said, prompt("thank you"), every=1.5))))  # type: ignore[arg-type]
    told = set(re.findall(r"[\w,]+", found.replace("jane punto", "")))
    assert not told & {"jane", "doe", "doe,", "janedoe", "n", "d"}


@pytest.mark.parametrize("said", ["yes, thank you", "Oh, sure!", "no", "I will write it down for you", "okay"])
def test_an_answer_without_an_address_does_not_wait_for_one(said: str) -> None:
    redactor = Redactor(Rules())
    for one in call(ASKED, prompt(said)):
        redactor.feed(one)
    assert redactor.held == frozenset()


def test_places_on_the_web_and_names_stay_and_nothing_waits_for_an_address_that_nobody_gives() -> None:
    redactor = Redactor(Rules())
    said = [
        token("See example dot com or booking.com.", last=True), prompt("I met Jane Doe at three"), ASKED,
        prompt("um, let me think"), prompt("I have none, it is Jane Doe"),
    ]  # fmt: skip
    for seq, one in enumerate(said):
        assert words(redactor.feed(message(seq, seq + 1.0, *one))) == words([message(seq, 1, *one)])


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("4111 1111 1112 no sorry 1111 1111", "•••• •••• •••• no sorry •••• 1111"),
        ("my card is 5425 2334 2010 no, sorry, 3010 9903", "my card is •••• •••• •••• no, sorry, •••• 9903"),
        ("4111 1112 nein 1111 1111 1111", "•••• •••• nein •••• •••• 1111"),
        ("my card is 5425 2334 2010 wait 3010 9900", "my card is •••• •••• •••• wait •••• ••••"),
        ("it was 4100 not 4200 in 2019, sorry", "it was 4100 not 4200 in 2019, sorry"),
    ],
)
def test_a_card_number_of_which_a_part_is_taken_back(said: str, kept: str) -> None:
    assert words(stored(call(prompt(said), prompt("that is all I have"))))[0] == kept


@pytest.mark.parametrize(
    ("asked", "first", "second"),
    [
        ("Your PIN, please?", "four eight", "two one"),
        ("Your social security number?", "078 05", "1120"),
        ("Your account number?", "1234 5", "9012"),
    ],
)
def test_a_number_that_was_asked_for_with_other_talk_within_it(asked: str, first: str, second: str) -> None:
    talk = "hold on, let me look it up in my notes"
    found = words(stored(call(token(asked, last=True), *map(prompt, [first, talk, second, "that is it, I think so"]))))
    assert (found[2], found[4]) == (talk, "that is it, I think so")
    assert not re.search(r"\w", (found[1] + found[3]).replace("•", "").replace("◦", ""))


def test_a_card_number_with_other_talk_between_its_groups() -> None:
    groups = ["my card is 4111", "1111", "1111 1111"]
    talk = [
        "let me see where I put my glasses, it is a bit dark",
        "and it goes on with this here",
        "there you are, then",
    ]
    said = [one for pair in zip(groups, talk, strict=True) for one in pair]
    found = words(stored(call(*map(prompt, said), every=3)))
    assert found[::2] == ["my card is ••••", "••••", "•••• ••••"]
    assert found[1::2] == talk


SPOKEN = "your card number is four one one one one one one one one one one one one one one one"


@pytest.mark.parametrize(
    "said",
    [
        {"type": "interrupt", "utteranceUntilInterrupt": SPOKEN, "durationUntilInterruptMs": 9},
        {"type": "info", "name": "tokensPlayed", "value": SPOKEN},
        {"type": "prompt", "voicePrompt": "hi", "lang": "en-US", "last": True, "alternatives": [SPOKEN]},
        {"type": "text", "token": "hi", "last": True, "note": SPOKEN},
        {"type": "text", "token": "hi", "last": True, "lang": SPOKEN},
        {"type": "text", "token": "hi", "last": True, SPOKEN: True},
        {"type": "info", "name": SPOKEN, "value": "on"},
        {"type": "dtmf", "digit": "1", "note": SPOKEN},
    ],
)
def test_a_number_in_words_is_found_wherever_it_is_and_said_by_nobody(said: dict[str, Any]) -> None:
    """As a greeting of the TwiML is that is played, and whatever a message has besides what it says."""
    (found,) = stored(call(("backend" if "token" in said else "twilio", said)))
    assert found.redacted == {"card_number": 1}
    assert "four one one" not in (found.text or "")
