"""Chromium for page tests, and a page that notices what must never happen.

Knows: where a Chromium may be; that nothing is fetched from elsewhere and nothing is complained about.
Must not know: what is on the pages.
"""

import asyncio
import inspect
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from types import FrameType, SimpleNamespace
from typing import Any, Literal

import pytest
from playwright._impl import _connection, _sync_base
from playwright.sync_api import Browser, ConsoleMessage, Dialog, Page, Request, ViewportSize, expect, sync_playwright

from tests.patience import PATIENCE
from tests.peers import programs

ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    # Two processes less to start and to talk to; and one thread to draw, of those that each tile would be given to.
    "--in-process-gpu",
    "--enable-features=NetworkServiceInProcess2",
    "--num-raster-threads=1",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

PATIENCE_MS = round(PATIENCE * 1000)
expect.set_options(timeout=PATIENCE_MS)


def chromium() -> str:
    """The Chromium to use. Fails, and says how to get one, when there is none."""
    found = programs.chromium()
    if found is None:
        pytest.fail(
            "The page tests need Chromium: `make test` installs it; or apt-get install chromium-headless-shell "
            "(Debian), or set RELAYPROXY_CHROMIUM to a Chromium or Chrome executable."
        )
    return str(found)


@contextmanager
def launched() -> Iterator[Browser]:
    """A headless browser."""
    _show_the_nearest_frames_alone()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=list(ARGUMENTS))
        yield browser
        browser.close()


def _show_the_nearest_frames_alone() -> None:
    """Playwright looks through the stack for what called it, at each call: through all of it, with its files, which in
    a test takes milliseconds."""
    for module in (_connection, _sync_base):
        setattr(module, "inspect", SimpleNamespace(stack=_nearest_frames))  # noqa: B010 (it is a module's)


def _nearest_frames(_context: int) -> list[inspect.FrameInfo]:
    """As `inspect.stack` gives them to its caller, ten of them: more than lie between a test and that caller."""
    found: list[inspect.FrameInfo] = []
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and len(found) < 10:
        found.append(
            inspect.FrameInfo(frame, frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name, None, None)
        )
        frame = frame.f_back
    return found


class Pages:
    """Pages of one browser that one test after the other has for itself, each like new: to start a process for a page
    and to read all scripts anew takes twice as long as to load it."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._free: list[_Kept] = []

    @contextmanager
    def watched(self, origin: str, **options: Any) -> Iterator[Page]:
        """A page that fails at its end when anything was asked of another origin, a dialog opened, or the browser
        complained (a violated Content-Security-Policy, a script error, a failed load). It keeps still, unless told
        otherwise: what moves all the time is drawn sixty times a second. The options are those of `_Kept.begin`."""
        with self._page(origin, **options) as kept:
            yield kept.page
            kept.end()
            assert not kept.faults.found, kept.faults.found

    @contextmanager
    def unwatched(self, origin: str, **options: Any) -> Iterator[Page]:
        """A page on which refusals may be seen, and complained about by the browser."""
        with self._page(origin, **options) as kept:
            yield kept.page
            kept.end()
            kept.faults.found.clear()

    @contextmanager
    def _page(self, origin: str, **options: Any) -> Iterator["_Kept"]:
        """A page that a test has spoilt is not given to another."""
        kept = self._free.pop() if self._free else _Kept(self._browser)
        with ExitStack() as spoilt:
            spoilt.callback(kept.page.context.close)
            kept.begin(origin, **options)
            yield kept
            spoilt.pop_all()
        self._free.append(kept)


@contextmanager
def kept_pages() -> Iterator[tuple[Pages, Callable[[], AbstractContextManager[None]]]]:
    """Pages for as long as a process runs tests, and what opens them to one test: a thread has one running event loop
    at a time, and playwright's goes on between its calls. Outside of the blocks no loop runs, so that asynchronous
    tests can have theirs."""
    with launched() as browser:
        loop, hooks = asyncio.get_running_loop(), sys.get_asyncgen_hooks()

        @contextmanager
        def opened() -> Iterator[None]:
            others = sys.get_asyncgen_hooks()
            asyncio._set_running_loop(loop)
            sys.set_asyncgen_hooks(*hooks)
            try:
                yield
            finally:
                sys.set_asyncgen_hooks(*others)
                asyncio._set_running_loop(None)

        asyncio._set_running_loop(None)
        sys.set_asyncgen_hooks(None, None)
        try:
            yield Pages(browser), opened
        finally:
            asyncio._set_running_loop(loop)
            sys.set_asyncgen_hooks(*hooks)


class _Faults:
    """What must never happen, as a page tells it."""

    def __init__(self, page: Page) -> None:
        self.found: list[str] = []
        self.origin = ""
        page.set_default_timeout(PATIENCE_MS)
        page.on("request", self._asked)
        page.on("console", self._complained)
        page.on("dialog", self._asked_the_reader)
        page.on("pageerror", lambda error: self.found.append(f"script: {error}"))

    def _asked(self, request: Request) -> None:
        if not request.url.startswith((f"{self.origin}/", "data:")):
            self.found.append(f"request: {request.url}")

    def _complained(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.found.append(f"console: {message.text}")

    def _asked_the_reader(self, dialog: Dialog) -> None:
        self.found.append(f"dialog: {dialog.message}")
        dialog.dismiss()


class _Kept:
    """A page with a context of its own."""

    def __init__(self, browser: Browser) -> None:
        self.page = browser.new_context().new_page()
        self.faults = _Faults(self.page)
        self._session = self.page.context.new_cdp_session(self.page)
        self._emulated: tuple[str, bool, Sequence[str]] = ("", True, ())

    def begin(
        self,
        origin: str,
        viewport: ViewportSize | None = None,
        color_scheme: Literal["dark", "light"] = "light",
        reduced_motion: Literal["no-preference", "reduce"] = "reduce",
        timezone_id: str = "",
        java_script_enabled: bool = True,
        permissions: Sequence[str] = (),
    ) -> None:
        """Looks as a new page of a context with these options would."""
        self.faults.origin = origin
        self.page.set_viewport_size(viewport or {"width": 1280, "height": 720})
        self.page.emulate_media(color_scheme=color_scheme, reduced_motion=reduced_motion)
        self._emulate(timezone_id, java_script_enabled, permissions)

    def end(self) -> None:
        """Leaves the console's page, so that what it still had under way is seen as well, and forgets all of it."""
        self._emulate()
        # What a test has held back would be held back from the next one, too.
        self.page.unroute_all()
        self.page.goto(f"{self.faults.origin}/healthz")
        self.page.evaluate("localStorage.clear(), sessionStorage.clear()")
        self.page.mouse.move(-10, -10)
        self.page.context.clear_cookies()
        self._session.send("Page.resetNavigationHistory")

    def _emulate(
        self, timezone_id: str = "", java_script_enabled: bool = True, permissions: Sequence[str] = ()
    ) -> None:
        """What few tests want is told only when it changes."""
        wanted = (timezone_id, java_script_enabled, permissions)
        if wanted == self._emulated:
            return
        self._emulated = wanted
        self._session.send("Emulation.setTimezoneOverride", {"timezoneId": timezone_id})
        self._session.send("Emulation.setScriptExecutionDisabled", {"value": not java_script_enabled})
        self.page.context.clear_permissions()
        self.page.context.grant_permissions(permissions)


def frames(page: Page, many: int = 3) -> None:
    """Waits until the page has been drawn so many times more."""
    page.evaluate(
        "many => new Promise(done => { const next = () => (many-- ? requestAnimationFrame(next) : done()); next(); })",
        many,
    )


def until(page: Page, condition: str) -> None:
    """Waits until an expression is true on the page. Playwright's own wait uses eval, which the pages forbid."""
    page.evaluate(
        f"""new Promise((done, failed) => {{
            const look = () => {{
                if ({condition}) done();
                else if (performance.now() > {PATIENCE_MS}) failed(new Error("still not so"));
                else requestAnimationFrame(look);
            }};
            look();
        }})"""
    )


OPEN = """() => {
  const opened = {};
  for (const one of document.querySelectorAll("main details:not([data-popup])")) {
    one.open = true;
    if (!one.querySelector(":scope > a.load")) continue;
    const row = one.closest(".msg");
    const kind = [one.className, row?.className, row?.querySelector(".kind").dataset.kind].join();
    opened[kind] = (opened[kind] ?? 0) + 1;
    one.open = opened[kind] <= 2;
  }
}"""


def unfold(page: Page) -> None:
    """Opens all that folds on a complete page, and goes to its top again: a row that opens comes into view.

    Folds that fetch their content are alike in each turn, and in messages of one kind from one side: of each kind the
    first two open.
    """
    expect(page.locator("#timeline:not([data-ready])")).to_have_count(0)
    page.evaluate(OPEN)
    # What comes only when it is opened may move the page as well.
    until(page, "!document.querySelector('main details[open] > a.load')")
    frames(page)
    to_the_top(page)


def to_the_top(page: Page) -> None:
    """Scrolls to the page's head, and stays there: whatever scrolls on its own ends when the reader takes over."""
    page.mouse.wheel(0, -1)
    for _ in range(2):
        until(page, "(scrollTo({ top: 0, behavior: 'instant' }), scrollY === 0)")
        frames(page, 5)


def from_the_top(page: Page, last: int) -> None:
    """Goes to the head of a live page once it has opened at its end, the turn `last`."""
    expect(page.locator(f"#turn-{last}")).to_be_in_viewport()
    # It keeps to its end for a few frames, until all is laid out.
    frames(page, 10)
    page.evaluate("scrollTo({top: 0, behavior: 'instant'})")
