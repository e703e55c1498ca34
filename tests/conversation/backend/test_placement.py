"""Which spans of a backend belong to which turn."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from relayproxy.conversation.backend.clock import Clock, Handshake
from relayproxy.conversation.backend.placement import TurnTimes, place, turn_times
from relayproxy.conversation.backend.span_node import SpanNode
from relayproxy.conversation.backend_span import BackendSpan
from relayproxy.conversation.model import Budget
from tests.conversation.backend.told import (
    BEGAN,
    GREETING,
    HANDSHAKE,
    MS,
    TURNS,
    at,
    by_turn,
    nodes,
    placed,
    turn,
)
from tests.script import script

FASTAPI = """
    HTTP_/ws     10 9400  server http
      ws         12 9390
        greet    35   90
        answer 1005 2490
          chat 1010 1500  model
            POST 1011 1490  http
          lookup 1510 1700  tool
            SELECT 1520 1600  database
          chat 1710 2480  model
        answer 5005 5990
          chat 5010 5980  model
"""


def test_the_spans_of_a_server_are_parted_by_turns() -> None:
    assert by_turn(placed(FASTAPI)) == {
        None: ["HTTP_/ws", ".ws"],
        0: ["greet"],
        1: ["answer", ".chat", "..POST", ".lookup", "..SELECT", ".chat"],
        2: ["answer", ".chat"],
    }


@pytest.mark.parametrize("ahead", [-5_000, 5_000, 86_400_000, -86_400_000])
def test_they_are_wherever_the_backends_clock_is(ahead: float) -> None:
    spans = placed(FASTAPI, clock_ahead=ahead)

    assert by_turn(spans) == by_turn(placed(FASTAPI))
    # It began 10 ms after the call and is taken to have begun at 14.
    assert {span.started_at - span.node.span.started_at for span in spans} == {round((4 - ahead) * MS)}
    assert {span.clock for span in spans} == {Clock("moved", round((4 - ahead) * MS), 10 * MS)}


def test_while_the_handshake_fits_nothing_is_moved() -> None:
    spans = placed(FASTAPI, clock_ahead=3)
    assert all(span.started_at == span.node.span.started_at for span in spans)


def test_without_a_handshake_times_are_as_sent() -> None:
    spans = placed("answer 1005 1890 elsewhere\n  chat 1010 1800 elsewhere model")
    assert by_turn(spans) == {1: ["answer", ".chat"]}
    assert {span.clock.state for span in spans} == {"unknown"}


@pytest.mark.parametrize(("ahead", "number"), [(-500, 1), (-25, 1), (0, 1), (500, 1), (-900, 0)])
def test_clocks_that_are_nearly_in_step_need_no_handshake(ahead: float, number: int) -> None:
    assert by_turn(placed("chat 1005 1890 elsewhere model", clock_ahead=ahead)) == {number: ["chat"]}


def test_spans_that_other_ids_joined_are_moved_as_those_of_the_handshake() -> None:
    told = "HTTP 10 9000 server http\nchat 1010 1800 elsewhere model"
    assert by_turn(placed(told, clock_ahead=7000)) == {None: ["HTTP"], 1: ["chat"]}


def test_orphans_are_placed_one_by_one_and_go_to_their_parent_once_it_comes() -> None:
    early = "chat 1010 1800 orphan model\nlookup 5010 5100 orphan tool"
    assert by_turn(placed(early)) == {1: ["chat"], 2: ["lookup"]}

    late = "answer 1005 5200 orphan\n  chat 1010 1800 model\n  lookup 5010 5100 tool"
    assert by_turn(placed(late)) == {1: ["answer", ".chat", ".lookup"]}


def test_work_that_an_interruption_did_not_stop_stays_with_its_turn() -> None:
    interrupted = (GREETING, turn(1, 1000, None, None, 1600), turn(2, 1600, 2600, 3000, 9000))
    told = """
        answer   1005 2300
          chat   1010 1900  model
          lookup 1910 2290  tool
        answer   1610 2590
          chat   1615 2580  model
    """
    assert by_turn(placed(told, interrupted)) == {1: ["answer", ".chat", ".lookup"], 2: ["answer", ".chat"]}


def test_work_that_goes_on_beside_the_next_answer_stays_with_its_turn_and_so_does_what_it_begins_then() -> None:
    told = """
        answer   1005 8000
          chat   1010 1800  model
          lookup 2000 5200  tool
          chat   5210 7990  model
        answer   5005 5590
          chat   5010 5580  model
    """
    assert by_turn(placed(told)) == {1: ["answer", ".chat", ".lookup", ".chat"], 2: ["answer", ".chat"]}


def test_a_handler_that_begins_with_the_first_prompt_is_of_the_session_once_two_more_turns_are_below_it() -> None:
    turns = (*TURNS, turn(3, 9000, 9400, None, None))
    told = """
        handler 1005 9450
          chat  1010 1800  model
          chat  5010 5500  model
          chat  9010 9300  model
    """
    assert by_turn(placed(told, turns)) == {None: ["handler"], 1: ["chat"], 2: ["chat"], 3: ["chat"]}


def test_a_tool_that_outlasts_the_wait_of_the_next_turn_stays_with_its_own() -> None:
    told = """
        answer   1005 8000
          chat   1010 1800  model
          lookup 2000 7900  tool
        answer   5005 5590
    """
    assert by_turn(placed(told)) == {1: ["answer", ".chat", ".lookup"], 2: ["answer"]}


def test_a_turn_that_begins_before_the_one_before_is_answered_has_what_begins_then() -> None:
    both = (GREETING, turn(1, 1000, 3000, 3400, 4200), turn(2, 2000, 4200, 4600, None))
    told = """
        answer  1005 3400
          chat  1010 3390  model
        answer  2005 4600
          chat  2010 4590  model
    """
    assert by_turn(placed(told, both)) == {1: ["answer", ".chat"], 2: ["answer", ".chat"]}


def test_a_request_that_was_tried_again_is_there_as_often() -> None:
    told = """
        chat   1010 1800  model
          POST 1011 1200  http
          POST 1250 1400  http
          POST 1500 1790  http
    """
    assert by_turn(placed(told)) == {1: ["chat", ".POST", ".POST", ".POST"]}


def test_work_while_the_caller_speaks_is_of_what_they_say() -> None:
    assert by_turn(placed("early 4500 5300 model\n  POST 4510 5290 http")) == {2: ["early", ".POST"]}
    # It is over before the prompt is: nothing says that it is used.
    assert by_turn(placed("early 4500 4900 model")) == {1: ["early"]}


def test_work_that_goes_on_after_an_answer_is_of_that() -> None:
    told = """
        save    2550 2600  database
        sum_up  2600 5300  model
        refill  2400 5300  tool
    """
    assert by_turn(placed(told)) == {1: ["save", "sum_up", "refill"]}


def test_work_towards_what_is_said_unasked_is_of_that() -> None:
    unasked = TurnTimes(2, at(5000), at(5000), at(5000), at(5200), None, asked=False)
    turns = (GREETING, turn(1, 1000, 1900, 2500, 5000), unasked)
    assert by_turn(placed("remind 3000 5100 model\nother 3000 4000 tool", turns)) == {2: ["remind"], 1: ["other"]}


def test_what_begins_before_the_call_or_after_it_is_of_no_turn() -> None:
    assert by_turn(placed("warm 5 20\nsum_up 9600 9900\n  chat 9610 9800 model")) == {None: ["warm", "sum_up", ".chat"]}
    assert by_turn(placed("greet 15 90\n  chat 20 80 model")) == {0: ["greet", ".chat"]}


def test_a_loop_within_a_handler_is_of_the_session_too() -> None:
    told = """
        handler  40 9390
          loop   41 9380
            chat 1010 1800  model
            chat 5010 5500  model
        idle     45 9300
    """
    spans = by_turn(placed(told))
    assert spans[None] == ["handler", ".loop"]
    assert (spans[1], spans[2]) == (["chat"], ["chat"])
    # It has nothing below it: what began in the greeting stays there.
    assert spans[0] == ["idle"]


def test_a_call_without_turns_keeps_its_spans() -> None:
    assert by_turn(placed(FASTAPI, ())) == {
        None: [
            *("HTTP_/ws", ".ws", "..greet"),
            *("..answer", "...chat", "....POST", "...lookup", "....SELECT", "...chat"),
            *("..answer", "...chat"),
        ]
    }


@pytest.mark.parametrize("ahead", [-3000, -200, 400, 7000])
@pytest.mark.parametrize("here", [0, 5000])
def test_a_further_machine_is_aligned_on_who_asked_it(ahead: int, here: int) -> None:
    began, ended = 1400 + ahead, 1600 + ahead
    spans = placed(
        f"""
        HTTP       10 9000  server http
          GET    1300 1720  http
            find {began} {ended} service
              SELECT {began + 50} {ended - 50}  database
        """,
        clock_ahead=here,
    )

    _, get, find, select = spans
    assert by_turn(spans) == {None: ["HTTP"], 1: ["GET", ".find", "..SELECT"]}
    assert find.started_at - get.started_at == get.ended_at - find.ended_at == 110 * MS
    assert select.started_at - find.started_at == 50 * MS
    assert (find.clock.further, find.clock.uncertainty, get.clock.further) == (True, 110 * MS, False)


def test_one_that_ran_while_it_was_asked_is_not_moved() -> None:
    told = "GET 1300 1720 http\n  find {} service\n    own 5 9 tool"
    for times in ("1301 1719", "1297 1500", "1500 1724", "1400 3000"):
        get, find, own = placed(told.format(times))
        assert {get.clock, find.clock, own.clock} == {Clock("unknown")}
    longer = placed(told.format("1800 3000"))[1]
    assert (longer.started_at, longer.clock) == (at(1300), Clock("moved", -500 * MS, 0, further=True))


def test_each_connection_of_a_session_is_aligned_by_its_own_handshake() -> None:
    again = Handshake("ba" * 16, "dc" * 8, at(4004), at(4024))
    first = nodes("HTTP 10 3000 server http\n  chat 1010 1800 model", clock_ahead=2000)
    second = [
        SpanNode(
            structs.replace(
                node.span,
                trace_id="ba" * 16,
                parent_span_id="dc" * 8 if node.child_of_call else node.span.parent_span_id,
            ),
            node.joined_by,
            node.place + 2,
            node.depth,
            None if node.parent is None else node.parent + 2,
            node.orphan,
            node.child_of_call,
        )
        for node in nodes("HTTP 4010 9000 server http\n  chat 5010 5500 model", clock_ahead=-3000)
    ]

    spans, known = place([*first, *second], TURNS, [HANDSHAKE, again])

    assert [clock.shift // MS for clock in known] == [-1996, 3004]
    assert by_turn(spans) == {None: ["HTTP", "HTTP"], 1: ["chat"], 2: ["chat"]}


@given(
    st.lists(st.tuples(st.integers(-500, 12_000), st.integers(-10, 9000), st.integers(0, 6)), max_size=12),
    st.integers(0, 4),
    st.booleans(),
)
def test_whatever_comes_every_span_is_placed_once(told: list[tuple[int, int, int]], turns: int, over: bool) -> None:
    found: list[SpanNode] = []
    for number, (start, length, back) in enumerate(told):
        parent = found[number - back] if 0 < back <= number else None
        span = BackendSpan("ab" * 16, f"{number:016x}", None, "x", "internal", at(start), at(start + length))
        depth = 0 if parent is None else parent.depth + 1
        found.append(SpanNode(span, "id", number, depth, None if parent is None else parent.place, False, False))
    times = [turn(n, 1000 + 2000 * n, 1500 + 2000 * n if n % 2 else None) for n in range(turns)]

    spans, _ = place(found, times, [HANDSHAKE], at(9500) if over else None)

    assert [span.node for span in spans] == found
    for one in spans:
        assert one.ended_at >= one.started_at
        above = None if one.node.parent is None else spans[one.node.parent]
        assert one.turn is None or one.turn in {time.number for time in times}
        if above is not None and above.turn is not None:
            assert (one.turn, one.depth) == (above.turn, above.depth + 1)


def test_the_times_of_a_turn_are_those_at_the_backend() -> None:
    call = script("""
        0.000  twilio   setup sessionId=VX1 callSid=CA1
        1.200  twilio   prompt "book me a table" last
        1.950  backend  text "Sure, "
        2.010  backend  text "for when?" last
        4.000  twilio   prompt "at eight" last
    """)
    greeting, answered, waiting = map(turn_times, call.turns)

    assert (greeting.first_at, greeting.sent_at, greeting.waited_until) == (None, greeting.started_at, None)
    budget = call.turns[1].budget
    assert budget.proxy_in is not None
    assert budget.backend is not None
    sent_at = (call.turns[1].caller_at or 0) + budget.proxy_in
    assert (answered.sent_at, answered.first_at) == (sent_at, sent_at + budget.backend)
    assert answered.waited_until == answered.first_at
    assert (waiting.sent_at, waiting.waited_until) == (call.turns[2].started_at, None)


def test_an_answer_ahead_of_its_prompt_is_waited_for_from_the_beginning_of_the_turn() -> None:
    call = script("""
        0.000  twilio   setup sessionId=VX1 callSid=CA1
        1.200  twilio   prompt "hello" last
    """)
    ahead = structs.replace(call.turns[1], agent_at=BEGAN + 5, started_at=BEGAN, caller_at=BEGAN + 9, budget=Budget())
    begun_at = ahead.caller_begun_at
    assert begun_at is not None
    assert turn_times(ahead) == TurnTimes(1, BEGAN, BEGAN, BEGAN + 5, None, ahead.ended_at, begun_at=begun_at)
