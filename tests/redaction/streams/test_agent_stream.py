"""Tokens that come together are masked as if they had come one by one."""

import re
from collections.abc import Sequence

from relayproxy.conversation.message import Message
from relayproxy.redaction.redactor import Redactor
from relayproxy.redaction.rules import Rules
from relayproxy.redaction.values import policy
from tests.redaction.conversation import CARD, SECOND, call, message, played, prompt, stored, token, words
from tests.redaction.corpus import everything
from tests.redaction.corpus.calls import messages_of

SMALL_TALK = "Of course, I can look that up for you right away, just give me one moment please, it is here now. "


def together(messages: Sequence[Message], at_once: int, rules: Rules = Rules()) -> list[Message]:  # noqa: B008
    """What is stored of a whole connection of which so many messages are taken at once."""
    redactor, found = Redactor(rules), list[Message]()
    for nth, one in enumerate(messages, 1):
        found += redactor.feed(one, more=nth % at_once > 0 and nth < len(messages))
    return found + redactor.end(10_000 * SECOND)


def said(text: str) -> list[tuple]:  # type: ignore[type-arg]
    """An answer, token by token."""
    pieces = re.findall(r"\S+\s*", text)
    return [token(piece, last=nth == len(pieces)) for nth, piece in enumerate(pieces, 1)]


def test_of_the_corpus_the_same_is_stored() -> None:
    for item in everything()[::6]:
        messages = call(*said(SMALL_TALK * 2), *messages_of(item)[0], *said(SMALL_TALK), every=0.05)
        one_by_one = words(stored(messages))
        for at_once in (7, 400):
            assert words(together(messages, at_once)) == one_by_one, (item, at_once)


def test_a_secret_within_them_is_known_from_there_on() -> None:
    answer = f"{SMALL_TALK}Your PIN is 4821, and {SMALL_TALK}{SMALL_TALK} so that 4821 will do. {SMALL_TALK}"
    messages = call(*said(answer), every=0.03)

    found = together(messages, 100)
    assert "4821" not in "".join(words(found))
    assert found == stored(messages)


def test_what_was_asked_for_is_what_was_asked_for_last() -> None:
    messages = call(
        *said(f"What is your PIN? {SMALL_TALK}{SMALL_TALK}"), prompt("yes, 4821 will be there"),
        *said(f"{SMALL_TALK} And what is your PIN?"), prompt("4822, I think"),
        every=0.03,
    )  # fmt: skip

    found = together(messages, 100)
    prompts = [text for one, text in zip(found, words(found), strict=True) if one.sender == "twilio"]
    assert prompts == ["yes, 4821 will be there", "••••, I think"]
    assert found == stored(messages)


def test_an_end_that_may_become_a_secret_waits_for_what_comes_after_them() -> None:
    redactor = Redactor(Rules())
    first = call(*said(f"{SMALL_TALK}Yes, we have 4111 1111 1111")[:-1], token("1111"), every=0.03)
    left = [one for nth, one in enumerate(first, 1) for one in redactor.feed(one, more=nth < len(first))]
    assert words(left)[-1] == "we "
    assert (redactor.oldest, redactor.held) == (left[-1].seq + 1, frozenset({"backend"}))
    left = redactor.feed(message(len(first), 2, *token(" 1111, right?", last=True))) + redactor.end(3 * SECOND)
    assert "".join(words(left)) == "have •••• •••• •••• 1111, right?"


def test_silence_between_them_ends_what_the_word_before_it_waited_for() -> None:
    quick = call(*said(SMALL_TALK)[:5], token("4111 1111"), every=0.03)
    late = [message(len(quick) + nth, 40 + nth / 10, *one) for nth, one in enumerate(said("1111 1111 is what I have"))]
    messages = [*quick, *late]

    found = together(messages, 100)
    assert words(found)[5] == "4111 1111"
    assert found == stored(messages)


def test_what_is_heard_of_them_is_masked_as_they_are() -> None:
    messages = call(*said(f"{SMALL_TALK} So it is {CARD}. {SMALL_TALK}"), played(f"So it is {CARD}."), every=0.03)

    found = together(messages, 100)
    assert words(found)[-1] == "So it is •••• •••• •••• 1111."
    assert found == stored(messages)


def test_where_an_answer_is_searched_as_a_whole_it_is() -> None:
    rules = Rules(policy=policy(patterns=["one moment please"]))
    messages = call(*said(SMALL_TALK), every=0.03)

    found = together(messages, 100, rules)
    assert "one moment" not in "".join(words(found))
    assert found == stored(messages, rules)
