"""The spans of a turn below the bar of the backend: what a row says, and what there is no room for."""

from relayproxy.console.calls.backend_work import WorkSpan
from relayproxy.console.calls.drawing.backend_waterfall import (
    MAX_ATTRIBUTES,
    MAX_VALUE,
    Scale,
    SpanRow,
    clock_words,
    longest,
    parted,
    rows,
    scale_of,
    segments,
    time_parts,
)
from relayproxy.console.calls.drawing.waterfall import WIDTH, waterfall
from relayproxy.conversation.backend.clock import UNKNOWN, Clock
from relayproxy.conversation.backend.placement import PlacedSpan
from relayproxy.conversation.backend.span_node import SpanNode
from relayproxy.conversation.backend.time_by_kind import Stretch
from relayproxy.conversation.backend.work import work
from relayproxy.conversation.backend_span import BackendSpan, SpanDetail, SpanEvent
from relayproxy.conversation.model import Budget
from tests.conversation.backend.told import MS, at, placed, turn

ONE = (turn(1, 1000, 2000, 2400, 5000),)
SCALE = Scale(at(1000), at(2000))


def of(told: str) -> list[SpanRow]:
    return [*rows([WorkSpan(one, work(one.node.span.detail.attributes)) for one in placed(told, ONE)], SCALE, ONE[0])]


def one(detail: SpanDetail = SpanDetail(), **known: object) -> SpanRow:  # noqa: B008 (frozen)
    span = BackendSpan("ab" * 16, "cd" * 8, None, "x", "internal", at(1100), at(1200), detail=detail)
    joined = str(known.pop("joined_by", "trace"))
    node = SpanNode(span, joined, 0, 0, None, bool(known.pop("orphan", False)), False)
    shown = PlacedSpan(node, 1, span.started_at, span.ended_at, 0, UNKNOWN)
    return next(rows([WorkSpan(shown, work(detail.attributes))], SCALE, ONE[0]))


def test_bars_lie_on_the_scale_of_the_turn() -> None:
    fall = waterfall(Budget(200 * MS, MS, 600 * MS, MS, 198 * MS), 2000)
    assert fall is not None
    scale = scale_of(ONE[0], (), fall)

    assert (scale.start, scale.end) == (at(1000 - 201), at(1000 + 799))
    backend = fall.bars[2]
    assert scale.x(at(1000)) == backend.x
    assert scale.x(at(1600)) == backend.x + backend.width


def test_without_a_latency_the_scale_is_the_wait_or_the_spans() -> None:
    unanswered = turn(1, 1000, None, None, 4000)
    assert scale_of(unanswered, (), None) == Scale(at(1000), at(4000))
    waiting = turn(1, 1000)
    assert scale_of(waiting, placed("chat 1100 1900", (waiting,)), None) == Scale(at(1000), at(1900))
    assert scale_of(waiting, (), None).x(at(5000)) == WIDTH


def test_a_span_beyond_the_scale_says_how_far() -> None:
    early, late, short = of("early 800 1500\nlate 1500 2750\nshort 1999 1999")

    assert (early.x, early.width, early.early, early.late) == (0, 500, "200.0 ms", "")
    assert (late.x, late.width, late.early, late.late) == (500, 500, "", "750.0 ms")
    assert short.x + short.width <= WIDTH
    assert short.width > 0
    (after,) = of("after 2300 2350")
    assert (after.after, after.late) == ("300.0 ms", "350.0 ms")


def test_what_began_after_the_first_word_is_told_apart() -> None:
    early, late = parted(placed("a 1000 1500\nb 1900 2500\nc 2000 2100\nd 2500 2600", ONE), ONE[0])
    assert ([x.node.span.name for x in early], [x.node.span.name for x in late]) == (["a", "b"], ["c", "d"])
    assert parted(placed("a 1000 1500", (turn(1, 1000),)), turn(1, 1000))[1] == []


def test_of_too_many_the_longest_are_shown_in_their_order() -> None:
    many = placed("a 1000 1100\nb 1100 1900\n  c 1100 1110\n    d 1100 1400", ONE)
    assert [x.node.span.name for x in longest(many, 2)] == ["b", "d"]
    shown = [*rows([WorkSpan(x, work({})) for x in longest(many, 2)], SCALE, ONE[0])]
    assert [(row.name, row.depth, row.within) for row in shown] == [("b", 0, ""), ("d", 0, "")]


def test_a_row_says_what_the_span_is_of_and_what_is_above_it() -> None:
    answer, chat, query = of("answer 1000 1900\n  chat 1100 1800 model\n    SELECT 1200 1300 database guess")

    assert [(row.label, row.depth, row.within) for row in (answer, chat, query)] == [
        ("", 0, ""),
        ("model", 1, "answer"),
        ("database", 2, "chat"),
    ]
    assert [row.guessed for row in (answer, chat, query)] == [False, False, True]
    assert (chat.text, chat.pairs[0]) == ("700.0 ms", ("Began", "100.0 ms after the backend was asked"))
    assert ("Belongs here", "as a guess: by route and time alone") in query.pairs


def test_a_clock_of_its_own_is_told() -> None:
    _, find = of("GET 1300 1700 http\n  find 8400 8600 service")
    assert ("Clock", "of a further machine: moved by −7,000.0 ms (± 100.0 ms) into the span of who asked") in find.pairs


def test_model_and_tokens_are_told_and_a_model_not_twice() -> None:
    told = {"gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": 1812}
    assert one(SpanDetail(attributes={**told, "gen_ai.request.model": "m-1"})).facts == ("m-1", "1,812 → ? tokens")
    assert one(SpanDetail(attributes={**told, "gen_ai.request.model": "x"})).facts == ("1,812 → ? tokens",)


def test_what_a_span_holds_is_shown_in_bounds() -> None:
    attributes = {f"a{number}": "v" * 1000 for number in range(MAX_ATTRIBUTES + 5)}
    row = one(SpanDetail("gone", attributes, events=(SpanEvent(at(1150), "exception"),)))

    values = dict(row.pairs)
    assert (values["Status"], len(values["a0"]), values["a0"][-1]) == ("gone", MAX_VALUE, "…")
    assert (f"a{MAX_ATTRIBUTES - 1}" in values, f"a{MAX_ATTRIBUTES}" in values, row.left_out) == (True, False, 5)
    assert row.events == (("50.0 ms", "exception"),)
    assert ("list", "[1,null]") in one(SpanDetail(attributes={"list": [1, None]})).pairs
    assert ("Parent", "has not come") in one(orphan=True).pairs


def test_the_parts_of_the_wait_sum_to_what_the_bar_of_the_backend_says() -> None:
    found = [
        Stretch("outside", 0, 40_000),
        Stretch("model", 40_000, 640_060_000),
        Stretch("tool", 640_060_000, 900 * MS),
    ]

    parts, total = time_parts(found)
    assert [(part.label, part.text) for part in parts] == [
        ("model", "640.0"),
        ("tools", "260.0"),
        ("outside of spans", "0.0"),
    ]
    assert total == "900.0 ms"
    told, elsewhere = time_parts(found, 9001)
    assert (told[0].text, elsewhere) == ("640.1", "900.1 ms")
    assert time_parts([], 5) == ((), "0.0 ms")
    assert sum(one.width for one in segments(found, Scale(0, 900 * MS))) == WIDTH


def test_what_is_known_of_the_clock_is_said() -> None:
    assert clock_words(UNKNOWN).startswith("Not aligned:")
    assert "at most 20.0 ms apart" in clock_words(Clock("agrees", 0, 20 * MS))
    assert "is 5,000.0 ms ahead of relayproxy's" in clock_words(Clock("moved", -5000 * MS, 10 * MS))
    assert "is 5,000.0 ms behind relayproxy's, by the handshake (± 10.0 ms)" in clock_words(
        Clock("moved", 5000 * MS, 10 * MS)
    )
