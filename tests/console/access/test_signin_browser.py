"""Signing in with a real browser, and what a page of another site gets from it."""

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from relayproxy.settings.model import Settings
from relayproxy.store.write.annotation_writer import AnnotationWriter
from relayproxy.store.write.archive import Archive
from relayproxy.store.write.audit import AuditEntry, add_entries
from tests.console import samples
from tests.console.axe import complaints
from tests.console.browser import Pages
from tests.console.conftest import OpenPage
from tests.console.door import OTHER, settings_in

NARROW = {"width": 360, "height": 740}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_in(tmp_path / "data")


@pytest.fixture
def elsewhere() -> Iterator[Callable[[str], str]]:
    """Another site: gives the URL of a page with that markup."""
    pages: dict[str, bytes] = {}

    class Site(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(pages.get(self.path, b""))

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()

    def page(markup: str) -> str:
        path = f"/{len(pages)}"
        pages[path] = f"<!doctype html><title>elsewhere</title>{markup}".encode()
        # To a browser, `localhost` and `127.0.0.1` are two sites.
        return f"http://localhost:{server.server_port}{path}"

    yield page
    server.shutdown()
    thread.join()
    server.server_close()


def sign_in(page: Page, name: str = "root", password: str = OTHER) -> None:
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()


def test_the_form_is_for_everybody(visit: OpenPage) -> None:
    page = visit("/signin", viewport=NARROW)
    expect(page.get_by_label("Name")).to_be_focused()
    assert complaints(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_signing_in_leads_to_the_page_that_was_asked_for(visit: OpenPage, archive: Archive) -> None:
    session = samples.booking(archive, samples.ago(100)).commit()
    page = visit(f"/sessions/{session.id}?turn=1")
    expect(page).to_have_title("Sign in · relayproxy")
    # What the page fetches at once is refused, and complained about, when the reader is no longer signed in.
    with page.expect_response("**/health/notice"):
        sign_in(page)
        page.wait_for_url(f"**/sessions/{session.id}?turn=1")
    page.wait_for_selector("#timeline[data-ready]")
    assert page.evaluate("document.cookie") == "relayproxy_zone=UTC", "the session's cookie is not for scripts"
    page.get_by_role("button", name="Sign out").click()
    expect(page).to_have_title("Sign in · relayproxy")


def test_a_wrong_password_is_said_and_the_name_kept(pages: Pages, console: str, archive: Archive) -> None:
    with pages.unwatched(console) as page:
        page.goto(f"{console}/live")
        sign_in(page, password="wrong")
        expect(page.get_by_role("alert")).to_have_text("That name and password do not go together.")
        expect(page.get_by_label("Name")).to_have_value("root")
        expect(page.get_by_label("Password")).to_be_focused()
        assert complaints(page, schemes=["light"]) == []
        sign_in(page)
        page.wait_for_url("**/live")


def test_the_audit_can_be_read(visit: OpenPage, archive: Archive, writer: AnnotationWriter) -> None:
    add_entries(
        writer, [AuditEntry(number * 10**18, "alice", "view", f"s{number}", "192.0.2.1") for number in range(1, 3)]
    )
    page = visit("/audit", viewport=NARROW)
    sign_in(page)
    expect(page.locator("tbody tr")).to_have_count(3)
    assert complaints(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.get_by_label("What").select_option("viewed")
    page.get_by_role("button", name="Show").click()
    expect(page.locator("tbody tr")).to_have_count(2)


ATTACK = """
<iframe src="HERE/sessions" id="frame"></iframe>
<script>
  const told = {};
  const tries = [
    new Promise((done) => {
      const source = new EventSource("HERE/sessions/live");
      source.onmessage = () => done(["stream", "heard"]);
      source.onerror = () => (source.close(), done(["stream", "refused"]));
    }),
    fetch("HERE/api/sessions").then(() => ["read", "given"], () => ["read", "refused"]),
    fetch("HERE/sessions/ID/tags", {
      method: "POST", mode: "no-cors", credentials: "include", body: new URLSearchParams({ tag: "evil" }),
    }).then(() => ["write", "given"], () => ["write", "refused"]),
  ];
  Promise.all(tries).then((all) => (document.title = JSON.stringify(all)));
</script>
"""


def test_a_page_of_another_site_gets_and_changes_nothing(
    pages: Pages, console: str, archive: Archive, elsewhere: Callable[[str], str]
) -> None:
    session = samples.booking(archive, samples.ago(100)).commit()
    with pages.unwatched(console) as page:
        page.goto(f"{console}/sessions")
        sign_in(page)
        page.wait_for_url("**/sessions")
        page.goto(elsewhere(ATTACK.replace("HERE", console).replace("ID", session.id)))
        expect(page).to_have_title('[["stream","refused"],["read","refused"],["write","refused"]]')
        answer = page.request.get(f"{console}/api/sessions/{session.id}/tags")
        assert answer.json()["items"] == []


def test_a_link_from_another_site_opens_for_who_has_signed_in(
    pages: Pages, console: str, archive: Archive, elsewhere: Callable[[str], str]
) -> None:
    with pages.unwatched(console) as page:
        page.goto(f"{console}/sessions")
        sign_in(page)
        page.wait_for_url("**/sessions")
        page.goto(elsewhere(f'<a href="{console}/live?x=1">the call</a>'))
        page.get_by_role("link", name="the call").click()
        expect(page).to_have_title("Live calls · relayproxy")
        assert page.url == f"{console}/live?x=1"


class TestWithoutASignIn:
    """On this machine, with nothing but the check of where requests come from."""

    @pytest.fixture
    def settings(self, tmp_path: Path) -> Settings:
        return settings_in(tmp_path / "data", users={}, tokens={})

    def test_a_page_of_another_site_gets_and_changes_nothing(
        self, pages: Pages, console: str, archive: Archive, elsewhere: Callable[[str], str]
    ) -> None:
        session = samples.booking(archive, samples.ago(100)).commit()
        with pages.unwatched(console) as page:
            page.goto(elsewhere(ATTACK.replace("HERE", console).replace("ID", session.id)))
            expect(page).to_have_title('[["stream","refused"],["read","refused"],["write","refused"]]')
            answer = page.request.get(f"{console}/api/sessions/{session.id}/tags")
            assert answer.json()["items"] == []


def test_signing_in_keeps_the_turn_that_the_link_leads_to(visit: OpenPage, archive: Archive) -> None:
    session = samples.booking(archive, samples.ago(100)).commit()
    page = visit(f"/sessions/{session.id}#turn-3")
    sign_in(page)
    page.wait_for_url(f"**/sessions/{session.id}#turn-3")
