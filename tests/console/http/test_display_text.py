"""Texts on pages: what misleads can be seen, and a long one is cut and says so."""

import pytest

from relayproxy.console.http.display_text import MOST, MOST_OF_BLOCK, begun, left_out, pretty


@pytest.mark.parametrize("length", [0, 1, MOST])
def test_a_text_is_shown_whole_up_to_the_bound(length: int) -> None:
    assert begun("x" * length) == "x" * length
    assert left_out("x" * length) == ""


def test_of_a_longer_one_the_beginning_is_shown_and_how_much_is_not() -> None:
    assert begun("x" * (MOST + 1)) == "x" * MOST + " … and 1 more character; the recording has all"
    assert begun("abc", 1) == "a … and 2 more characters; the recording has all"
    assert left_out("x" * 2_000_000) == " … and 1,990,000 more characters; the recording has all"


def test_json_is_cut_once_it_is_laid_out() -> None:
    assert pretty('{"a":1}') == '{\n  "a": 1\n}'
    many = pretty("[" + ",".join("1" for _ in range(60_000)) + "]")
    assert many.startswith("[\n  1,\n  1,")
    assert many[MOST_OF_BLOCK:].startswith(" … and ")
    assert pretty("[" * 60_000)[MOST_OF_BLOCK:] == " … and 10,000 more characters; the recording has all"


def test_what_misleads_is_visible() -> None:
    assert begun("a\N{RIGHT-TO-LEFT OVERRIDE}b") == "a⟦U+202E⟧b"
