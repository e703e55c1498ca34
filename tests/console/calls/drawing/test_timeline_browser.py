"""A session's timeline and transcript in a real browser."""

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from functools import partial
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from relayproxy.store.write.archive import Archive
from tests.console import samples
from tests.console.browser import Pages, frames, to_the_top
from tests.console.look import fits

OpenPage = Callable[..., Page]


@pytest.fixture
def visit(pages: Pages, console: str) -> Iterator[OpenPage]:
    """Opens a session in a watched page and waits for its timeline."""
    opened: Callable[..., AbstractContextManager[Page]] = partial(pages.watched, console)
    with ExitStack() as stack:

        def visit(call: samples.Call, query: str = "", **context: Any) -> Page:
            page = stack.enter_context(opened(**context))
            page.goto(f"{console}/sessions/{call.id}{query}")
            if context.get("java_script_enabled", True):
                page.wait_for_selector("#timeline[data-ready]")
            return page

        yield visit


def view(page: Page) -> tuple[int, int]:
    """What is in view, milliseconds, once it has been drawn."""
    page.evaluate("new Promise(requestAnimationFrame)")
    page.evaluate("new Promise(requestAnimationFrame)")
    # Read at one moment: a live call's view moves with the clock.
    since, until = page.locator("#tl-stage").evaluate("stage => [stage.dataset.from, stage.dataset.to]")
    return int(since or -1), int(until or -1)


def place(page: Page, ms: float) -> tuple[float, float]:
    """Where on the screen a moment of the call is drawn, in the Backend lane."""
    start, end = view(page)
    box = page.locator("#tl-stage").bounding_box()
    lane = page.locator("[data-lane=backend]").bounding_box()
    assert box
    assert lane
    return box["x"] + box["width"] * (ms - start) / (end - start), lane["y"] + lane["height"] - 10


def many(archive: Archive, turns: int, every: float = 4.0, slow: int = -1) -> samples.Call:
    call = samples.Call(archive, samples.ago(turns * every + 20)).setup()
    for number in range(turns):
        call.asks(2 + number * every, f"Question {number}?")
        call.answers(2.5 + number * every + (2.2 if number == slow else 0), f"Answer {number}.")
    return call


def test_a_long_call_is_looked_through_by_hand_and_by_keys(visit: OpenPage, archive: Archive) -> None:
    call = many(archive, 60, slow=40).hang_up(250).commit()
    page = visit(call)
    is_zoomed_and_moved(page)
    page.get_by_role("button", name="Whole call").click()
    brackets_go_from_turn_to_turn_but_never_while_one_writes(page)

    # One click leads to the slowest turn and where its time went.
    expect(page.locator("#slowest")).to_have_text("Slowest turn: 2,700 ms")
    page.locator("#slowest").click()
    turn = page.locator("#turn-41")
    expect(turn).to_be_in_viewport()
    parts = turn.locator(".waterfall .ms")
    expect(parts).to_have_text(["0.1 ms", "2,699.9 ms", "0.1 ms", "2,700.1 ms"])
    expect(turn.locator(".waterfall")).to_be_visible()
    expect(page.locator("#tl-readout")).to_contain_text(
        "Turn 41, answered after 2,700 ms (slow): relayproxy 0.1 + backend 2,699.9 + relayproxy 0.1 = 2,700.1 ms"
    )
    assert page.url.endswith("#turn-41")

    # Transcript and messages move the same cursor.
    page.locator("#turn-3 .agent .said-text").click()
    expect(page.locator("#tl-readout")).to_contain_text("0:10.5 · Turn 3")
    expect(page.locator("#turn-3 .agent")).to_have_class("line agent at-cursor")
    detail = f"{{at: {call.began / 1e6 + 22_600}, source: 'messages', message: '0.5'}}"
    page.evaluate(f"document.dispatchEvent(new CustomEvent('relayproxy:cursor', {{detail: {detail}}}))")
    expect(page.locator("#turn-6 .agent")).to_have_class("line agent at-cursor")
    expect(page.locator("#tl-readout")).to_contain_text("0:22.6 · Turn 6")


def is_zoomed_and_moved(page: Page) -> None:
    """By buttons, keys, wheel and pointer."""
    whole = view(page)
    assert whole == (0, 250_020)

    page.get_by_role("button", name="Zoom in").click()
    assert view(page) == (62_505, 187_515)
    page.get_by_role("button", name="Zoom out").click()
    assert view(page) == whole

    page.locator("#tl-stage").focus()
    page.keyboard.press("+")
    start, end = view(page)
    assert end - start == pytest.approx(250_020 / 1.5, abs=2)
    page.keyboard.press("ArrowRight")
    assert view(page)[0] > start
    page.keyboard.press("Home")
    assert view(page)[0] == 0
    page.keyboard.press("0")
    assert view(page) == whole

    page.mouse.move(*place(page, 100_000))
    page.keyboard.down("Control")
    page.mouse.wheel(0, -300)
    page.keyboard.up("Control")
    expect(page.locator("#tl-stage")).not_to_have_attribute("data-to", str(whole[1]))
    start, end = view(page)
    assert start < 100_000 < end
    x, y = place(page, 100_000)
    page.mouse.down()
    page.mouse.move(x - 100, y, steps=4)
    page.mouse.up()
    assert view(page)[0] > start
    assert page.evaluate("scrollY") == 0

    page.get_by_role("button", name="Whole call").click()
    page.mouse.dblclick(*place(page, 2300 + 30 * 4000))
    start, end = view(page)
    assert end - start < 10_000
    assert start < 122_000 < end


def brackets_go_from_turn_to_turn_but_never_while_one_writes(page: Page) -> None:
    """From the first turn on, as none is chosen."""
    for _ in range(3):
        page.keyboard.press("]")
    expect(page.locator(".turn.chosen")).to_have_id("turn-3")
    page.keyboard.press("[")
    expect(page.locator(".turn.chosen")).to_have_id("turn-2")
    expect(page.locator("#tl-readout")).to_contain_text("Turn 2")
    page.get_by_role("button", name="Next turn").click()
    expect(page.locator(".turn.chosen")).to_have_id("turn-3")

    page.evaluate("localStorage.setItem('relayproxy.keys', 'off')")
    page.keyboard.press("]")
    expect(page.locator(".turn.chosen")).to_have_id("turn-3")
    page.evaluate("localStorage.removeItem('relayproxy.keys')")

    page.evaluate("document.querySelector('main').append(document.createElement('input'))")
    page.locator("main > input").focus()
    page.keyboard.press("]")
    expect(page.locator("main > input")).to_have_value("]")
    expect(page.locator(".turn.chosen")).to_have_id("turn-3")


def test_a_call_is_pointed_at_gone_through_and_told_by_the_clock(visit: OpenPage, archive: Archive) -> None:
    call = samples.booking(archive, samples.ago(60)).commit()
    page = visit(call, viewport={"width": 1280, "height": 800}, timezone_id="UTC")
    pointing_tells_and_marks_but_moves_nothing(page)
    beside_the_conversation_the_timeline_stays_in_view(page)

    # The cursor goes by keys and is read out.
    page.locator("#tl-stage").focus()
    for _ in range(3):
        page.keyboard.press("Shift+ArrowLeft")
    expect(page.locator("#tl-readout")).to_contain_text("0:15.9")
    expect(page.locator("#tl-readout")).to_contain_text("Turn 2")
    expect(page.locator("#turn-2")).to_have_class("turn slow-turn at-cursor")
    page.keyboard.press("Enter")
    expect(page.locator("#turn-2 .waterfall")).to_be_visible()

    # Times are told by the clock when the reader wants, from then on.
    page.locator("#turn-1 .caller .said-text").click()
    expect(page.locator("#tl-readout")).to_contain_text("0:06.2")
    page.locator("#times").click()
    clock = (page.locator("#turn-1 .caller time").text_content() or "")[:10]
    expect(page.locator("#tl-readout")).to_contain_text(clock)
    page.set_viewport_size({"width": 360, "height": 740})
    page.reload()
    page.wait_for_selector("#timeline[data-ready]")
    page.locator("#turn-1 .caller .said-text").click()
    expect(page.locator("#tl-readout")).to_contain_text(clock)
    fits_small_screens(page)


def pointing_tells_and_marks_but_moves_nothing(page: Page) -> None:
    page.evaluate("window.told = []")
    page.evaluate("document.addEventListener('relayproxy:cursor', (event) => window.told.push(event.detail))")

    page.mouse.move(*place(page, 14_500))
    expect(page.locator("#tl-readout")).to_contain_text("Turn 2, answered after 2,640 ms (slow)")
    expect(page.locator("#tl-readout")).to_contain_text("interrupted")
    expect(page.locator("#turn-2")).to_have_class("turn slow-turn at-cursor")
    assert page.evaluate("scrollY") == 0
    told = page.evaluate("window.told.at(-1)")
    assert (told["source"], told["turn"]) == ("timeline", 2)

    page.mouse.move(5, 5)
    expect(page.locator("#tl-readout")).to_contain_text("Choose one")


def beside_the_conversation_the_timeline_stays_in_view(page: Page) -> None:
    expect(page.locator("#tl-legend")).to_be_in_viewport()
    expect(page.locator("#tl-legend")).to_contain_text("slow, 2,000 ms or more")
    page.locator("#turn-5").evaluate("turn => turn.scrollIntoView({block: 'start', behavior: 'instant'})")
    expect(page.locator("#tl-stage")).to_be_in_viewport(ratio=1)
    expect(page.locator("#tl-overview")).to_be_in_viewport(ratio=1)
    top, legend = page.locator(".top").bounding_box(), page.locator("#tl-legend").bounding_box()
    assert top is not None
    assert legend is not None
    # Compact: what explains it has gone under the page's header.
    assert legend["y"] + legend["height"] <= top["y"] + top["height"] + 1
    stuck, turn = page.locator("#tl-frame").bounding_box(), page.locator("#turn-5").bounding_box()
    assert stuck is not None
    assert turn is not None
    # What a link leads to stands free below it.
    assert stuck["y"] + stuck["height"] <= turn["y"] < stuck["y"] + stuck["height"] + 60


def fits_small_screens(page: Page) -> None:
    opened = "for (const details of document.querySelectorAll('#timeline details, #turns details')) details.open = true"
    page.evaluate(opened)
    for width in (360, 768):
        page.set_viewport_size({"width": width, "height": 740})
        frames(page)
        assert fits(page), width
        stage, lanes = page.locator("#tl-stage").bounding_box(), page.locator("#tl-lanes").bounding_box()
        assert stage
        assert lanes
        assert abs(stage["height"] - lanes["height"]) < 2


def test_a_silence_is_as_high_as_it_is_long_and_lanes_in_which_nothing_happened_are_folded(
    visit: OpenPage, archive: Archive
) -> None:
    call = samples.Call(archive, samples.ago(100)).setup()
    call.asks(2, "One?").answers(2.5, "Yes.").asks(9, "Two?").answers(9.5, "Yes.").asks(60, "Three?")
    page = visit(call.answers(60.5, "Yes.").hang_up(62).commit())
    heights = [box["height"] for silence in page.locator(".silence svg").all() if (box := silence.bounding_box())]
    assert len(heights) == 2
    assert heights[0] < heights[1] == 160
    expect(page.locator(".silence").last).to_contain_text("of silence")
    expect(page.locator("[data-lane=events]")).to_be_hidden()
    expect(page.locator("[data-lane=heard]")).to_be_visible()


def test_a_click_goes_to_the_turn_on_whichever_page_it_is(visit: OpenPage, archive: Archive) -> None:
    call = many(archive, 450).hang_up(1810).commit()
    page = visit(call)
    page.mouse.click(*place(page, 2 + 100 * 4000))
    expect(page.locator("#turn-100")).to_be_in_viewport()

    to_the_top(page)
    page.mouse.click(*place(page, 2000 + 430 * 4000))
    page.wait_for_url(re.compile(r"turn=\d+#turn-4"))
    number = page.url.partition("#turn-")[2]
    assert int(number) in range(427, 436)
    expect(page.locator(f"#turn-{number}")).to_be_in_viewport()
    expect(page.locator("#tl-readout")).to_contain_text(f"Turn {number}")


def test_a_live_call_grows_without_moving_what_is_looked_at(visit: OpenPage, archive: Archive) -> None:
    call = many(archive, 10).commit()
    page = visit(call)
    # While it lives nothing may move: lanes in which nothing happened yet are there.
    expect(page.locator("[data-lane=events]")).to_be_visible()
    before = view(page)[1]
    stage = page.locator("#tl-stage")
    expect(stage).not_to_have_attribute("data-to", str(before))
    assert view(page)[0] == 0
    assert view(page)[1] > before

    page.locator("#tl-stage").focus()
    page.keyboard.press("+")
    page.keyboard.press("Home")
    looked_at = view(page)
    call.asks(61, "And now?").commit()
    page.evaluate("dispatchEvent(new CustomEvent('relayproxy:updated'))")
    expect(page.locator("#timeline")).to_have_attribute("data-turns", "12")
    assert view(page) == looked_at

    page.keyboard.press("End")
    at_end = view(page)
    expect(stage).not_to_have_attribute("data-to", str(at_end[1]))
    later = view(page)
    assert later[1] - later[0] == pytest.approx(at_end[1] - at_end[0], abs=2)


def test_without_scripts_the_waits_are_drawn_and_the_slowest_is_a_link_away(visit: OpenPage, archive: Archive) -> None:
    page = visit(samples.booking(archive, samples.ago(60)).commit(), java_script_enabled=False)
    expect(page.locator(".tl-none")).to_contain_text("A script draws the timeline")
    expect(page.locator(".tl-body")).to_be_hidden()
    widths = [
        int(page.locator(f"#turn-{number} .fall-short .part-backend").get_attribute("width") or 0) for number in (1, 2)
    ]
    assert widths == [144, 528]
    page.locator("#slowest").click()
    assert page.url.endswith("?turn=2#turn-2")
    page.locator("#turn-2 details.lag summary").click()
    page.locator("#turn-2 .lag .load").click()
    expect(page.locator(".waterfall")).to_contain_text("Response latency")


DRAWN = """async () => {
  const stage = document.getElementById('tl-stage'), box = stage.getBoundingClientRect();
  const canvas = CanvasRenderingContext2D.prototype, made = ['fillRect', 'strokeRect', 'fill', 'stroke', 'fillText'];
  const usual = made.map(name => canvas[name]);
  let count = 0;
  const counted = does => function (...given) { count += 1; return does.apply(this, given); };
  made.forEach((name, at) => { canvas[name] = counted(usual[at]); });
  const wheel = { deltaY: 9, ctrlKey: true, clientX: box.left + 200, cancelable: true };
  stage.dispatchEvent(new WheelEvent('wheel', wheel));
  await new Promise(requestAnimationFrame);
  await new Promise(requestAnimationFrame);
  made.forEach((name, at) => { canvas[name] = usual[at]; });
  return count;
}"""
"""How many shapes are drawn after the timeline was zoomed by a little."""


def test_ten_times_as_many_turns_take_far_fewer_than_ten_times_as_many_shapes(
    visit: OpenPage, archive: Archive
) -> None:
    short = visit(many(archive, 300, every=20, slow=150).hang_up(6_010).commit()).evaluate(DRAWN)
    page = visit(many(archive, 3000, every=20, slow=1500).hang_up(60_010).commit())
    day = page.evaluate(DRAWN)
    assert short > 300
    assert day < 6 * short
    expect(page.locator("#slowest")).to_have_text("Slowest turn: 2,700 ms")
