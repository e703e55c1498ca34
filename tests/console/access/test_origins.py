"""Where requests come from: the address behind proxies, pages of other sites, names that were bound to this machine."""

import socket
from pathlib import Path

import pytest

from relayproxy.console.access.throttle import PAIR
from tests.console.door import OTHER, PASSWORD, Client, behind_a_proxy, console_on, settings_in, sign_in, status_of


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
        ("[::1].evil.example", 403),
        ("[::1", 403),
        ("localhost:evil.example", 403),
        ("localhost,evil.example", 403),
        ("evil.example@localhost", 403),
        ("", 403),
    ],
)
async def test_a_name_that_was_bound_to_this_machine_is_refused(folder: Path, host: str, status: int) -> None:
    settings = settings_in(folder, users={}, tokens={}, console_url="https://console.example.com")
    async with console_on(settings) as client:
        assert await status_of(client, "/api/sessions", Host=host) == status
        assert await status_of(client, "/sessions/live", "HEAD", Host=host) in (status, 405)
        assert await status_of(client, "/healthz", Host=host) == 200


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


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("evil.example:8081", 403),
        ("console.example.com", 200),
        ("console.example.com.", 200),
        ("console:8081", 200),
        ("console.internal", 200),
        ("192.168.1.4:8081", 200),
        ("[2001:db8::1]:8081", 200),
        ("localhost:8081", 200),
        (f"{socket.gethostname()}:8081", 200),
        (f"{socket.gethostname().partition('.')[0]}.LOCAL", 200),
        ("192.168.1.4.evil.example", 403),
        ("console.evil.example", 403),
        ("", 403),
    ],
)
async def test_beyond_loopback_it_answers_to_its_own_names_too(folder: Path, host: str, status: int) -> None:
    settings = settings_in(
        folder,
        console="0.0.0.0:8081",
        console_url="https://console.example.com",
        console_hosts="Console, console.internal",
    )
    async with console_on(settings) as client:
        assert await status_of(client, "/signin", Host=host) == status
        assert await status_of(client, "/api/sessions", Host=host) == (401 if status == 200 else 403)
        assert await status_of(client, "/healthz", Host=host) == 200


async def test_a_name_that_is_not_its_own_is_told_with_the_setting_that_makes_it_so(folder: Path) -> None:
    async with (
        console_on(settings_in(folder, console="0.0.0.0:8081")) as client,
        client.get("/api/sessions", headers={"Host": "console:8081"}) as response,
    ):
        problem = (await response.json())["error"]
    assert problem["code"] == "unknown_host"
    assert "'console'; the setting console_url or console_hosts gives it one" in problem["message"]


async def test_a_bound_name_does_not_get_to_send_the_header(folder: Path) -> None:
    settings = behind_a_proxy(folder, console="0.0.0.0:8081")
    async with console_on(settings) as client:
        assert await status_of(client, "/api/sessions", X_User="root", Host="evil.example") == 403
        assert await status_of(client, "/api/sessions", X_User="root", Host="console.example.com") == 200


async def test_without_a_sign_in_a_proxy_that_rewrites_the_host_opens_the_console_to_nobody_elsewhere(
    folder: Path,
) -> None:
    settings = settings_in(folder, users={}, tokens={}, console_url="https://console.example.com")
    async with console_on(settings) as client:
        assert await status_of(client, "/api/sessions", X_Forwarded_For="203.0.113.9") == 403
        assert await status_of(client, "/live/stream", X_Forwarded_For="203.0.113.9, 127.0.0.1") == 403
        assert await status_of(client, "/api/sessions", X_Forwarded_For="127.0.0.1") == 200
        assert await status_of(client, "/api/sessions", X_Forwarded_For="::ffff:127.0.0.1") == 200
    async with console_on(settings_in(folder, users={}, tokens={}, console_proxies="10.0.0.5")) as client:
        assert await status_of(client, "/api/sessions", X_Forwarded_For="203.0.113.9") == 200


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
