"""Which session a span belongs to: by its trace, by ids, by the rest of its trace; a guess only where one fits."""

from typing import Any

from relayproxy.conversation.backend_span import BackendSpan, SpanDetail, SpanLink
from relayproxy.receiver.joining import SLACK, Known, guess, join
from relayproxy.store.read.span_owners import Owner
from tests.store.build import NOON, span

SECOND = 1_000_000_000
TRACE = "ab" * 16


def owner(session: str, began: float = 0, ended: float | None = 60, route: str = "default", backend: str = "") -> Owner:
    end = None if ended is None else NOON + round(ended * SECOND)
    return Owner(session, route, backend or "wss://agent.example.com", NOON + round(began * SECOND), end)


A, B = owner("a"), owner("b", 100, 160)


def at(number: int, seconds: float = 1, parent: int | None = None, **attributes: Any) -> BackendSpan:
    known = {name.replace("_", "."): value for name, value in attributes.items()}
    return span(
        number,
        trace_id=TRACE,
        parent_span_id=None if parent is None else f"{parent:016x}",
        started_at=NOON + round(seconds * SECOND),
        ended_at=NOON + round(seconds * SECOND) + 5,
        detail=SpanDetail(attributes=known),
    )


def joined(known: Known, *spans: BackendSpan) -> dict[int, tuple[str, str]]:
    return {int(id, 16): (one.owner.session, one.by) for id, one in join(spans, known).items()}


def test_the_trace_of_the_handshake_joins_every_span_whatever_ids_they_name() -> None:
    known = Known(by_trace={TRACE: (A,)}, by_id={"CA1": (B,)})

    assert joined(known, at(1), at(2, parent=1, call_sid="CA1"), at(3, parent=9)) == {
        1: ("a", "trace"),
        2: ("a", "trace"),
        3: ("a", "trace"),
    }


def test_an_id_on_any_span_joins_its_whole_trace() -> None:
    known = Known(by_id={"CA1": (A,)})

    assert joined(known, at(1), at(2, parent=1, call_sid="CA1"), at(3, parent=9)) == dict.fromkeys(
        (1, 2, 3), ("a", "id")
    )


def test_an_id_of_the_resource_does_too() -> None:
    one = span(1, detail=SpanDetail(resource={"conversation.id": "VX1"}))

    assert {join.owner for join in join([one], Known(by_id={"VX1": (A,)})).values()} == {A}


def test_what_was_joined_before_joins_what_comes_later() -> None:
    assert joined(Known(joined={TRACE: (A,)}), at(1, parent=7)) == {1: ("a", "id")}


def test_of_the_sessions_of_one_call_the_one_of_that_time() -> None:
    known = Known(by_id={"CA1": (A, B)})

    assert joined(known, at(1, 30, call_sid="CA1")) == {1: ("a", "id")}
    assert joined(known, at(1, 99, call_sid="CA1")) == {1: ("b", "id")}
    assert joined(known, at(1, 500, call_sid="CA1")) == {1: ("b", "id")}


def test_in_a_trace_of_several_calls_each_span_goes_with_its_nearest_ancestor() -> None:
    known = Known(by_id={"CA1": (A,), "CA2": (B,)}, parents={(TRACE, f"{9:016x}"): "b"}, joined={TRACE: (B,)})
    spans = [at(1), at(2, parent=1, call_sid="CA1"), at(3, parent=2), at(4, parent=3), at(5, parent=1, call_sid="CA2")]

    assert joined(known, *spans, at(6, parent=5), at(7, parent=9), at(8, parent=77)) == {
        2: ("a", "id"),
        3: ("a", "id"),
        4: ("a", "id"),
        5: ("b", "id"),
        6: ("b", "id"),
        7: ("b", "id"),
    }


def test_spans_that_are_their_own_ancestors_end_nothing() -> None:
    known = Known(by_id={"CA1": (A,), "CA2": (B,)})

    found = joined(known, at(1, parent=2), at(2, parent=1), at(3, call_sid="CA1"), at(4, call_sid="CA2"))

    assert found == {3: ("a", "id"), 4: ("b", "id")}


def test_calls_that_share_a_front_ends_trace_are_told_by_id_or_time() -> None:
    known = Known(by_trace={TRACE: (A, B)}, by_id={"CA2": (B, owner("other"))})

    assert joined(known, at(1, 30), at(2, 130), at(3, 30, call_sid="CA2"), at(4, 80, parent=1)) == {
        1: ("a", "trace"),
        2: ("b", "trace"),
        3: ("b", "id"),
        4: ("a", "trace"),
    }


def test_a_link_to_the_trace_of_a_handshake_joins() -> None:
    one = span(1, trace_id=TRACE, detail=SpanDetail(links=(SpanLink("cd" * 16, "ab" * 8),)))

    assert joined(Known(by_trace={"cd" * 16: (A,)}), one, at(2, parent=1)) == {1: ("a", "trace"), 2: ("a", "id")}


def test_what_nobody_knows_is_left_out() -> None:
    assert join([], Known()) == {}
    assert joined(Known(by_id={"CA2": (A,)}), at(1, call_sid="CA1")) == {}


def test_a_guess_needs_one_session_alone_in_that_time() -> None:
    spans = [at(1, 5), at(2, 6)]

    assert guess(spans, [A], "10.0.0.9") == A
    assert guess(spans, [A, owner("c")], "10.0.0.9") is None
    assert guess(spans, [], "10.0.0.9") is None


def test_a_trace_that_names_another_call_is_no_sessions() -> None:
    other = "CA" + "0f" * 16

    assert guess([at(1), at(2, parent=1, twilio_call_sid=other)], [A], "") is None
    assert guess([at(1, url_full=f"https://api.example.com/Calls/{other}.json")], [A], "") is None
    assert guess([at(1, session_id="a thread of the backend's own")], [A], "") == A


def test_a_trace_that_did_not_begin_in_the_backend_is_no_sessions() -> None:
    assert guess([at(2, parent=1), at(3, parent=2)], [A], "") is None
    assert guess([at(2, parent=1), at(1)], [A], "") == A


def test_a_trace_that_began_outside_of_a_session_is_not_its() -> None:
    slack = SLACK / SECOND

    assert guess([at(1, -slack)], [A], "") == guess([at(1, 60 + slack)], [A], "") == A
    assert guess([at(1, -slack - 1)], [A], "") is guess([at(1, 61 + slack)], [A], "") is None


def test_the_service_or_the_senders_address_narrows_it_to_a_route() -> None:
    sales = owner("s", route="sales-agent", backend="ws://10.0.0.7:9000/ws")
    local = owner("l", route="other", backend="ws://localhost:9000/ws")

    def found(service: str, peer: str) -> Owner | None:
        return guess([span(1, service=service)], [sales, local], peer)

    assert found("Sales Agent", "192.0.2.1") == sales
    assert found("unknown", "10.0.0.7") == sales
    assert found("unknown", "::ffff:10.0.0.7") == sales
    assert found("unknown", "127.0.0.1") == local
    assert found("unknown", "192.0.2.1") is None
