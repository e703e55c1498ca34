"""Signing in and out, and who is let in without."""

import asyncio
import html
import logging
import re
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from yarl import URL

from relayproxy.console.access import cookies
from relayproxy.console.access.signin import SIGN_IN, own_path
from relayproxy.console.access.throttle import PAIR
from relayproxy.errors import SettingError
from relayproxy.settings.model import Settings
from tests.console.door import BEARER, HASH, OTHER, PASSWORD, TOKEN, Client, console_on, settings_in, sign_in, status_of
from tests.databases import migrated

PAGE = {"Accept": "text/html,application/xhtml+xml", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Site": "none"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    migrated(settings_in(tmp_path / "data").database)
    return tmp_path / "data"


@pytest.fixture
async def client(folder: Path) -> AsyncIterator[Client]:
    async with console_on(settings_in(folder)) as client:
        yield client


async def cookie_of(client: Client, **headers: str) -> str:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    form = {"name": "alice", "password": PASSWORD}
    async with client.post("/signin", data=form, allow_redirects=False, headers=sent) as response:
        assert response.status == 303
        return response.headers["Set-Cookie"]


def pair(set_cookie: str) -> str:
    return set_cookie.partition(";")[0]


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


@pytest.mark.parametrize("authorization", [f"Bearer {TOKEN}x", "Bearer ", "Bearer t\u00f6ken"])
async def test_a_wrong_token_is_refused_even_with_a_cookie(client: Client, authorization: str) -> None:
    await sign_in(client)
    async with client.get("/api/sessions", headers={"Authorization": authorization}) as response:
        assert response.status == 401
        assert (await response.json())["error"]["code"] == "wrong_token"


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


async def test_an_unknown_name_takes_as_long_as_a_known_one(folder: Path) -> None:
    # Costly enough that the difference to no check at all is plain.
    from argon2 import PasswordHasher

    slow = PasswordHasher(time_cost=6, memory_cost=16 * 1024, parallelism=1).hash(PASSWORD)
    async with console_on(settings_in(folder, users={"alice": {"password": slow}})) as client:
        assert client.app is not None
        authenticator = client.app[SIGN_IN].authenticator
        await authenticator.check("nobody", "x")  # makes the decoy

        async def seconds(name: str) -> float:
            began = time.process_time()
            assert not await authenticator.check(name, "x")
            return time.process_time() - began

        known = min([await seconds("alice") for _ in range(5)])
        unknown = min([await seconds("nobody") for _ in range(5)])
    assert unknown > known / 2


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


async def test_the_cookie_is_for_our_pages_alone(client: Client) -> None:
    plain = await cookie_of(client)
    assert {part.strip() for part in plain.split(";")[1:]} == {"HttpOnly", "Path=/", "SameSite=Strict"}

    secure = await cookie_of(client, X_Forwarded_Proto="https")
    assert secure.startswith("__Host-relayproxy=")
    assert {part.strip() for part in secure.split(";")[1:]} == {"HttpOnly", "Path=/", "SameSite=Strict", "Secure"}


async def test_over_https_only_a_cookie_that_was_made_there_counts(client: Client) -> None:
    secure = pair(await cookie_of(client, X_Forwarded_Proto="https"))
    client.session.cookie_jar.clear()
    planted = secure.removeprefix("__Host-")

    assert await status_of(client, "/api/sessions", X_Forwarded_Proto="https", Cookie=secure) == 200
    assert await status_of(client, "/api/sessions", X_Forwarded_Proto="https", Cookie=planted) == 401


async def test_a_cookie_that_was_changed_is_none(client: Client) -> None:
    cookie = pair(await cookie_of(client))
    client.session.cookie_jar.clear()

    assert await status_of(client, "/api/sessions", Cookie=cookie) == 200
    for spoilt in (
        cookie[:-2] + ("A" if cookie[-2] != "A" else "B") + cookie[-1],
        cookie + "x" * 5000,
        "relayproxy=",
        "relayproxy=.",
    ):
        assert await status_of(client, "/api/sessions", Cookie=spoilt) == 401


async def test_a_cookie_runs_out(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    await sign_in(client)
    now = time.time()

    monkeypatch.setattr("itsdangerous.timed.time.time", lambda: now + cookies.LIFETIME - 60)
    assert await status_of(client, "/api/sessions") == 200
    monkeypatch.setattr("itsdangerous.timed.time.time", lambda: now + cookies.LIFETIME + 60)
    assert await status_of(client, "/api/sessions") == 401


async def test_a_cookie_survives_a_restart_unless_its_user_changed(folder: Path) -> None:
    async with console_on(settings_in(folder)) as client:
        cookie = pair(await cookie_of(client))

    for users, status in (
        ({"alice": {"password": HASH, "role": "admin"}}, 200),
        ({"alice": {"password": settings_in(folder).users["root"].password}}, 401),
        ({"alice": {}}, 401),
        ({"bob": {"password": HASH}}, 401),
    ):
        values: dict[str, Any] = {"users": users}
        async with console_on(settings_in(folder, **values)) as client:
            assert await status_of(client, "/api/sessions", Cookie=cookie) == status


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
            async with asyncio.timeout(10):
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
        await asyncio.wait_for(gone.wait(), 10)


# The key


async def test_the_key_is_made_once_and_for_its_owner_alone(folder: Path) -> None:
    async with console_on(settings_in(folder)):
        key = (folder / "console.key").read_text()
    async with console_on(settings_in(folder)):
        assert (folder / "console.key").read_text() == key
    assert (folder / "console.key").stat().st_mode & 0o777 == 0o600
    assert len(key.strip()) == 64
    assert [path.name for path in folder.glob("console.*")] == ["console.key"]


async def test_consoles_on_several_hosts_can_share_a_key(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        clients = []
        for host, key in (("a", "k" * 32), ("b", "k" * 32), ("c", "x" * 32)):
            settings = settings_in(tmp_path / host, console_key=key)
            migrated(settings.database)
            clients.append(await stack.enter_async_context(console_on(settings)))
        cookie = pair(await cookie_of(clients[0]))
        assert [await status_of(one, "/api/sessions", Cookie=cookie) for one in clients[1:]] == [200, 401]
    assert not list(tmp_path.glob("*/console.key"))


def test_a_key_that_is_none_stops_the_start(folder: Path) -> None:
    (folder / "console.key").write_text("short\n")

    with pytest.raises(SettingError, match=r"console\.key: holds no key"):
        cookies.key_in(folder)


async def test_without_passwords_no_key_is_made(folder: Path) -> None:
    async with console_on(settings_in(folder, users={})) as client:
        assert await status_of(client, "/signin") == 303
        async with client.get("/sessions", headers=PAGE, allow_redirects=False) as response:
            assert response.status == 401
    assert not (folder / "console.key").exists()


# Without a sign-in


async def test_this_machine_needs_no_password_until_somebody_may_sign_in(folder: Path) -> None:
    async with console_on(settings_in(folder, users={}, tokens={})) as client:
        assert await status_of(client, "/sessions") == 200
        assert await status_of(client, "/audit") == 200
        assert await status_of(client, "/signin") == 303


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:8081", 200),
        ("localhost:8081", 200),
        ("LOCALHOST", 200),
        ("[::1]:8081", 200),
        ("calls.localhost:1", 200),
        ("console.example.com", 200),
        ("evil.example:8081", 403),
        ("127.0.0.1.evil.example", 403),
        ("localhost.evil.example:8081", 403),
        ("192.168.1.4:8081", 403),
        ("", 403),
    ],
)
async def test_a_name_that_was_bound_to_this_machine_is_refused(folder: Path, host: str, status: int) -> None:
    settings = settings_in(folder, users={}, tokens={}, console_url="https://console.example.com")
    async with console_on(settings) as client:
        assert await status_of(client, "/api/sessions", Host=host) == status
        assert await status_of(client, "/sessions/live", "HEAD", Host=host) in (status, 405)
        assert await status_of(client, "/healthz", Host=host) == 200


# Pages of other sites


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 303),
        ({"Sec-Fetch-Site": "same-origin"}, 303),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "none"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://127.0.0.1:1"}, 403),
        ({"Origin": "http://evil.example@127.0.0.1"}, 403),
        ({"Origin": "HERE"}, 303),
    ],
)
async def test_posts_come_from_our_own_pages(client: Client, headers: dict[str, str], status: int) -> None:
    here = str(client.make_url("")).rstrip("/")
    sent = {name: here if value == "HERE" else value for name, value in headers.items()}
    for path, form in (("/signin", {"name": "alice", "password": PASSWORD}), ("/signout", {})):
        async with client.post(path, data=form, headers=sent, allow_redirects=False) as response:
            assert response.status == status


@pytest.mark.parametrize("path", ["/sessions/live", "/live/cards", "/api/sessions", "/sessions/rows", "/signin"])
@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"},
        {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"},
        {"Origin": "http://evil.example"},
    ],
)
async def test_nothing_is_given_to_pages_of_other_sites(folder: Path, path: str, headers: dict[str, str]) -> None:
    settings = settings_in(folder, users={}, tokens={})
    async with console_on(settings) as client, client.get(path, headers=headers) as response:
        assert response.status == 403
        assert "Access-Control-Allow-Origin" not in response.headers


async def test_a_link_from_elsewhere_opens_although_its_cookie_was_kept_back(client: Client) -> None:
    from_elsewhere = {**PAGE, "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Dest": "document"}
    async with client.get("/sessions?q=x", headers=from_elsewhere, allow_redirects=False) as response:
        page = await response.text()
    assert response.status == 200
    assert '<meta http-equiv="refresh" content="0;url=/sessions?q=x">' in page

    # Now our own page goes there: a browser sends the cookie, and who has none gets the form.
    async with client.get("/sessions?q=x", headers=PAGE, allow_redirects=False) as response:
        assert response.status == 303


# Behind a proxy


def behind_a_proxy(folder: Path, **values: Any) -> Settings:
    proxied = {"console_user_header": "X-User", "console_url": "https://console.example.com", **values}
    return settings_in(folder, **proxied)


async def test_a_trusted_proxy_says_who_it_is(folder: Path) -> None:
    async with console_on(behind_a_proxy(folder, users={"root": {"role": "admin"}})) as client:
        assert await status_of(client, "/api/sessions", X_User="anybody@example.com") == 200
        assert await status_of(client, "/api/audit", X_User="anybody@example.com") == 403
        assert await status_of(client, "/api/audit", X_User="root") == 200
        for nobody in ("", " ", "token:ci", "x" * 101):
            assert await status_of(client, "/api/sessions", X_User=nobody) == 401
        async with client.get("/api/sessions", headers=[("X-User", "a"), ("X-User", "root")]) as response:
            assert response.status == 401


async def test_the_header_counts_from_the_proxy_alone(folder: Path) -> None:
    async with console_on(behind_a_proxy(folder, console_proxies="10.0.0.0/8")) as client:
        assert await status_of(client, "/api/sessions", X_User="root") == 401


async def test_a_bound_name_does_not_get_to_send_the_header(folder: Path) -> None:
    settings = behind_a_proxy(folder, console="0.0.0.0:8081")
    async with console_on(settings) as client:
        assert await status_of(client, "/api/sessions", X_User="root", Host="evil.example") == 403
        assert await status_of(client, "/api/sessions", X_User="root", Host="console.example.com") == 200


async def test_pages_behind_a_proxy_that_rewrites_the_host_are_ours(folder: Path) -> None:
    async with console_on(settings_in(folder, console_url="https://console.example.com")) as client:
        assert await status_of(client, "/signout", "POST", Origin="https://console.example.com") == 303
        assert await status_of(client, "/signout", "POST", Origin="https://other.example.com") == 403


@pytest.mark.parametrize(
    ("forwarded", "address"),
    [
        ("", "127.0.0.1"),
        ("203.0.113.9", "203.0.113.9"),
        ("198.51.100.1, 203.0.113.9", "203.0.113.9"),
        ("203.0.113.9, 10.0.0.7", "203.0.113.9"),
        ("203.0.113.9:4711", "203.0.113.9"),
        ("[2001:db8::1]:4711", "2001:db8::1"),
        ("2001:db8::1", "2001:db8::1"),
        ("nonsense", "127.0.0.1"),
        ("fe80::1%" + "~" * 3000, "127.0.0.1"),
        ("fe80::1%25eth0, 10.0.0.7", "10.0.0.7"),
    ],
)
async def test_attempts_count_for_the_address_behind_the_proxy(folder: Path, forwarded: str, address: str) -> None:
    async with console_on(settings_in(folder, console_proxies="127.0.0.1,10.0.0.0/8")) as client:
        await sign_in(client, "root", OTHER, headers={"X-Forwarded-For": forwarded})
        async with client.get("/api/audit") as response:
            entries = (await response.json())["items"]
    assert [(entry["action"], entry["address"]) for entry in entries] == [("sign_in", address)]


async def test_who_is_no_proxy_cannot_choose_an_address(folder: Path) -> None:
    async with console_on(settings_in(folder, console_proxies="10.0.0.0/8")) as client:
        for number in range(PAIR.free):
            await sign_in(client, password="wrong", headers={"X-Forwarded-For": f"192.0.2.{number}"})
        assert await sign_in(client, headers={"X-Forwarded-For": "192.0.2.99"}) == 429


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
