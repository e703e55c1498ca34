"""Strings of a JSON text are found where they stand, and replaced without touching anything else."""

import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relayproxy.redaction.masking.json_text import Edit, applied, literals, looks_like_json

TEXT = st.text('aé"\\\n/1\u2028\N{GRINNING FACE}', max_size=6)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXT,
    lambda one: st.lists(one, max_size=3) | st.dictionaries(TEXT, one, max_size=3),
    max_leaves=8,
)
OBJECT = st.dictionaries(TEXT, JSON, max_size=3)


def strings(value: object) -> list[str]:
    if isinstance(value, dict):
        return [one for name, item in value.items() for one in [name, *strings(item)]]
    if isinstance(value, list):
        return [one for item in value for one in strings(item)]
    return [value] if isinstance(value, str) else []


@given(OBJECT, st.booleans())
def test_every_string_is_found_as_json_reads_it(value: dict[str, object], ascii: bool) -> None:
    text = json.dumps(value, ensure_ascii=ascii)
    found = literals(text)
    assert [one.text for one in found if not one.is_number] == strings(value)
    assert all(one.end <= len(text) for one in found)


@given(OBJECT, st.booleans())
def test_a_string_that_is_replaced_is_read_as_its_replacement(value: dict[str, object], ascii: bool) -> None:
    text = json.dumps(value, ensure_ascii=ascii)
    edits = [
        edit
        for one in literals(text)
        if not one.is_name and one.text and not one.is_number
        for edit in one.edits([Edit(0, 1, '•"')])
    ]
    assert strings(json.loads(applied(text, edits))) == [
        '•"' + one[1:] if one and not name else one for one, name in told(value)
    ]


def told(value: object) -> list[tuple[str, bool]]:
    """The strings, and whether each is a name."""
    if isinstance(value, dict):
        return [one for name, item in value.items() for one in [(name, True), *told(item)]]
    if isinstance(value, list):
        return [one for item in value for one in told(item)]
    return [(value, False)] if isinstance(value, str) else []


@given(st.text(alphabet='{}[]:,"\\ au01\n', max_size=60))
def test_anything_can_be_looked_through(text: str) -> None:
    found = literals(text)
    assert all(one.start <= other.start for one, other in itertools.pairwise(found))


def test_names_members_and_numbers() -> None:
    found = literals('{"a": {"b": [12, "x"]}, "c": tru')
    told = [(one.text, one.name, one.depth) for one in found if not one.is_name]
    assert told == [("12", "b", 3), ("x", "b", 3), ("tru", "c", 1)]
    assert [one.text for one in found if one.is_name] == ["a", "b", "c"]
    assert [one.text for one in found if one.is_number] == ["12", "tru"]


def test_a_number_that_is_changed_becomes_a_string() -> None:
    text = '{"n": 4111, "m": 2}'
    number = literals(text)[1]
    assert applied(text, number.edits([Edit(0, 2, "••")])) == '{"n": "••11", "m": 2}'


def test_what_begins_as_json_does() -> None:
    assert looks_like_json(' \n{"a"')
    assert looks_like_json("[")
    assert looks_like_json('"a"')
    assert not looks_like_json('a "b"')


@pytest.mark.parametrize(
    ("text", "last", "is_open", "goes_on"),
    [
        ('{"a":"12"}', "12", False, False),
        ('{"a":"12"', "12", False, True),
        ('{"a":"12', "12", True, True),
        ('{"a":12', "12", True, True),
        ('{"a":12,', "12", False, True),
        (r'{"a":"12\u00', "12", True, True),
        (r'{"a":"12\u', "12", True, True),
        ('{"a":"12\\', "12", True, True),
        (r'{"a":"12\\', "12\\", True, True),
        (r'{"a":"12\\u00', r"12\u00", True, True),
        (r'{"a":"12\u0033', "123", True, True),
        (r'{"a":"12\"', '12"', True, True),
    ],
)
def test_where_a_text_breaks_off(text: str, last: str, is_open: bool, goes_on: bool) -> None:
    found = literals(text)[-1]
    assert (found.text, found.is_open, found.goes_on) == (last, is_open, goes_on)
