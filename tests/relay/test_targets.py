import pytest

from relayproxy.config import Route, Settings
from relayproxy.relay.targets import Targets, join


def targets(**settings: object) -> Targets:
    return Targets(Settings(**settings))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("backend", "rest", "url"),
    [
        ("ws://h/api", "/x?q", "ws://h/api/x?q"),
        ("ws://h/api", "", "ws://h/api"),
        ("ws://h/api", "/", "ws://h/api"),
        ("ws://h/api/", "/", "ws://h/api/"),
        ("ws://h/api/", "/x", "ws://h/api/x"),
        ("ws://h", "/", "ws://h"),
        ("ws://h", "?a=1", "ws://h/?a=1"),
        ("ws://h/api", "?a=1", "ws://h/api?a=1"),
        ("ws://h/api", "/?a=1", "ws://h/api/?a=1"),
        ("ws://h", "//evil.example/x", "ws://h//evil.example/x"),
        ("ws://h/a", "/../b/./%2e%2e/%7E?x=%20+&x", "ws://h/a/../b/./%2e%2e/%7E?x=%20+&x"),
        ("ws://h/a?key=1", "/", "ws://h/a?key=1"),
        ("ws://h/a?key=1", "/b", "ws://h/a/b?key=1"),
        ("ws://h/a?key=1", "/b?c=d", "ws://h/a/b?key=1&c=d"),
    ],
)
def test_the_callers_part_is_appended_byte_for_byte(backend: str, rest: str, url: str) -> None:
    assert join(backend, rest) == url


def test_named_routes_take_their_own_targets_and_the_default_takes_the_rest() -> None:
    table = targets(backend="ws://main", routes={"sales": Route(backend="wss://sales/ws")})
    urls = {
        raw: found.url
        for raw in ("/r/sales", "/r/sales/", "/r/sales/x", "/r/sales?a", "/r/other/x", "/r/salesx", "/r/")
        if (found := table.match(raw))
    }
    assert urls == {
        "/r/sales": "wss://sales/ws",
        "/r/sales/": "wss://sales/ws",
        "/r/sales/x": "wss://sales/ws/x",
        "/r/sales?a": "wss://sales/ws?a",
        "/r/other/x": "ws://main/r/other/x",
        "/r/salesx": "ws://main/r/salesx",
        "/r/": "ws://main/r/",
    }


def test_without_a_default_only_named_routes_exist() -> None:
    table = targets(routes={"sales": Route(backend="wss://sales/ws")})
    assert table.match("/x") is None
    assert table.match("/r/other") is None


@pytest.mark.parametrize("raw", ["/.relayproxy/healthz", "/.relayproxy/", "http://h/x", "*", "/x#y"])
def test_what_no_backend_gets(raw: str) -> None:
    assert targets(backend="ws://main").match(raw) is None


@pytest.mark.parametrize(
    ("backend", "setting", "host"),
    [
        ("wss://agent.example.com/ws", "auto", "backend"),
        ("ws://127.0.0.1:9000", "auto", "preserve"),
        ("ws://[::1]:9000", "auto", "preserve"),
        ("ws://agent:9000", "auto", "preserve"),
        ("ws://agent.svc.internal", "auto", "preserve"),
        ("wss://agent.example.com/ws", "preserve", "preserve"),
        ("ws://agent:9000", "backend", "backend"),
    ],
)
def test_whose_host_header(backend: str, setting: str, host: str) -> None:
    found = targets(backend=backend, host_header=setting).match("/")
    assert found is not None
    assert found.host == host
