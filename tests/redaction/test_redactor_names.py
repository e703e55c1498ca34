"""Names of people, given what finds them: masked wherever they are said, over tokens and partials, and never shown
before their utterance is over."""

import itertools
import json
import re
from typing import Any

import pytest

from relayproxy.connection import Opening
from relayproxy.conversation.words import redacted_words
from relayproxy.redaction.budget import NAMES_OVERHEAD, NAMES_RATIO, RATE
from relayproxy.redaction.redactor import FAILED, LIMITED, Redactor
from relayproxy.redaction.rules import Rules
from relayproxy.redaction.streams import agent_stream
from relayproxy.redaction.values import policy
from tests.redaction.conversation import (
    CARD,
    SECOND,
    call,
    counted,
    message,
    played,
    prompt,
    stored,
    token,
    words,
)

NAMED = re.compile(r"John\s+Smith|José Núñez|Jane\b")


class Finder:
    """Finds these three, and keeps what it was asked to search."""

    def __init__(self) -> None:
        self.searched: list[str] = []

    def __call__(self, text: str) -> list[tuple[int, int]]:
        text.encode()
        self.searched.append(text)
        return [found.span() for found in NAMED.finditer(text)]


@pytest.fixture
def finder() -> Finder:
    return Finder()


@pytest.fixture
def rules(finder: Finder) -> Rules:
    return Rules(policy=policy(names=finder))


def handoff(data: Any) -> tuple[Any, dict[str, Any]]:
    return "backend", {"type": "end", "handoffData": json.dumps(data)}


def test_names_keep_their_shape_and_are_counted_once_each(rules: Rules) -> None:
    found = stored(
        call(
            prompt("this is John Smith"), token("Hello John Smith, is José Núñez with you?", last=True),
            prompt("no, he is not"),
        ),
        rules,
    )  # fmt: skip

    assert words(found) == ["this is ◦◦◦◦ ◦◦◦◦◦", "Hello ◦◦◦◦ ◦◦◦◦◦, is ◦◦◦◦ ◦◦◦◦◦ with you?", "no, he is not"]
    assert counted(found) == {"name": 2}
    assert redacted_words(counted(found)) == "2 names"


def test_without_the_setting_they_stay() -> None:
    assert words(stored(call(prompt("this is John Smith")))) == ["this is John Smith"]


def test_a_name_over_tokens_is_masked_in_each_and_where_it_was_heard(rules: Rules, finder: Finder) -> None:
    found = stored(
        call(
            token("Hi "), token("Jo"), token("hn Sm"), token("ith"), token(", one moment.", last=True),
            played("Hi John"), played(" Smith, one"),
            ("twilio", {"type": "interrupt", "utteranceUntilInterrupt": "Hi John Smi", "durationUntilInterruptMs": 9}),
            prompt("yes?"),
        ),
        rules,
    )  # fmt: skip

    assert words(found) == [
        "Hi ", "◦◦", "◦◦ ◦◦", "◦◦◦", ", one moment.", "Hi ◦◦◦◦", " ◦◦◦◦◦, one", "Hi ◦◦◦◦ ◦◦◦", "yes?",
    ]  # fmt: skip
    assert counted(found) == {"name": 1}
    assert finder.searched == ["Hi John Smith, one moment.", "yes?"]


def test_no_token_leaves_before_the_answer_is_over(rules: Rules) -> None:
    redactor = Redactor(rules)
    assert redactor.feed(message(0, 1, *token("Hello "))) == []
    assert redactor.feed(message(1, 2, *token("Jane, "))) == []
    assert words(redactor.feed(message(2, 3, *token("hi.", last=True)))) == ["Hello ", "◦◦◦◦, ", "hi."]

    # One that nothing ends but the caller, and one that nothing ends at all.
    assert redactor.feed(message(3, 4, *token("Hello Ja"))) == []
    assert redactor.feed(message(4, 5, *token("ne"))) == []
    assert words(redactor.feed(message(5, 6, *prompt("sorry?")))) == ["Hello ◦◦", "◦◦", "sorry?"]
    assert redactor.feed(message(6, 7, *token("Jane?"))) == []
    assert redactor.deadline == 22 * SECOND
    assert words(redactor.due(22 * SECOND)) == ["◦◦◦◦?"]


TOKENS, WAITING, ANSWER = 30, 40, 410
"""A tenth of what is held."""


@pytest.mark.parametrize("before", [*range(TOKENS - 4, TOKENS + 3), *range(WAITING - 4, WAITING + 3)])
@pytest.mark.parametrize("filler", ["so ", "x. ", "a much longer word "])
def test_an_answer_too_long_to_be_held_leaves_in_stretches_that_cut_no_name(
    rules: Rules, before: int, filler: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agent_stream, "MAX_TOKENS", TOKENS)
    monkeypatch.setattr(agent_stream, "MAX_ANSWER", ANSWER)
    monkeypatch.setattr("relayproxy.redaction.redactor.MAX_WAITING", WAITING)
    tokens = [filler] * before + ["Jo", "hn", " Sm", "ith"] + [", so"] * TOKENS
    redactor = Redactor(rules)
    left: list[str] = []
    for seq, text in enumerate(tokens):
        left += words(redactor.feed(message(seq, 1 + seq / 100, *token(text))))
    assert len(left) >= TOKENS // 2
    left += words(redactor.end(99 * SECOND))

    assert "".join(left) == filler * before + "◦◦◦◦ ◦◦◦◦◦" + ", so" * TOKENS


@pytest.mark.parametrize("before", range(agent_stream.MAX_ANSWER - 12, agent_stream.MAX_ANSWER + 3))
def test_as_few_tokens_of_many_words_do(rules: Rules, before: int) -> None:
    text = ("well " * agent_stream.MAX_ANSWER)[:before]
    redactor = Redactor(rules)
    said = [token(text[: before // 2]), token(text[before // 2 :]), token(" Jo"), token("hn Smith there"), token(".")]
    found = [one for seq, each in enumerate(said) for one in redactor.feed(message(seq, 5 * seq, *each))]
    found += redactor.end(99 * SECOND)

    assert "".join(words(found)) == f"{text} ◦◦◦◦ ◦◦◦◦◦ there."


def test_partials_are_masked_as_their_final_is_and_by_themselves_where_they_read_otherwise(rules: Rules) -> None:
    found = stored(
        call(
            prompt("this is", last=False), prompt("this is Jo", last=False), prompt("this is John Smi", last=False),
            prompt("this is John Smith here"),
            prompt("I am Jane", last=False), prompt("I am in pain"),
            prompt("you are Jean", last=False), prompt("you are Jane"),
        ),
        rules,
    )  # fmt: skip

    assert words(found) == [
        "this is", "this is ◦◦", "this is ◦◦◦◦ ◦◦◦", "this is ◦◦◦◦ ◦◦◦◦◦ here",
        "I am ◦◦◦◦", "I am in pain",
        "◦◦◦ ◦◦◦ ◦◦◦◦", "you are ◦◦◦◦",
    ]  # fmt: skip


def test_no_partial_leaves_before_its_final(rules: Rules) -> None:
    redactor = Redactor(rules)
    assert redactor.feed(message(0, 1, *prompt("I am Ja", last=False))) == []
    assert redactor.feed(message(1, 2, *prompt("I am Jane", last=False))) == []
    assert words(redactor.due(12 * SECOND)) == ["I am ◦◦", "I am ◦◦◦◦"]


def test_a_name_is_masked_again_as_a_whole_whatever_its_case(rules: Rules) -> None:
    found = stored(
        call(prompt("this is José Núñez"), token("JOSÉ NÚÑEZ, right?", last=True), played("josé núñez ok"),
             prompt("Straße nach josé núñez")),
        rules,
    )  # fmt: skip

    assert words(found)[1:] == ["◦◦◦◦ ◦◦◦◦◦, right?", "◦◦◦◦ ◦◦◦◦◦ ok", "Straße nach ◦◦◦◦ ◦◦◦◦◦"]
    assert counted(found) == {"name": 1}
    again = stored(call(prompt("I am Jane"), prompt("Janet and jane")), rules)
    assert words(again) == ["I am ◦◦◦◦", "Janet and ◦◦◦◦"]


def test_names_in_parameters_handoff_errors_and_what_nobody_knows(rules: Rules, finder: Finder) -> None:
    parameters = {"caller": "John Smith", "Jane": "gold", "note": '{"who": "Jane", "since": 1999}', "id": 7}
    said = [
        ("twilio", {"type": "setup", "sessionId": "VX1", "from": "+15550100001", "customParameters": parameters}),
        ("twilio", {"type": "error", "description": "cannot say Jane"}),
        ("backend", {"type": "news", "about": ["Jane", "and more", {"x": "John Smith"}]}),
        ("backend", {"type": "text", "token": "Hi. ", "last": True, "lang": "en-US", "aside": "for Jane"}),
        ("backend", "no JSON for Jane"),
        handoff({"reason": "John Smith wants to book", "Jane": True}),
    ]
    found = stored(call(*said), rules)  # type: ignore[arg-type]
    first, error, news, text, bare, end = (one.text or "" for one in found)

    assert json.loads(first)["customParameters"] == {
        "caller": "◦◦◦◦ ◦◦◦◦◦",
        "Jane": "gold",
        "note": '{"who": "◦◦◦◦", "since": 1999}',
        "id": 7,
    }
    assert json.loads(error)["description"] == "cannot say ◦◦◦◦"
    assert json.loads(news) == {"type": "news", "about": ["◦◦◦◦", "and more", {"x": "◦◦◦◦ ◦◦◦◦◦"}]}
    assert json.loads(text)["aside"] == "for ◦◦◦◦"
    assert bare == "no JSON for ◦◦◦◦"
    assert json.loads(json.loads(end)["handoffData"]) == {"reason": "◦◦◦◦ ◦◦◦◦◦ wants to book", "Jane": True}
    assert {"text", "en-US", "VX1", "+15550100001", "7", "1999", "true"} & {*finder.searched} == set()
    assert not any("\n" in text for text in finder.searched), "lists are not searched once more"


def test_names_are_not_looked_for_in_the_request(rules: Rules, finder: Finder) -> None:
    opening = Opening(
        connection_id="c", trace_id="t", span_id="s", route="default", backend="ws://agent.example.com/Jane",
        target=f"/Jane?card={CARD.replace(' ', '')}", request_headers=(("X-Who", "Jane"),), opened_at=1, peer="",
    )  # fmt: skip
    kept = rules.opening(opening)

    assert (kept.target, kept.request_headers) == ("/Jane?card=••••••••••••1111", (("X-Who", "Jane"),))
    assert finder.searched == []


def test_a_name_beside_a_number_is_no_answer_and_ends_no_number(rules: Rules) -> None:
    found = stored(
        call(
            token("And your PIN, Jane?", last=True), prompt("Jane here"), prompt("4821"),
            prompt("4111 1111 11"), prompt("sorry, Jane"), prompt("11 1111"),
        ),
        rules,
    )  # fmt: skip

    assert words(found) == [
        "And your PIN, ◦◦◦◦?", "◦◦◦◦ here", "••••",
        "•••• •••• ••", "sorry, ◦◦◦◦", "•• 1111",
    ]  # fmt: skip


def test_an_open_number_with_a_name_behind_it_is_masked_when_the_wait_is_over(rules: Rules) -> None:
    redactor = Redactor(rules)

    assert redactor.feed(message(0, 1, *prompt("it was 5425 2334 30, Jane"))) == []
    assert words(redactor.due(40 * SECOND)) == ["it was •••• •••• ••, ◦◦◦◦"]


def test_what_a_model_takes_for_a_part_of_a_name_is_still_what_it_is() -> None:
    found = stored(
        call(prompt("Mr. PIN 482193, yes"), prompt("so 82193 it is")),
        Rules(policy=policy(names=lambda text: [one.span() for one in re.finditer(r"Mr\. PIN 48", text)])),
    )

    assert words(found) == ["◦◦. ◦◦◦ ••••••, yes", "so ••••• it is"]
    assert counted(found) == {"pin": 1}


def test_a_revised_partial_with_a_name_and_an_open_number(rules: Rules) -> None:
    found = stored(call(prompt("Jane, 4111 1111 1111 1", last=False), prompt("never mind that")), rules)

    assert words(found)[0] == "◦◦◦◦, •••• •••• •••• •"


def test_names_in_tags_and_around_them(rules: Rules) -> None:
    found = stored(call(token('<sub alias="Jane">J.</sub> and John<break/> Smith', last=True)), rules)

    assert words(found) == ['<sub alias="◦◦◦◦">J.</sub> and ◦◦◦◦<break/> ◦◦◦◦◦']
    assert counted(found) == {"name": 2}


def test_after_a_restart_an_echo_with_a_name_hides_no_number(rules: Rules) -> None:
    redactor = Redactor(rules)
    redactor.recall(stored(call(token(f"Jane, your card is {CARD}.", last=True)), rules))

    assert words(redactor.feed(message(1, 9, *played("Jane, your card is 4111 1111")))) == [
        "◦◦◦◦, your card is •••• ••••"
    ]


def test_halves_of_surrogate_pairs_do_not_reach_the_finder(rules: Rules) -> None:
    found = stored([message(0, 1, "twilio", '{"type":"prompt","voicePrompt":"\\ud800 Jane","last":true}')], rules)

    assert found[0].text == '{"type":"prompt","voicePrompt":"\\ud800 ◦◦◦◦","last":true}'


def test_after_a_restart_nothing_is_searched_again_and_echoes_are_masked(rules: Rules, finder: Finder) -> None:
    before = stored(call(prompt("this is Jane"), token("Hello Ja"), token("ne.", last=True)), rules)
    finder.searched.clear()
    redactor = Redactor(rules)
    redactor.recall(before)

    assert finder.searched == []
    assert words(redactor.feed(message(3, 9, *played("Hello Jane.")))) == ["Hello ◦◦◦◦."]
    assert redactor.feed(message(4, 10, *token("Ja"))) == []


@pytest.mark.parametrize("fails_at", range(4))
def test_when_the_finder_fails_metadata_is_kept_of_what_was_held_and_no_message_is_lost(fails_at: int) -> None:
    searched = itertools.count()

    def failing(text: str) -> list[tuple[int, int]]:
        if next(searched) == fails_at:
            raise MemoryError(text)
        return [found.span() for found in NAMED.finditer(text)]

    redactor = Redactor(Rules(policy=policy(names=failing)))
    said = call(
        token("Hello "), ("backend", {"type": "a", "b": "for Jane"}), token("Jane.", last=True), prompt("Jane?"),
        prompt("good bye then"),
    )  # fmt: skip
    found = []
    for one in said:
        try:
            found += redactor.feed(one)
        except MemoryError:
            found += redactor.fail(one)

    assert [one.seq for one in found] == [*range(len(said))]
    assert FAILED in {one.note for one in found}
    assert "Jane" not in "".join(one.text or "" for one in found)
    assert found[-1].note is None or fails_at == 3


def spent(searched: list[str]) -> int:
    """What the searches for names took, as the budget counts it."""
    return sum(NAMES_OVERHEAD + NAMES_RATIO * len(text) for text in searched)


GARBAGE = {
    "tokens": token("Jane "),
    "prompts": prompt("Jane"),
    "strings": ("twilio", {"type": "zzz", "x": ["Jane"] * 50}),
    "prose": ("twilio", {"type": "zzz", "x": "Jane and I " * 100}),
    "no JSON": ("twilio", "Jane {and} I " * 50),
    "played": played("Jane"),
    "tags": token('<sub alias="Jane">J</sub>', last=True),
}


@pytest.mark.parametrize("said", GARBAGE.values(), ids=GARBAGE.keys())
def test_of_garbage_a_bounded_part_is_searched(
    said: Any, rules: Rules, finder: Finder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("relayproxy.redaction.budget.BURST", small := 60_000)
    found = stored(call(*[said] * 600, every=0.0001), rules)

    assert [one.seq for one in found] == [*range(600)]
    assert found[-1].note == LIMITED
    assert 0 < spent(finder.searched) <= 1.3 * small
    assert "Jane" not in "".join(one.text or "" for one in found)


def test_so_it_is_of_partials_that_are_all_revised(
    rules: Rules, finder: Finder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("relayproxy.redaction.budget.BURST", small := 50_000)
    partials = [prompt(f"{chr(97 + n % 26)} Jane " * 20, last=False) for n in range(200)]
    found = stored(call(*partials, prompt("never mind"), every=0.0001), rules)

    assert [one.seq for one in found] == [*range(201)]
    assert 0 < spent(finder.searched) <= 2 * small
    assert "Jane" not in "".join(words(found))


def test_a_call_without_a_pause_needs_less_than_the_rate(rules: Rules) -> None:
    said = "and then I told them that they may well come by whenever it suits all of them. " * 4
    redactor = Redactor(rules)
    seq = 0
    for tick in range(300):
        last = tick % 30 == 29
        sent = [prompt(said[: tick % 30 * 2 + 2], last=last), token(said[2 * (tick % 30) :][:2], last=last)]
        for one in (*sent, played(said[2 * (tick % 30) :][:2])):
            assert all(found.note is None for found in redactor.feed(message(seq, tick / 10, *one)))
            seq += 1

    assert redactor._budget.spent < 30 * RATE * 0.6
