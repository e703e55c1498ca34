"""Signing in and out, and who is let in without."""

import asyncio
import html
import logging
import re
import time
from pathlib import Path

import pytest
from yarl import URL

from relayproxy.console.access import cookies
from relayproxy.console.access.signin import SIGN_IN, own_path
from relayproxy.console.access.throttle import PAIR
from tests.console.door import (
    BEARER,
    OTHER,
    PAGE,
    PASSWORD,
    TOKEN,
    Client,
    console_on,
    cookie_of,
    pair,
    settings_in,
    sign_in,
    status_of,
)
from tests.patience import PATIENCE

# Being let in


async def test_a_page_leads_to_the_form_and_the_form_back_to_the_page(client: Client) -> None:
    page = "/sessions?q=%22fish%20%26%20chips%2B%22&before=1"
    async with client.get(URL(page, encoded=True), headers=PAGE, allow_redirects=False) as response:
        assert response.status == 303
        asked = response.headers["Location"]
        assert asked.startswith("/signin?next=/sessions")
    async with client.get(URL(asked, encoded=True)) as response:
        form = await response.text()
        assert response.status == 200
        assert response.headers["Cache-Control"] == "no-store"
    onward = html.unescape(re.findall('name="next" value="([^"]*)"', form)[0])
    assert URL(onward, encoded=True).query == URL(page, encoded=True).query

    fields = {"name": "alice", "password": PASSWORD, "next": onward}
    async with client.post("/signin", data=fields, allow_redirects=False) as response:
        assert response.status == 303
        location = URL(response.headers["Location"], encoded=True)
    assert (location.path, location.query["q"]) == ("/sessions", '"fish & chips+"')
    assert await status_of(client, "/sessions") == 200
    assert await status_of(client, "/signin") == 303


async def test_a_program_is_told_how_to_prove_itself(client: Client) -> None:
    async with client.get("/api/sessions") as response:
        assert response.status == 401
        assert response.headers["WWW-Authenticate"] == 'Bearer realm="relayproxy"'
        assert (await response.json())["error"]["code"] == "sign_in_required"

    async with client.get("/api/sessions", headers=BEARER) as response:
        assert response.status == 200
    async with client.get("/api/sessions", headers={"Authorization": f"bearer  {TOKEN} "}) as response:
        assert response.status == 200


@pytest.mark.parametrize(
    "path", ["/", "/sessions", "/sessions/x", "/live", "/insight", "/connect", "/audit", "/nowhere", "/static/x"]
)
async def test_no_page_is_shown_to_the_unknown(client: Client, path: str) -> None:
    async with client.get(path, headers=PAGE, allow_redirects=False) as response:
        assert response.status == 303
        assert response.headers["Location"].startswith("/signin")


async def test_every_path_but_a_few_asks(client: Client) -> None:
    open_paths = set()
    for route in client.app.router.routes() if client.app else ():
        resource = route.resource.canonical if route.resource else ""
        path = resource.replace("{", "").replace("}", "")
        if await status_of(client, path, route.method, Sec_Fetch_Mode="cors") not in (401, 405):
            open_paths.add(resource)

    assert open_paths == {"/healthz", "/signin", "/signout", "/static/{version}/{name}"}


@pytest.mark.parametrize("accept", ["text/html", "text/event-stream", "application/json"])
async def test_scripts_get_an_error_and_no_form(client: Client, accept: str) -> None:
    assert await status_of(client, "/sessions/rows", Accept=accept, Sec_Fetch_Mode="cors") == 401
    assert await status_of(client, "/sessions/rows", Accept=accept) == 401
    assert await status_of(client, "/sessions/live", Accept=accept, Sec_Fetch_Mode="cors") == 401


async def test_health_and_static_files_are_for_everybody(client: Client) -> None:
    assert await status_of(client, "/healthz", Host="10.1.2.3", Sec_Fetch_Site="cross-site") == 200
    async with client.get("/signin") as response:
        page = await response.text()
    sheet = next(part for part in page.split('"') if part.endswith("signin.css"))
    assert await status_of(client, sheet) == 200


# Passwords


@pytest.mark.parametrize(
    ("name", "password"),
    [("alice", "wrong"), ("nobody", PASSWORD), ("alice", ""), ("", ""), ("alice", OTHER), ("alice", "x" * 5000)],
)
async def test_what_is_wrong_is_not_told_apart(client: Client, name: str, password: str) -> None:
    async with client.post("/signin", data={"name": name, "password": password}) as response:
        page = await response.text()

    assert response.status == 401
    assert "That name and password do not go together." in page
    assert password == "" or password not in page
    assert await status_of(client, "/api/sessions") == 401


async def test_a_name_of_markup_is_shown_as_text(client: Client) -> None:
    async with client.post("/signin", data={"name": '"><script>', "password": "x"}) as response:
        page = await response.text()

    assert "<script>" not in page
    assert "&#34;&gt;&lt;script&gt;" in page


async def test_too_many_attempts_have_to_wait(client: Client) -> None:
    for _ in range(PAIR.free):
        assert await sign_in(client, password="wrong") == 401
    async with client.post("/signin", data={"name": "alice", "password": PASSWORD}) as response:
        assert response.status == 429
        assert response.headers["Retry-After"] == "1"
        assert "Too many attempts. Try again in 1 second." in await response.text()

    assert await sign_in(client, "root", OTHER) == 303


async def test_passwords_are_never_logged(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    await sign_in(client, "alice", "hunter2-wrong")
    await sign_in(client, "hunter2-in-the-wrong-field", "x")
    await sign_in(client)
    async with client.get("/api/sessions", headers={"Authorization": "Bearer hunter2-token"}):
        pass

    assert "hunter2" not in caplog.text
    assert PASSWORD not in caplog.text
    assert "a sign-in failed: alice from 127.0.0.1" in caplog.text
    assert "a sign-in failed: no such user from 127.0.0.1" in caplog.text


# Cookies


async def test_signing_out_ends_the_cookie_and_its_copies(folder: Path) -> None:
    async with console_on(settings_in(folder)) as client:
        await sign_in(client)
        kept = "; ".join(f"{one.key}={one.value}" for one in client.session.cookie_jar)
        other = pair(await cookie_of(client))
        await sign_in(client)
        client.session.cookie_jar.clear()

        async with client.post("/signout", headers={"Cookie": kept}, allow_redirects=False) as response:
            assert (response.status, response.headers["Location"]) == (303, "/signin")
            assert 'relayproxy=""' in response.headers["Set-Cookie"]
        assert await status_of(client, "/api/sessions", Cookie=kept) == 401
        assert await status_of(client, "/api/sessions", Cookie=other) == 200
        # A console beside this one, or after a restart.
        async with console_on(settings_in(folder)) as second:
            assert await status_of(second, "/api/sessions", Cookie=kept) == 401
            await second.post("/signout", headers={"Cookie": other}, allow_redirects=False)
        assert await status_of(client, "/api/sessions", Cookie=other) == 401


async def test_signing_out_without_being_in_does_nothing(client: Client) -> None:
    assert await status_of(client, "/signout", "POST") == 303
    await sign_in(client)
    assert await status_of(client, "/signout", "GET") == 405
    assert await status_of(client, "/api/sessions") == 200


async def test_a_live_stream_ends_with_the_cookie_that_opened_it(client: Client) -> None:
    await sign_in(client)
    async with client.get("/sessions/live", headers={"Accept": "text/event-stream"}) as stream:
        assert stream.status == 200
        await stream.content.readuntil(b"data:")
        await client.post("/signout")
        with pytest.raises(Exception, match=r"closed|reset|[Pp]ayload|Connection"):
            async with asyncio.timeout(PATIENCE):
                while await stream.content.read(1024):
                    pass
                raise ConnectionError("closed")


async def test_a_request_ends_when_its_cookie_runs_out(client: Client) -> None:
    assert client.app is not None
    state = client.app[SIGN_IN]
    gone = asyncio.Event()

    class Transport(asyncio.Transport):
        def abort(self) -> None:
            gone.set()

    with state.running(cookies.CookieClaims("alice", "id", "bond", int(time.time()) - 1), Transport()):
        await asyncio.wait_for(gone.wait(), PATIENCE)


# Pages of other sites


async def test_a_link_from_elsewhere_opens_although_its_cookie_was_kept_back(client: Client) -> None:
    from_elsewhere = {**PAGE, "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Dest": "document"}
    async with client.get("/sessions?q=x", headers=from_elsewhere, allow_redirects=False) as response:
        page = await response.text()
    assert response.status == 200
    assert '<meta http-equiv="refresh" content="0;url=/sessions?q=x">' in page

    # Now our own page goes there: a browser sends the cookie, and who has none gets the form.
    async with client.get("/sessions?q=x", headers=PAGE, allow_redirects=False) as response:
        assert response.status == 303


# Where the form leads


@pytest.mark.parametrize(
    "asked",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example",
        "\\\\evil.example",
        "/\t/evil.example",
        "/\n/evil.example",
        " //evil.example",
        "javascript:alert(1)",
        "sessions",
        "",
        "/signout",
        "/signin?next=/signin",
        "/é",
        "/" + "x" * 3000,
    ],
)
async def test_the_form_leads_nowhere_else(client: Client, asked: str) -> None:
    assert own_path(asked) == "/sessions"
    form = {"name": "alice", "password": PASSWORD, "next": asked}
    async with client.post("/signin", data=form, allow_redirects=False) as response:
        assert response.headers["Location"] == "/sessions"


@pytest.mark.parametrize("asked", ["/", "/sessions/VX1?turn=3", "/sessions?q=from%3A%2B1", "/live"])
def test_the_form_leads_to_any_page_of_ours(asked: str) -> None:
    assert own_path(asked) == asked
