"""The charts in a real browser: drawn under the page's own policy, read without them, and marked with the mouse."""

import re
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Locator, Page, ViewportSize, expect

from relayproxy.settings.model import Settings
from relayproxy.store.engine import open_engine, open_reader
from relayproxy.store.read.queries import Queries
from relayproxy.store.write.annotation_writer import AnnotationWriter
from relayproxy.store.write.archive import Archive
from tests.console import fortnight
from tests.console.browser import frames
from tests.console.conftest import OpenPage, served
from tests.databases import migrated

NARROW: ViewportSize = {"width": 360, "height": 740}
BROAD: ViewportSize = {"width": 1200, "height": 800}


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A console with two weeks of calls, for all tests: they only read."""
    settings = Settings(data_dir=tmp_path_factory.mktemp("charts"))
    migrated(settings.database)
    engine, reader = open_engine(settings.database), open_reader(settings.database)
    fortnight.record(Archive(engine), time.time_ns(), a_day=15)
    writer = AnnotationWriter(engine)
    with served(settings, Queries(reader), writer) as url:
        yield url
    writer.close()
    reader.dispose()
    engine.dispose()


PIXELS = """const c = figure.querySelector("canvas");
  const copy = Object.assign(document.createElement("canvas"), { width: c.width, height: c.height });
  const to = copy.getContext("2d", { willReadFrequently: true });
  to.drawImage(c, 0, 0);
  const d = to.getImageData(0, 0, c.width, c.height).data;"""
"""Script that has the pixels of a chart in `d`."""


def ink(chart: Locator) -> int:
    """How many pixels of a chart are painted."""
    script = f"figure => {{ {PIXELS} let n = 0; for (let i = 3; i < d.length; i += 4) if (d[i]) n++; return n; }}"
    return int(chart.evaluate(script))


def drag(page: Page, within: str, start: int, end: int) -> None:
    """Marks what is between two distances from the left of the first such element."""
    box = page.locator(within).first.bounding_box()
    assert box
    page.mouse.move(box["x"] + start, box["y"] + 40)
    page.mouse.down()
    page.mouse.move(box["x"] + end, box["y"] + 40, steps=4)
    page.mouse.up()


def fits(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= innerWidth"))


def are_drawn(page: Page, many: int) -> None:
    """All charts, beside tables with the same numbers, from a phone to a broad window."""
    charts = page.locator("[data-chart]")
    for size in (NARROW, BROAD):
        page.set_viewport_size(size)
        frames(page)
        for chart in charts.all():
            expect(chart.locator("canvas")).to_be_visible()
            assert ink(chart) > 500
            assert chart.locator("table tbody tr").count() > 0
        assert charts.count() == many
        assert fits(page)


def captions_are_not_crushed(page: Page, width: int) -> None:
    expect(page.locator("[data-chart] canvas").first).to_be_visible()
    frames(page)
    for caption in page.locator("[data-chart] figcaption").all():
        box = caption.bounding_box()
        assert box
        assert box["width"] > 150, width
        assert box["height"] < 50, width


def captions_are_not_crushed_at_any_width(page: Page) -> None:
    for width in (1200, 1000, 768, 620):
        page.set_viewport_size({"width": width, "height": 900})
        if width == 620:
            page.reload()
        captions_are_not_crushed(page, width)


def test_without_calls_there_is_no_chart(visit: OpenPage) -> None:
    are_drawn(visit("/insight?q=route%3Anone", viewport=NARROW), 0)


def test_groups_are_drawn_and_two_of_them_compared(visit: OpenPage) -> None:
    page = visit("/insight?by=route", viewport=NARROW)
    are_drawn(page, 3)

    page.get_by_role("checkbox", name="Compare bookings").check()
    page.get_by_role("checkbox", name="Compare support").check()
    page.get_by_role("button", name="Compare the marked ones").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Insight: comparison")
    expect(page.locator(".compared")).to_contain_text("Median latency")
    page.get_by_role("link", name="Swap A and B").click()
    expect(page.locator(".side-a")).to_contain_text("route:")

    page.get_by_text("Compare …").click()
    page.get_by_role("link", name="This week and the one before").click()
    expect(page.locator(".side-a")).to_contain_text("since:14d until:7d")
    expect(page.get_by_text("A is laid over the times of B").first).to_be_visible()
    are_drawn(page, 3)
    captions_are_not_crushed_at_any_width(page)


def test_charts_are_pointed_at_recoloured_and_filtered(visit: OpenPage) -> None:
    page = visit("/insight", viewport={"width": 1200, "height": 900})
    captions_are_not_crushed_at_any_width(page)

    # What can be compared is within a phone's screen, with the values that were seen.
    page.set_viewport_size(NARROW)
    page.get_by_text("Compare …").click()
    box = page.locator(".pop").bounding_box()
    assert box
    assert 0 <= box["x"] <= box["x"] + box["width"] <= NARROW["width"]
    page.get_by_label("Field").select_option("param.release")
    expect(page.locator("#seen option")).to_have_count(2)
    assert sorted(page.eval_on_selector_all("#seen option", "all => all.map(one => one.value)")) == ["41", "42"]
    page.get_by_text("Compare …").click()

    page.set_viewport_size({"width": 1280, "height": 720})
    frames(page)
    follow_the_theme(page, page.locator("[data-chart]").nth(1))
    page.locator(".plot .u-over").first.hover(position={"x": 300, "y": 50})
    tip = page.locator(".chart-tip").first
    expect(tip).to_contain_text("95th percentile")
    expect(tip).to_contain_text("Turns (n)")
    what_leaves_the_chart_is_marked_at_its_edge(page)

    # The filter is reached by a key, and completes.
    page.keyboard.press("/")
    field = page.get_by_role("combobox", name="Filter")
    expect(field).to_be_focused()
    page.keyboard.type("route:bo")
    expect(page.locator("#options [role=option]").first).to_contain_text("bookings")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(field).to_have_value("route:bookings ")
    page.keyboard.press("Enter")
    page.wait_for_url("**/insight?q=route*")
    page.get_by_role("link", name="Clear the filter").click()
    expect(page.get_by_role("combobox", name="Filter")).to_have_value("")


def follow_the_theme(page: Page, chart: Locator) -> None:
    """The colours of a page that is light."""
    colour = f"""figure => {{ {PIXELS} const seen = {{}};
      for (let i = 0; i < d.length; i += 4) if (d[i + 3] === 255) {{
        const k = `${{d[i]}},${{d[i + 1]}},${{d[i + 2]}}`; seen[k] = (seen[k] ?? 0) + 1; }}
      return Object.entries(seen).sort((a, b) => b[1] - a[1])[0][0]; }}"""
    assert chart.evaluate(colour) == "44,82,207"
    becomes = f"""(figure, wanted) => new Promise((done) => {{ let frames = 0;
      const look = () => {{ const is = ({colour})(figure) === wanted;
        if (is || ++frames > 200) done(is); else requestAnimationFrame(look); }};
      look(); }})"""
    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    assert chart.evaluate(becomes, "142,170,255")
    page.evaluate("delete document.documentElement.dataset.theme")
    assert chart.evaluate(becomes, "44,82,207")
    page.emulate_media(color_scheme="dark")
    assert chart.evaluate(becomes, "142,170,255")


QUIET = '{"times": [0, 60, 120, 180], "step": 60, "clipped": true, "top": 900, "rule": {"at": 2000, "name": "slow"}, '
QUIET += '"series": [{"name": "95th percentile", "draw": "line", "colour": "p95", "unit": "ms", '
QUIET += '"values": [800, 14000, 700, 9000]}]}'


def what_leaves_the_chart_is_marked_at_its_edge(page: Page) -> None:
    """The first chart is drawn anew, with values that lie above it."""
    page.evaluate(
        """async (chart) => {
          const figure = document.querySelector("[data-chart]");
          const script = document.querySelector("script[src*='insight']").src;
          const { draw } = await import(script.replace("insight.js", "charts.js"));
          figure.querySelector(".plot").replaceChildren();
          figure.dataset.chart = chart;
          draw([figure]);
        }""",
        QUIET,
    )
    edge = page.locator("[data-chart]").first.locator(".beyond.told")
    expect(edge).to_have_text(["14.0 s", "9,000 ms"])
    plot = page.locator(".plot").first.bounding_box()
    for said in edge.all():
        box = said.bounding_box()
        assert box
        assert plot
        assert plot["x"] <= box["x"] <= box["x"] + box["width"] <= plot["x"] + plot["width"]


def test_without_scripts_the_numbers_are_in_tables(visit: OpenPage) -> None:
    page = visit("/insight", java_script_enabled=False)
    page.get_by_text("as a table").first.click()
    expect(page.get_by_role("region", name="Response latency over time")).to_be_visible()
    expect(page.locator(".plot").first).to_be_hidden()


def test_where_nothing_was_the_tip_says_so(visit: OpenPage) -> None:
    page = visit("/insight?q=since%3A30d")
    page.locator(".plot .u-over").first.hover(position={"x": 20, "y": 50})
    expect(page.locator(".chart-tip").first).to_contain_text("no turns")
    page.locator(".plot .u-over").nth(2).scroll_into_view_if_needed()
    page.locator(".plot .u-over").nth(2).hover(position={"x": 20, "y": 50})
    tip = page.locator(".chart-tip").nth(2)
    expect(tip).to_contain_text("no calls")
    expect(tip).not_to_contain_text("Failed")


def test_a_range_that_is_marked_becomes_the_filter_s(visit: OpenPage) -> None:
    page = visit("/insight?q=since%3A10d+route%3Abookings")
    drag(page, ".plot .u-over", 200, 400)
    page.wait_for_url("**/insight?q=route*until*")
    field = page.get_by_role("combobox", name="Filter")
    assert field.input_value().startswith("route:bookings since:20")
    expect(page.locator(".alarm")).to_have_count(0)
    expect(page.locator(".plot canvas").first).to_be_visible()


@pytest.mark.parametrize("path", ["/insight?q=since%3A10d", "/sessions?q=since%3A10d"])
def test_a_release_is_a_line_and_a_range_can_be_marked_and_both_are_compared(visit: OpenPage, path: str) -> None:
    page = visit(path, viewport=NARROW)
    if path.startswith("/sessions"):
        page.get_by_text("Charts", exact=True).click()
    for width in (360, 1280):
        page.set_viewport_size({"width": width, "height": 800})
        frames(page)
        expect(page.locator(".version-name")).to_have_text(["2.42.0", "2.42.0"])
        expect(page.get_by_role("link", name="Before and after version 2.42.0")).to_be_visible()
        assert fits(page)
    page.get_by_role("link", name="Before and after version 2.42.0").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Insight: comparison")
    expect(page.locator(".compared")).to_contain_text("worse")

    page.go_back()
    expect(page.locator(".version-name")).to_have_count(2)
    drag(page, ".plot .u-over", 300, 400)
    page.wait_for_url("**until*")
    page.get_by_role("link", name=re.compile("^Compare with the .* before$")).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Insight: comparison")
    expect(page.locator(".about")).to_contain_text("as long before as after")


def test_before_and_after_a_time_are_asked_for_in_the_page(visit: OpenPage) -> None:
    page = visit("/insight?q=route%3Abookings", timezone_id="Asia/Tokyo")
    page.get_by_text("Compare …").click()
    expect(page.locator(".pop")).to_contain_text("Time in Asia/Tokyo")
    at = f"{datetime.now(ZoneInfo('Asia/Tokyo')) - timedelta(days=3):%Y-%m-%dT%H:%M}"
    page.get_by_label("At", exact=True).fill(at)
    page.locator(".pop form").first.get_by_role("button", name="Compare").click()
    expect(page.locator(".side-b h2")).to_contain_text(f"since:{at}+09:00")
    expect(page.locator(".about")).to_contain_text("as long before as after")


def test_charts_above_the_list_keep_their_room_obey_its_filter_and_can_be_hidden(visit: OpenPage) -> None:
    page = visit("/sessions", viewport={"width": 1200, "height": 900})
    for width in (1200, 1000, 768, 620, 360):
        size: ViewportSize = {"width": width, "height": 740 if width == 360 else 900}
        page.set_viewport_size(size)
        if 620 < width <= 1000:
            captions_are_not_crushed(page, width)
        if width == 1000:
            continue
        if width < 1000:
            # Nothing is remembered yet.
            page.evaluate("localStorage.clear()")
            page.reload()
        if width < 700:
            # On a phone the list comes first.
            expect(page.locator("#overview-body")).to_be_hidden()
            page.get_by_text("Charts", exact=True).click()
        expect(page.locator("#overview canvas")).to_have_count(2)
        captions_are_not_crushed(page, width)
        they_come_without_moving_the_list_and_obey_its_filter(page)

    page.set_viewport_size({"width": 1280, "height": 720})
    page.reload()
    expect(page.locator("#overview canvas")).to_have_count(2)
    a_range_that_is_marked_is_offered_to_the_list(page)

    # Whether they are shown is remembered.
    page.get_by_text("Charts", exact=True).click()
    expect(page.locator("#overview-body")).to_be_hidden()
    page.reload()
    expect(page.locator("#overview summary").first).to_be_visible()
    expect(page.locator("#overview-body")).to_be_hidden()
    page.get_by_text("Charts", exact=True).click()
    expect(page.locator("#overview canvas")).to_have_count(2)


def they_come_without_moving_the_list_and_obey_its_filter(page: Page) -> None:
    body = "document.getElementById('overview-body')"
    # What is reserved is what is taken.
    assert page.evaluate(f"{body}.offsetHeight - parseFloat(getComputedStyle({body}).minHeight)") == 0
    assert fits(page)
    with page.expect_response("**/sessions/overview?q=route%3Abookings") as answer:
        page.evaluate("document.dispatchEvent(new CustomEvent('relayproxy:filter', {detail: {q: 'route:bookings'}}))")
    assert answer.value.ok
    expect(page.locator("#overview canvas")).to_have_count(2)


def a_range_that_is_marked_is_offered_to_the_list(page: Page) -> None:
    page.evaluate(
        """addEventListener("relayproxy:range", (event) => {
          event.stopPropagation();
          window.ranges = [...(window.ranges ?? []), event.detail];
        }, true)"""
    )
    drag(page, "#overview .u-over", 100, 220)
    (marked,) = page.evaluate("window.ranges")
    assert 0 < marked["until"] - marked["since"] < 7 * 86_400_000
    assert marked["until"] <= time.time() * 1000 + 86_400_000
