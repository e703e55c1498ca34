"""Values of a JSON text that are read together."""

import json

import pytest

from relayproxy.redaction.masking.json_text import applied, literals
from relayproxy.redaction.masking.masking import mask_string
from relayproxy.redaction.masking.siblings import siblings
from relayproxy.redaction.values import Context, Policy

SPREAD = ["4111", "1111", "1111", "1111"]
HIDDEN = ["••••", "••••", "••••", "1111"]


def kept(value: object) -> object:
    """What is stored of a JSON value, of itself and as a string within JSON."""
    found: list[object] = []
    for text in (json.dumps(value), json.dumps({"handoffData": json.dumps(value)})):
        read = json.loads(applied(text, mask_string(text, Policy(), Context()).edits))
        found.append(json.loads(read["handoffData"]) if text.startswith('{"handoffData') else read)
    assert found[0] == found[1]
    return found[0]


@pytest.mark.parametrize(
    ("value", "stored"),
    [
        (SPREAD, HIDDEN),
        ({"card": SPREAD}, {"card": HIDDEN}),
        ({"x": [int(digit) for digit in "".join(SPREAD)]}, {"x": ["•"] * 12 + [1] * 4}),
        ({"x": [411111, 111111, 1111]}, {"x": ["••••••", "••••••", 1111]}),
        ([[one] for one in SPREAD], [[one] for one in HIDDEN]),
        ([{"v": one, "i": "a"} for one in SPREAD], [{"v": one, "i": "a"} for one in HIDDEN]),
        *(
            (dict(zip(names, SPREAD, strict=True)), dict(zip(names, HIDDEN, strict=True)))
            for names in (
                ["card_1", "card_2", "card_3", "card_4"], ["a", "b", "c", "d"], ["part1", "part2", "part3", "part4"],
                ["group_a", "group_b", "group_c", "group_d"], ["first", "second", "third", "fourth"],
                ["bin", "middle", "next", "lastFour"],
            )
        ),
        ({"pin": [4, 8, 2, 1]}, {"pin": ["•"] * 4}),
        ({"pin_1": "4", "pin_2": "8", "pin_3": "2", "pin_4": "1"}, {f"pin_{n}": "•" for n in range(1, 5)}),
        ({"ssn": ["078", "05", "1120"]}, {"ssn": ["•••", "••", "••••"]}),
    ],
)  # fmt: skip
def test_a_number_that_is_spread_over_a_list_or_over_members(value: object, stored: object) -> None:
    assert kept(value) == stored


def test_a_transcript_in_handoff_data_is_read_as_a_dialogue() -> None:
    said = [
        ("user", "my card is 4111"), ("agent", "go on"), ("user", "1111 1111"), ("user", "1111"),
        ("agent", "And your PIN, please?"), ("user", "4821"),
    ]  # fmt: skip
    found = kept({"transcript": [{"role": role, "text": text} for role, text in said]})
    assert [one["text"] for one in found["transcript"]] == [  # type: ignore[index]
        "my card is ••••", "go on", "•••• ••••", "1111", "And your PIN, please?", "••••",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("asked", "answer", "stored"),
    [
        ({"question": "What is your PIN?"}, {"answer": "4821"}, "••••"),
        ({"name": "cvv"}, {"value": "123"}, "•••"),
        ({"label": "PIN"}, {"value": 4821}, "••••"),
        ({"name": "accountNumber"}, {"value": "99887766"}, "99887766"),
        ({"question": "How many people?"}, {"answer": "4821"}, "4821"),
        ({"question": "What is your PIN?"}, {"order": "4821"}, "4821"),
    ],
)
def test_a_member_that_says_nothing_itself_is_what_the_one_before_it_says(
    asked: dict[str, object], answer: dict[str, object], stored: str
) -> None:
    assert kept([asked | answer]) == [asked | dict.fromkeys(answer, stored)]


def test_an_expiry_is_masked_on_either_side_of_the_card_number_in_other_members() -> None:
    card = {"expMonth": "12", "exp": "12/27", "number": "4111111111111111", "cvv": "123", "expYear": 2027, "turns": 12}
    assert kept(card) == {
        "expMonth": "••", "exp": "••/••", "number": "••••••••••••1111", "cvv": "•••", "expYear": "••••", "turns": 12,
    }  # fmt: skip
    alone = {"exp": "12/27", "expMonth": 12}
    assert kept(alone) == alone


@pytest.mark.parametrize(
    "value",
    [
        {"years": [2019, 2020, 2021, 2022]},
        {"waits": [12, 45, 33, 21, 18, 40, 52, 11, 23, 42]},
        {"n": list(range(400))},
        {"prices": ["12.50", "45.99", "8.00"]},
        {"phones": ["415-555-0123", "415-555-0124"]},
        {"turns": 12, "duration_ms": 43122, "tokens": 4511, "cost": 38},
        [{"time": "10:15", "people": 4}, {"time": "11:30", "people": 2}, {"time": "19:45", "people": 5}],
        ["4111", "1111", "1111", "1112"],
    ],
)
def test_lists_of_numbers_that_are_no_secret_stay(value: object) -> None:
    assert kept(value) == value


def test_of_a_stretch_of_the_joined_text_each_value_has_its_part() -> None:
    [group] = siblings(literals('["ab", "c", "def"]'))
    assert group.text == "ab\nc\ndef"
    assert [(one.text, start, end) for one, start, end in group.split(1, 6)] == [
        ("ab", 1, 2),
        ("c", 0, 1),
        ("def", 0, 1),
    ]


def test_a_deep_or_long_text_is_read_in_linear_time() -> None:
    assert [*siblings(literals("[" * 20_000))] == []
    [group] = siblings(literals(json.dumps([{"a_" * 10_000: "x"}, {"a_" * 10_000: "y"}])))
    assert group.text == "x\ny"
    [group] = siblings(literals(json.dumps(["a"] * 20_000)))
    assert len(group.members) == 20_000
