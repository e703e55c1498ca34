import pytest

from relayproxy.relay.handshake.targets import Target, Targets, join, origin_form
from relayproxy.settings.model import Settings
from relayproxy.settings.tables import Route


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
        ("ws://h/api", "/?a=1", "ws://h/api?a=1"),
        ("ws://h/api/", "/?a=1", "ws://h/api/?a=1"),
        ("ws://h", "/?", "ws://h/?"),
        ("ws://h/api", "/?", "ws://h/api?"),
        ("ws://h/a?key=1", "/?c=d", "ws://h/a?key=1&c=d"),
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
        for raw in (
            "/r/sales",
            "/r/sales/",
            "/r/sales/x",
            "/r/sales?a",
            "/r/sales/?a=1",
            "/r/other/x",
            "/r/salesx",
            "/r/",
        )
        if (found := table.match(raw))
    }
    assert urls == {
        "/r/sales": "wss://sales/ws",
        "/r/sales/": "wss://sales/ws",
        "/r/sales/x": "wss://sales/ws/x",
        "/r/sales?a": "wss://sales/ws?a",
        "/r/sales/?a=1": "wss://sales/ws?a=1",
        "/r/other/x": "ws://main/r/other/x",
        "/r/salesx": "ws://main/r/salesx",
        "/r/": "ws://main/r/",
    }


def test_without_a_default_only_named_routes_exist() -> None:
    table = targets(routes={"sales": Route(backend="wss://sales/ws")})
    assert table.match("/x") is None
    assert table.match("/r/other") is None


@pytest.mark.parametrize(
    ("raw", "target"),
    [
        ("/x?y", "/x?y"),
        ("//x", "//x"),
        ("http://169.254.169.254/x?y=http://z/", "/x?y=http://z/"),
        ("WSS://user:secret@h:1/x", "/x"),
        ("ws://h", "/"),
        ("ws://h?x", "/?x"),
    ],
)
def test_of_an_absolute_target_only_path_and_query_count(raw: str, target: str) -> None:
    assert origin_form(raw) == target


@pytest.mark.parametrize("raw", ["*", "", "h:1", "/x#y", "ws://h#y", "/\udcff"])
def test_what_is_no_path_is_refused(raw: str) -> None:
    with pytest.raises(ValueError, match=r"is expected|not UTF-8"):
        origin_form(raw)


@pytest.mark.parametrize(
    "rest",
    ["/..", "/../x", "/a/../../x", "/%2e%2e/x", "/.%2E", "/..%2fx", "/a//../..", "/..;/x", "/..%5cx", "/\\..\\x"],
)
def test_nobody_climbs_out_of_a_backends_path(rest: str) -> None:
    table = targets(backend="ws://main/agents/one", routes={"sales": Route(backend="ws://sales")})
    with pytest.raises(ValueError, match="climb"):
        table.match(f"{rest}?x")
    assert table.match(f"/r/sales{rest}") == Target("sales", f"ws://sales{rest}", "preserve")


@pytest.mark.parametrize("rest", ["/a/../b", "/a/%2e%2e/b", "/...", "/a..b", "/?x=/../.."])
def test_what_stays_within_a_backends_path_goes_on_as_it_is(rest: str) -> None:
    found = targets(backend="ws://main/agents").match(rest)
    assert found is not None
    assert found.url.replace("agents?", "agents/?") == f"ws://main/agents{rest}"


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


@pytest.mark.parametrize(
    ("settings", "tls"),
    [
        ({"backend": "ws://main"}, False),
        ({"backend": "wss://main"}, True),
        ({"backend": "ws://main", "routes": {"sales": Route(backend="wss://sales")}}, True),
        ({"backend": "ws://main", "shadow": {"backend": "wss://second"}}, True),
        ({"routes": {"sales": Route(backend="ws://sales/wss:")}}, False),
    ],
)
def test_it_is_known_whether_a_backend_is_reached_over_tls(settings: dict[str, object], tls: bool) -> None:
    assert targets(**settings).tls is tls
