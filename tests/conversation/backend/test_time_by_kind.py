"""What the wait for a backend went into: every moment is told once."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relayproxy.conversation.backend.placement import place
from relayproxy.conversation.backend.span_node import SpanNode
from relayproxy.conversation.backend.time_by_kind import TIME_KINDS, stretches, sums
from relayproxy.conversation.backend.work import WORK_KINDS, WorkKind
from relayproxy.conversation.backend_span import BackendSpan
from tests.conversation.backend.told import MS, at, kinds, placed, turn

ONE = (turn(1, 1000),)


def of(told: str, start: int = 1000, end: int = 1900) -> dict[str, int]:
    """Milliseconds of each kind that took any."""
    found = sums(stretches(placed(told, ONE), kinds(told), at(start), at(end)))
    assert sum(found.values()) == (end - start) * MS
    return {kind: ns // MS for kind, ns in found.items() if ns}


def test_nested_spans_are_not_counted_twice() -> None:
    told = """
        answer       1005 1890
          chat       1010 1500  model
            POST     1011 1490  http
          lookup     1500 1700  tool
            SELECT   1520 1550  database
          chat       1700 1850  model
    """
    assert of(told) == {"model": 640, "tool": 170, "database": 30, "other": 45, "outside": 15}


def test_a_request_is_what_it_is_done_for() -> None:
    assert of("chat 1000 1400 model\n  POST 1000 1400 http\n    connect 1000 1100") == {"model": 400, "outside": 500}
    assert of("GET 1000 1400 http\n  connect 1000 1100") == {"http": 400, "outside": 500}
    assert of("answer 1000 1900\n  GET 1000 1400 http") == {"http": 400, "other": 500}


def test_a_model_that_a_tool_asks_is_a_model_call() -> None:
    assert of("agent 1000 1900 tool\n  chat 1100 1600 model") == {"tool": 400, "model": 500}


def test_what_runs_side_by_side_is_told_once() -> None:
    told = """
        chat    1000 1500  model
        SELECT  1200 1700  database
        lookup  1300 1600  tool
    """
    assert of(told) == {"model": 500, "tool": 100, "database": 100, "outside": 200}


def test_tries_that_failed_count_as_long_as_they_took_and_the_pause_between_is_the_calls() -> None:
    told = """
        chat    1000 1900  model
          POST  1000 1200  http
          POST  1500 1900  http
    """
    assert of(told) == {"model": 900}
    assert of("POST 1000 1200 http\nPOST 1500 1900 http") == {"http": 600, "outside": 300}


def test_only_what_is_within_the_wait_counts() -> None:
    assert of("chat 900 2500 model") == {"model": 900}
    assert of("save 1900 2500 database\nearly 100 1000 tool") == {"outside": 900}
    assert of("") == {"outside": 900}
    assert of("chat 1000 1000 model") == {"outside": 900}


def test_a_child_that_outlasts_its_parent_goes_on() -> None:
    assert of("answer 1000 1200\n  chat 1100 1700 model") == {"other": 100, "model": 600, "outside": 200}


def test_stretches_follow_each_other_without_a_gap() -> None:
    told = "answer 1000 1900\n  chat 1100 1500 model\n  chat 1500 1600 model"
    found = stretches(placed(told, ONE), kinds(told), at(1000), at(1900))

    assert [(one.kind, one.start, one.end) for one in found] == [
        ("other", at(1000), at(1100)),
        ("model", at(1100), at(1600)),
        ("other", at(1600), at(1900)),
    ]


SPANS = st.lists(
    st.tuples(st.integers(900, 2000), st.integers(1, 600), st.integers(0, 5), st.sampled_from(WORK_KINDS)), max_size=10
)


@given(SPANS)
def test_the_parts_always_sum_to_the_wait(told: list[tuple[int, int, int, WorkKind]]) -> None:
    found: list[SpanNode] = []
    for number, (start, length, back, _) in enumerate(told):
        parent = found[number - back].place if 0 < back <= number else None
        span = BackendSpan("ab" * 16, f"{number:016x}", None, "x", "internal", at(start), at(start + length))
        found.append(SpanNode(span, "id", number, 0, parent, False, False))
    spans, _ = place(found, ONE, [])

    parts = stretches(spans, [kind for *_, kind in told], at(1000), at(1900))

    assert (parts[0].start, parts[-1].end) == (at(1000), at(1900))
    assert all(one.end == two.start and one.kind != two.kind for one, two in pairwise(parts))
    assert sum(sums(parts).values()) == 900 * MS
    assert set(sums(parts)) == set(TIME_KINDS)
    for part in parts:
        runs = any(span.started_at < part.end and span.ended_at > part.start for span in spans)
        assert runs == (part.kind != "outside")


@pytest.mark.parametrize("spans", [3000])
def test_many_spans_are_summed_in_one_pass(spans: int) -> None:
    told = "\n".join(f"chat {1000 + n % 800} {1100 + n % 800} model" for n in range(spans))
    assert of(told) == {"model": 899, "outside": 1}
