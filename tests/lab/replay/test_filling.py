"""Test values have the shape of what is masked, and what is the same secret is the same value."""

import pytest
from stdnum import luhn

from relayproxy.lab.replay.filling import filled, filled_keys, masked


@pytest.mark.parametrize(
    ("text", "kinds", "expected"),
    [
        ("my PIN is ◦◦◦◦ ◦◦◦◦◦ ◦◦◦ ◦◦◦", ["pin"], "my PIN is four three one six"),
        ("my PIN is ••••, yes", ["pin"], "my PIN is 4829, yes"),
        ("I am ◦◦◦◦◦◦ ◦◦◦◦", ["name"], "I am sample samp"),
        ("◦◦◦•@◦◦◦◦.com", ["email"], "sam9@samp.com"),
        ("◦◦•◦", ["field"], "sa2p"),
        ("nothing is masked", [], "nothing is masked"),
    ],
)
def test_words_and_digits_of_the_same_length(text: str, kinds: list[str], expected: str) -> None:
    value = filled(text, kinds)

    assert value == expected
    assert len(value) == len(text)
    assert not masked(value)


def test_a_card_number_passes_its_check_and_keeps_its_last_digits() -> None:
    value = filled("it is •••• •••• •••• 1111.", ["card_number"])

    assert value.endswith(" 1111.")
    assert luhn.is_valid("".join(one for one in value if one.isdigit()))


def test_partial_prompts_grow_into_the_final_one() -> None:
    prompts = ["◦◦◦◦ ◦◦◦◦◦", "◦◦◦◦ ◦◦◦◦◦ ◦◦◦", "◦◦◦◦ ◦◦◦◦◦ ◦◦◦ ◦◦◦◦"]
    values = [filled(prompt, ["pin"]) for prompt in prompts]

    assert values[2].startswith(values[1])
    assert values[1].startswith(values[0])


def test_keys_are_filled_by_runs() -> None:
    assert filled_keys([*"1••••#••2"]) == [*"14829#482"]
    assert luhn.is_valid("".join(filled_keys(["•"] * 16)))
