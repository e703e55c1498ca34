"""Two texts, word by word."""

import random

import pytest

from relayproxy.comparison.word_diff import MAX_CHANGES, Part, word_diff


@pytest.mark.parametrize(
    ("before", "after", "parts"),
    [
        ("For when?", "For when?", [("same", "For when?")]),
        ("", "", []),
        ("", "Hello", [("added", "Hello")]),
        ("Hello", "", [("removed", "Hello")]),
        (
            "A table for 4 at 7 is booked.",
            "A table for 4 at 8 is booked, thanks.",
            [
                ("same", "A table for 4 at "),
                ("removed", "7 "),
                ("added", "8 "),
                ("same", "is booked"),
                ("added", ", thanks"),
                ("same", "."),
            ],
        ),
        (
            "ご予約は七時です。",
            "ご予約は八時です。",
            [("same", "ご予約は"), ("removed", "七"), ("added", "八"), ("same", "時です。")],
        ),
        ("For how many?", "For how many people?", [("same", "For how many"), ("added", " people"), ("same", "?")]),
        ("one line\nor two", "one line or two", [("same", "one line or two")]),
        ("Good morning", "See you later", [("removed", "Good morning"), ("added", "See you later")]),
        (
            "I don't know it",
            "I can't know it",
            [("same", "I "), ("removed", "don't "), ("added", "can't "), ("same", "know it")],
        ),
    ],
)
def test_words_that_differ(before: str, after: str, parts: list[Part]) -> None:
    assert list(word_diff(before, after)) == parts


def test_a_short_word_between_two_changes_is_changed_too() -> None:
    parts = word_diff("we open today at seven as usual and long", "we open monday at eight as usual and long")
    assert parts == (
        ("same", "we open "),
        ("removed", "today at seven "),
        ("added", "monday at eight "),
        ("same", "as usual and long"),
    )


def test_the_parts_make_both_texts() -> None:
    rng = random.Random(7)
    for _ in range(300):
        before, after = ("".join(rng.choices(("a ", "b ", "c, ", "d", "\n"), k=rng.randrange(14))) for _ in range(2))
        parts = word_diff(before, after)
        for text, other in ((before, "added"), (after, "removed")):
            assert "".join("".join(part for change, part in parts if change != other).split()) == "".join(text.split())


def test_texts_with_too_many_changes_replace_each_other() -> None:
    before = " ".join(f"a{n} same" for n in range(MAX_CHANGES))
    after = " ".join(f"b{n} same" for n in range(MAX_CHANGES))
    assert word_diff(before, after) == (("removed", before), ("added", after))
