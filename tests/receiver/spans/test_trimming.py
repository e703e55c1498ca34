"""Of a span of any size a bounded part is kept, and it says what is missing."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relayproxy.conversation.backend_span import SpanDetail, SpanEvent, SpanLink
from relayproxy.receiver.spans.trimming import CUT, NAME, Bounds, cut, trimmed
from tests.store.build import span

BOUNDS = Bounds(attributes=8, value=100)
TEXTS = st.text(max_size=60)
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(TEXTS, inner, max_size=5),
)


def test_a_span_that_fits_is_left_as_it_is() -> None:
    one = span(1)

    assert trimmed(one, BOUNDS)[0] == one


def test_what_is_beyond_the_bounds_is_counted() -> None:
    many = {f"a{number:02}": "x" for number in range(10)}
    detail = SpanDetail(
        attributes=many | {"a00": "x" * 101},
        events=tuple(SpanEvent(5, "e", many) for _ in range(3)),
        links=(SpanLink("ab" * 16, "ab" * 8),) * 4,
    )

    found, _ = trimmed(span(1, detail=detail, left_out=1000), BOUNDS)

    assert list(found.detail.attributes) == [f"a{number:02}" for number in range(8)]
    assert (len(found.detail.events), len(found.detail.links)) == (2, 2)
    assert [len(event.attributes) for event in found.detail.events] == [2, 2]
    assert found.left_out == 1000 + (2 + 1) + (1 + 2 * 8) + 2


def test_a_cut_text_takes_no_more_bytes_than_it_may_and_says_so() -> None:
    for text in ("x" * 200, "é" * 200, "😀" * 200):
        kept = cut(text, 100)
        assert kept.endswith(CUT)
        assert 95 <= len(kept.encode()) <= 100
    assert cut("x" * 100, 100) == "x" * 100


def test_names_are_cut_too() -> None:
    long = "n" * 10_000

    found, size = trimmed(span(1, name=long, service=long, scope=long, detail=SpanDetail(attributes={long: 1})), BOUNDS)

    assert {len(one.encode()) for one in (found.name, found.service, found.scope, *found.detail.attributes)} == {NAME}
    assert size < 3000


@settings(max_examples=40)
@given(st.dictionaries(TEXTS, VALUES, max_size=12))
def test_values_within_values_are_bounded_together(attributes: dict[str, Any]) -> None:
    found, size = trimmed(span(1, detail=SpanDetail(attributes=attributes)), BOUNDS)

    def length(value: Any) -> int:
        if isinstance(value, dict):
            return sum(length(name) + length(one) for name, one in value.items())
        if isinstance(value, list):
            return sum(length(one) for one in value)
        return len(value.encode("utf-8", "surrogatepass")) if isinstance(value, str) else 0

    assert len(found.detail.attributes) <= 8
    assert all(length(value) <= 110 for value in found.detail.attributes.values())
    assert size < 4000
    assert (found.left_out == 0) == (found.detail.attributes == attributes) or "nan" in repr(attributes)


@pytest.mark.parametrize("left", range(6))
def test_a_text_for_which_hardly_a_byte_is_left_is_not_kept_whole(left: int) -> None:
    values = {"x" * 99: None, "": "y" * 1000} if left == 0 else ["x" * (BOUNDS.value - 8 - left), "y" * 1000]

    found, _ = trimmed(span(1, detail=SpanDetail(attributes={"a": values})), BOUNDS)

    assert "y" * 4 not in repr(found.detail.attributes)
    assert found.left_out == 1


def test_millions_of_empty_values_are_not_kept() -> None:
    found, _ = trimmed(span(1, detail=SpanDetail(attributes={"a": [None] * 100_000, "b": [[]] * 100_000})), BOUNDS)

    assert all(len(value) < 30 for value in found.detail.attributes.values())
    assert found.left_out == 2
