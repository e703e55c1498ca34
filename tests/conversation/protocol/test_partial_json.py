"""The head of a JSON object: only its own members count, wherever it was cut."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relayproxy.conversation.protocol.partial_json import MAX_HEAD, string_members


@pytest.mark.parametrize(
    ("head", "found", "closed"),
    [
        ('{"type":"end","handoffData":"aaa', {"type": "end"}, False),
        (' {"a" : "1", "b":{"type":"x"},"c":["type","y"], "d":"2"} rest', {"a": "1", "d": "2"}, True),
        ('{"a":"{\\"type\\":\\"x\\"}","type":"end"}', {"a": '{"type":"x"}', "type": "end"}, True),
        ('{"a":"\\u00e9\\\\","b":"2"}', {"a": "é\\", "b": "2"}, True),
        ('{"a":"1","a":"2","b', {"a": "2"}, False),
        ('{"a":"1","b":"2\\', {"a": "1"}, False),
        ('{"a":"bad \\x","b":"2"}', {"b": "2"}, True),
        ('{"a":null,"b":5,"c":"3"', {"c": "3"}, False),
        ('["type","end"]', {}, False),
        ('"type":"end"', {}, False),
        ("", {}, False),
    ],
)
def test_strings_of_the_object_itself(head: str, found: dict[str, str], closed: bool) -> None:
    assert string_members(head) == (found, closed)


@given(st.dictionaries(st.text(), st.text() | st.lists(st.text()) | st.dictionaries(st.text(), st.text())), st.data())
def test_a_head_tells_nothing_that_the_whole_does_not(value: dict[str, object], data: st.DataObject) -> None:
    # A name with an escape is not read as one.
    text = json.dumps(value, ensure_ascii=False)
    plain = {
        name: item
        for name, item in value.items()
        if isinstance(item, str) and json.dumps(name, ensure_ascii=False) == f'"{name}"'
    }

    whole, closed = string_members(text)
    head, _ = string_members(text[: data.draw(st.integers(0, len(text)))])

    assert closed
    assert plain.items() <= whole.items()
    assert head.items() <= whole.items()


@pytest.mark.parametrize("piece", ["\\", '\\"', '"', "{", "[]", '"":', '":"', " "])
def test_a_head_that_misleads_is_read_once(piece: str) -> None:
    """Going back at every piece would take minutes here."""
    head = '{"type":"end","a":"' + piece * (MAX_HEAD // len(piece))

    for misleading in (head, head.replace('"a":"', '"a":')):
        found, closed = string_members(misleading)
        assert (found["type"], closed) == ("end", False)
