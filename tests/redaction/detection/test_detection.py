"""What is found in a text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relayproxy.redaction.detection.detection import find
from relayproxy.redaction.detection.number_words import REPEATS, TIMES
from relayproxy.redaction.detection.vocabulary import MONTHS
from relayproxy.redaction.values import Context, Policy, policy
from tests.redaction.masks import masked


def shown(text: str, **given: str | None) -> str:
    """The text as it is stored."""
    return masked(text, find(text, language=given.get("language"), policy=Policy(), context=Context()).secrets)


@pytest.mark.parametrize(
    ("said", "stored"),
    [
        ("My card is 4111 1111 1111 1111.", "My card is •••• •••• •••• 1111."),
        ("3782-822463-10005", "••••-••••••-•0005"),
        ("write to jane.doe@example.com please", "write to ••••.•••@•••••••.••• please"),
        ("4111 1111 1111 1112", "4111 1111 1111 1112"),
        ("card=4111-1111-1111-1111&cvv=123&to=a.b@c.de", "card=••••-••••-••••-1111&cvv=•••&to=•.•@•.••"),
    ],
)
def test_a_secret_keeps_its_shape(said: str, stored: str) -> None:
    assert shown(said) == stored


def test_a_number_at_the_end_may_go_on() -> None:
    found = find("my card is 4111 11", language="en", policy=Policy(), context=Context())

    assert (found.open_from, found.open_digits) == (11, 6)


SAID = [
    "four",
    "one",
    "oh",
    "forty",
    "hundred",
    "thousand",
    "uh",
    "no",
    "and",
    "card",
    "pin",
    "code",
    "my",
    "is",
    "dot",
]
SAID += ["at", "example", "com", "vier", "einundvierzig", "quatre", "vingt", "dix", "soixante", "cuarenta", "y", "meia"]
WORDS = st.sampled_from([*REPEATS, *TIMES, *MONTHS, *SAID])
PIECES = st.one_of(WORDS, st.integers(0, 99999).map(str), st.text(max_size=6), st.sampled_from(list(" \n.,-+@$•٣①é\0")))


@given(
    text=st.lists(PIECES, max_size=40).map(" ".join),
    language=st.sampled_from(["en", "fr-FR", "de", None]),
    final=st.booleans(),
    card=st.booleans(),
)
def test_any_text_can_be_searched_and_keeps_its_length(
    text: str, language: str | None, final: bool, card: bool
) -> None:
    context = Context(card=card, asked=frozenset({"pin", "expiry"}), known=("4111111111111111",))
    found = find(text, language=language, policy=Policy(), context=context, final=final)

    assert len(masked(text, found.secrets)) == len(text)
    ends = [0, *(at for secret in found.secrets for at in (secret.start, secret.end)), len(text)]
    assert ends == sorted(ends)
    for secret in found.secrets:
        assert secret.spans
        assert all(secret.start <= start < end <= secret.end for start, end in secret.spans)
    assert found.open_from is None or 0 <= found.open_from < len(text)


@given(cut=st.integers(1, 45))
def test_a_card_number_in_pieces_is_open_until_it_is_whole(cut: int) -> None:
    text = "sure, four two four two double four 22 42 4242 then forty-two forty-two"
    found = find(text[: 6 + cut], language="en", policy=Policy(), context=Context(), final=False)

    assert found.open_from is not None
    assert found.open_from <= 6


def test_half_a_character_is_looked_through_like_any_other() -> None:
    found = find("\ud83d K-1", language=None, policy=policy([], ["K-[0-9]"]))
    assert [(secret.kind, secret.start, secret.end) for secret in found.secrets] == [("pattern", 2, 5)]


@pytest.mark.parametrize(
    ("said", "stored"),
    [
        (
            '<say-as interpret-as="digits">4 1 1 1</say-as><break time="200ms"/>1 1 1 1<break/>1111 <p>1111</p>',
            '<say-as interpret-as="digits">• • • •</say-as><break time="200ms"/>• • • •<break/>•••• <p>1111</p>',
        ),
        (
            'Your PIN is <break time="1s"/><say-as>4821</say-as>.',
            'Your PIN is <break time="1s"/><say-as>••••</say-as>.',
        ),
        ('<sub alias="4111 1111 1111 1111">it</sub>', '<sub alias="•••• •••• •••• 1111">it</sub>'),
        ("if 3 < 5 then 4111 1111 1111 1111 > 2", "if 3 < 5 then •••• •••• •••• 1111 > 2"),
    ],
)
def test_tags_between_the_groups_of_a_number_stay_and_do_not_part_it(said: str, stored: str) -> None:
    assert shown(said, language="en") == stored


@pytest.mark.parametrize("language", ["en", "es-MX", None])
def test_a_number_in_two_languages(language: str | None) -> None:
    said = "cuatro one one one uno uno uno uno one one one one uno uno uno uno"
    assert shown(said, language=language) == "•••••• ••• ••• ••• ••• ••• ••• ••• ••• ••• ••• ••• uno uno uno uno"
    assert shown("mi PIN es four eight dos uno", language=language) == "mi PIN es •••• ••••• ••• •••"
