"""The pieces of a filter's text, each of which can be replaced while the others stay as they were written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relayproxy.console.filters.tokens import (
    MAX_LENGTH,
    MAX_TOKENS,
    VALUES,
    FilterToken,
    Piece,
    joined,
    quoted,
    replaced,
    tokens,
    within,
)

texts = st.text(alphabet='ab:*",\\-=<. +', max_size=40)
values = st.text(max_size=12).map(lambda text: text.replace("\0", ""))


def one(text: str) -> FilterToken:
    (found,) = tokens(text)
    return found


@pytest.mark.parametrize(
    ("text", "negated", "field", "pieces"),
    [
        ("outcome:failed,unknown", False, "outcome", (Piece("failed"), Piece("unknown"))),
        ('-tag:"to do"', True, "tag", (Piece("to do", bare=False),)),
        ("number:+1415*", False, "number", (Piece("+1415", begins=True),)),
        ('"the refund"', False, None, (Piece("the refund", bare=False),)),
        ("refun*", False, None, (Piece("refun", begins=True),)),
        ('tag:"a \\"b\\" \\\\"', False, "tag", (Piece('a "b" \\', bare=False),)),
        ('tag:"a*"', False, "tag", (Piece("a*", bare=False),)),
        ('param."the plan":gold', False, "param.the plan", (Piece("gold"),)),
        ("tag:a,,b,", False, "tag", (Piece("a"), Piece("b"))),
        ("tag:", False, "tag", ()),
        ('tag:""', False, "tag", (Piece("", bare=False),)),
        ("10:30", False, None, (Piece("10:30"),)),
        ('"to: me"', False, None, (Piece("to: me", bare=False),)),
        ('"never closed x:y', False, None, (Piece("never closed x:y", bare=False),)),
    ],
)
def test_a_token_is_read(text: str, negated: bool, field: str | None, pieces: tuple[Piece, ...]) -> None:
    assert one(text) == FilterToken(0, len(text), negated, field, pieces)


@given(texts)
def test_what_is_between_tokens_is_space_alone(text: str) -> None:
    rest = list(text)
    for token in reversed(tokens(text)):
        assert token.start < token.end
        del rest[token.start : token.end]

    assert not "".join(rest).strip()


def test_a_token_is_replaced_or_taken_away_and_the_others_stay() -> None:
    text = 'a:1   "b  c"  -d:2'
    first, second, third = tokens(text)

    assert replaced(text, second, "x:y") == "a:1 x:y -d:2"
    assert replaced(text, first, "") == '"b  c"  -d:2'
    assert replaced(text, third, "") == 'a:1   "b  c"'
    assert [joined("", "x"), joined(" a ", "x")] == ["x", "a x"]


@pytest.mark.parametrize(
    ("value", "word", "written"),
    [
        ("gold", False, "gold"),
        ("pure gold", False, '"pure gold"'),
        ('say "a"', False, '"say \\"a\\""'),
        ("back\\slash", False, "back\\slash"),
        ("a,b", False, '"a,b"'),
        (">5", False, '">5"'),
        ("refund*", False, '"refund*"'),
        ("", False, '""'),
        ("10:30", False, "10:30"),
        ("10:30", True, '"10:30"'),
        ("-x", False, "-x"),
        ("-x", True, '"-x"'),
        ("CA123", True, '"CA123"'),
    ],
)
def test_a_value_is_quoted_only_where_it_would_mean_something_else(value: str, word: bool, written: str) -> None:
    assert quoted(value, word=word) == written
    assert quoted(value, begins=True, word=word) == written + "*"


@given(values)
def test_a_quoted_value_is_one_value(text: str) -> None:
    (token,) = tokens(f"tag:{quoted(text)}")
    assert [(piece.text, piece.begins) for piece in token.pieces] == [(text, False)]


def test_too_many_tokens_values_or_characters_are_beyond_from_the_first_one_on() -> None:
    many = " ".join(["x"] * (MAX_TOKENS + 2))
    assert within(many)[0] == " ".join(["x"] * MAX_TOKENS)
    assert within(many)[2] == "x x"

    values = "a:1 tag:" + ",".join("v" for _ in range(VALUES))
    assert [token.field for token in within(values)[1]] == ["a"]
    assert within("a:1 " + "x" * MAX_LENGTH)[:1] == ("a:1",)
    fits = "x" * MAX_LENGTH
    assert within(fits) == (fits, tokens(fits), "")
