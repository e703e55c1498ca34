"""Settings from flags, environment and file, and what is said about wrong ones."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relayproxy.config import (
    Settings,
    as_environment,
    load,
    mask,
    relay_urls,
    require_backend,
    slow_turn_and_stall,
    split_address,
)
from relayproxy.conversation.findings import Thresholds
from relayproxy.errors import SettingError


def problems_of(config: Path | None = None, flags: dict[str, object] | None = None, **environ: str) -> list[str]:
    with pytest.raises(SettingError) as caught:
        load(config, flags or {}, environ)
    lines = str(caught.value).split("\n  ")
    return lines if len(lines) == 1 else lines[1:]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / "relayproxy.toml"


def test_nothing_given_is_the_defaults() -> None:
    assert load(None, {}, {}) == Settings()


def test_flags_win_over_environment_over_file(config: Path) -> None:
    config.write_text('listen = "127.0.0.1:1"\nconsole = "127.0.0.1:2"\nbackend = "ws://file/"\n')
    environ = {"RELAYPROXY_LISTEN": "127.0.0.1:3", "RELAYPROXY_CONSOLE": "127.0.0.1:4"}

    settings = load(config, {"listen": "127.0.0.1:5", "console": None}, environ)

    assert (settings.listen, settings.console, settings.backend) == ("127.0.0.1:5", "127.0.0.1:4", "ws://file/")


def test_the_environment_can_name_the_file(config: Path) -> None:
    config.write_text("connect_timeout = 7\n")

    assert load(None, {}, {"RELAYPROXY_CONFIG": str(config)}).connect_timeout == 7


def test_routes_of_all_sources_are_laid_over_each_other(config: Path) -> None:
    config.write_text(
        '[routes.Sales]\nbackend = "ws://file/"\nhost_header = "preserve"\n[routes.care]\nbackend = "ws://care/"\n'
    )
    environ = {"RELAYPROXY_ROUTES__Sales__BACKEND": "ws://environment/", "RELAYPROXY_ROUTES__a__b__BACKEND": "ws://ab/"}

    routes = load(config, {"routes": {"care": {"backend": "ws://flag/"}}}, environ).routes

    assert {name: route.backend for name, route in routes.items()} == {
        "Sales": "ws://environment/",
        "care": "ws://flag/",
        "a__b": "ws://ab/",
    }
    assert routes["Sales"].host_header == "preserve"


def test_routes_can_be_one_json_variable() -> None:
    routes = load(None, {}, {"RELAYPROXY_ROUTES": '{"sales": {"backend": "ws://sales/"}}'}).routes

    assert routes["sales"].backend == "ws://sales/"


def test_an_empty_variable_is_not_set() -> None:
    assert load(None, {}, {"RELAYPROXY_BACKEND": "", "RELAYPROXY_CONFIG": ""}).backend is None


def test_variables_that_container_platforms_set_are_left_alone() -> None:
    environ = {"RELAYPROXY_PORT": "tcp://10.0.0.1:80", "RELAYPROXY_SERVICE_HOST": "10.0.0.1", "RELAYPROXY_IMAGE": "x"}

    assert load(None, {}, environ) == Settings()


def test_a_slip_in_a_variable_is_refused() -> None:
    assert problems_of(RELAYPROXY_LISTN="127.0.0.1:1") == [
        "listn=127.0.0.1:1 (RELAYPROXY_LISTN): no such setting; did you mean listen?"
    ]


def test_an_unknown_key_in_the_file_is_refused(config: Path) -> None:
    config.write_text('colour = "red"\n[routes.sales]\nbackend = "ws://a/"\nbackends = 3\n')

    assert problems_of(config) == [
        f"routes.sales.backends=3 ({config}): no such setting; did you mean backend?",
        f"colour=red ({config}): no such setting",
    ]


@pytest.mark.parametrize(
    ("setting", "value", "expected"),
    [
        ("backend", "http://agent/", "a ws:// or wss:// URL such as wss://agent.example.com/ws is expected"),
        ("backend", "ws://agent:0/", "a ws:// or wss:// URL such as wss://agent.example.com/ws is expected"),
        ("backend", "ws://agent:99999/", "a ws:// or wss:// URL is expected"),
        ("backend", "ws://agent/#part", "a URL without a fragment (#…) is expected"),
        (
            "backend",
            "ws://agent/a b",
            "a URL without spaces and non-ASCII characters is expected (percent-encode them)",
        ),
        (
            "backend",
            "ws://agent/\x7f",
            "a URL without spaces and non-ASCII characters is expected (percent-encode them)",
        ),
        ("listen", "8080", "HOST:PORT is expected, such as 127.0.0.1:8081 (port 0 picks a free one)"),
        ("listen", ":8080", "HOST:PORT is expected, such as 127.0.0.1:8081 (port 0 picks a free one)"),
        ("listen", "localhost:65536", "HOST:PORT is expected, such as 127.0.0.1:8081 (port 0 picks a free one)"),
        ("listen", "localhost:²", "HOST:PORT is expected, such as 127.0.0.1:8081 (port 0 picks a free one)"),
        ("console", "::1:8081", "an IPv6 host is expected in brackets, such as [::1]:8080"),
        ("data_dir", __file__, "a folder is expected, and this is a file"),
        ("tls_key", "/nowhere/key.pem", "a file is expected, and there is none"),
        ("connect_timeout", "soon", "a valid number is expected"),
        ("connect_timeout", "0", "a number greater than 0 is expected"),
        ("drain_timeout", "nan", "a finite number is expected"),
        ("slow_turn", "0", "a number greater than 0 is expected"),
        ("slow_turn", "inf", "a number less than or equal to 3600 is expected"),
        ("stall", "-1", "a number greater than 0 is expected"),
        ("stall", "1s", "a valid number is expected"),
        ("journal_quota", "5", "a number greater than or equal to 1048576 is expected"),
        ("message_limit", "1.5", "a valid integer is expected"),
        ("traceparent", "perhaps", "a valid boolean is expected"),
        ("host_header", "mine", "'auto', 'preserve' or 'backend' is expected"),
        (
            "database_url",
            "calls.db",
            "a URL of a SQLite file such as sqlite:////var/lib/relayproxy/relayproxy.db is expected; "
            "this version supports no other database",
        ),
        (
            "database_url",
            "postgresql://db/calls",
            "a URL of a SQLite file such as sqlite:////var/lib/relayproxy/relayproxy.db is expected; "
            "this version supports no other database",
        ),
        (
            "database_url",
            "sqlite:///:memory:",
            "a URL of a SQLite file such as sqlite:////var/lib/relayproxy/relayproxy.db is expected; "
            "this version supports no other database",
        ),
    ],
)
def test_a_wrong_value_is_named_with_what_is_expected(setting: str, value: str, expected: str) -> None:
    variable = f"RELAYPROXY_{setting.upper()}"

    assert problems_of(None, {}, **{variable: value}) == [f"{setting}={value} ({variable}): {expected}"]


def test_all_wrong_settings_are_listed_with_their_sources(config: Path) -> None:
    config.write_text('console = "here"\n')

    assert problems_of(
        config, {"listen": "there"}, RELAYPROXY_CONNECT_TIMEOUT="x", RELAYPROXY_ROUTES__x__BACKEND="y"
    ) == [
        "routes.x.backend=y (RELAYPROXY_ROUTES__x__BACKEND): "
        "a ws:// or wss:// URL such as wss://agent.example.com/ws is expected",
        "listen=there (--listen): HOST:PORT is expected, such as 127.0.0.1:8081 (port 0 picks a free one)",
        f"console=here ({config}): HOST:PORT is expected, such as 127.0.0.1:8081 (port 0 picks a free one)",
        "connect_timeout=x (RELAYPROXY_CONNECT_TIMEOUT): a valid number is expected",
    ]


def test_shapes_that_are_no_settings_are_refused(config: Path) -> None:
    config.write_text('listen = { port = 1 }\nconsole = ["a"]\n[routes]\nsales = "ws://a/"\n')

    assert problems_of(config) == [
        f'routes.sales=ws://a/ ({config}): a table such as [routes.sales] with backend = "wss://…" is expected',
        f"listen ({config}): HOST:PORT is expected, such as 127.0.0.1:8081 (port 0 picks a free one)",
        f"console ({config}): HOST:PORT is expected, such as 127.0.0.1:8081 (port 0 picks a free one)",
    ]


def test_a_bare_port_in_the_file_is_no_address(config: Path) -> None:
    config.write_text("listen = 8080\n")

    assert problems_of(config) == [
        f"listen=8080 ({config}): HOST:PORT is expected, such as 127.0.0.1:8081 (port 0 picks a free one)"
    ]


def test_the_quota_holds_two_segments_at_least() -> None:
    mebibyte = 1024 * 1024

    assert load(None, {"journal_quota": 2 * mebibyte, "journal_segment": mebibyte}, {})
    assert problems_of(None, {"journal_quota": 2 * mebibyte - 1, "journal_segment": mebibyte}) == [
        "journal_quota=2097151: at least 2 × journal_segment is expected, and journal_segment=1048576"
    ]


def test_a_route_needs_a_backend_and_a_plain_name(config: Path) -> None:
    config.write_text('[routes.sales]\nhost_header = "auto"\n[routes."a/b"]\nbackend = "ws://a/"\n')

    assert problems_of(config) == [
        "routes.sales.backend is not set: The route's backend.",
        f"routes.a/b ({config}): a route name of 1 to 64 letters, digits, '.', '_', '-' that begins with a letter or "
        "digit is expected",
    ]


def test_certificate_and_key_belong_together() -> None:
    assert problems_of(RELAYPROXY_TLS_CERT=__file__) == ["tls_cert and tls_key are expected together"]


def test_a_missing_file_and_one_that_is_no_toml_are_said_so(config: Path) -> None:
    assert problems_of(config) == [f"config={config}: a readable TOML file is expected (No such file or directory)"]

    config.write_text('listen = "a"\nconsole\n')
    (problem,) = problems_of(config)
    assert problem.startswith(f"config={config}: a TOML file is expected")
    assert "line 2, column 8" in problem

    config.write_bytes(b"listen = '\xff'\n")
    assert problems_of(config)[0].startswith(f"config={config}: a TOML file is expected")


@pytest.mark.parametrize(
    "value",
    [
        "ws://user:hunter2@agent/",
        "ws://agent/ws?token=hunter2#x",
        "http://agent/?hunter2",
    ],
)
def test_secrets_of_urls_are_not_repeated(value: str) -> None:
    (problem,) = problems_of(RELAYPROXY_BACKEND=value)

    assert "hunter2" not in problem


def test_masking_leaves_the_rest_readable() -> None:
    assert mask("postgresql://u:p/?@w@db/calls?sslmode=require&secret") == "postgresql://***@db/calls?sslmode=***&***"
    assert mask("wss://agent.example.com/ws") == "wss://agent.example.com/ws"


def test_the_database_password_is_not_in_the_settings_text() -> None:
    assert "hunter2" not in repr(Settings(database_url="sqlite:////calls.db?key=hunter2"))


def test_there_must_be_something_to_relay_to() -> None:
    require_backend(Settings(backend="ws://a/"))
    require_backend(load(None, {"routes": {"sales": {"backend": "ws://a/"}}}, {}))
    with pytest.raises(SettingError, match="backend is not set: the ws:// or wss:// URL"):
        require_backend(Settings())


def test_what_to_paste_into_studio() -> None:
    settings = load(None, {"backend": "ws://a/", "routes": {"sales": {"backend": "ws://b/"}}}, {})
    assert relay_urls(settings, "ws://127.0.0.1:8080") == {
        "default": "ws://127.0.0.1:8080/",
        "sales": "ws://127.0.0.1:8080/r/sales",
    }

    public = settings.model_copy(update={"backend": None, "public_url": "wss://relay.example.com/base"})
    assert relay_urls(public, "ws://127.0.0.1:8080") == {"sales": "wss://relay.example.com/base/r/sales"}


def test_a_route_may_have_its_own_idea_of_slow(config: Path) -> None:
    config.write_text(
        'slow_turn = 1.5\n[routes.a]\nbackend = "ws://a/"\nslow_turn = 4\n[routes.b]\nbackend = "ws://b/"\n'
    )
    settings = load(config, {}, {"RELAYPROXY_ROUTES__b__STALL": "0.25"})

    assert slow_turn_and_stall(settings, "a") == (4, 1)
    assert slow_turn_and_stall(settings, "b") == (1.5, 0.25)
    assert slow_turn_and_stall(settings, "default") == (1.5, 1)
    assert slow_turn_and_stall(settings, "gone") == (1.5, 1)


def test_a_wrong_time_of_a_route_is_named() -> None:
    environ = {"RELAYPROXY_ROUTES__a__BACKEND": "ws://a/", "RELAYPROXY_ROUTES__a__STALL": "0"}

    assert problems_of(None, {}, **environ) == [
        "routes.a.stall=0 (RELAYPROXY_ROUTES__a__STALL): a number greater than 0 is expected"
    ]


def test_the_defaults_are_those_of_the_findings() -> None:
    assert Thresholds.of_seconds(*slow_turn_and_stall(Settings(), "default")) == Thresholds()


def test_paths_and_urls_are_taken_as_people_write_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/somebody")
    settings = load(None, {"data_dir": "~/calls", "public_url": "wss://relay.example.com/"}, {})

    assert settings.data_dir == Path("/home/somebody/calls")
    assert settings.public_url == "wss://relay.example.com"
    assert settings.database == "sqlite:////home/somebody/calls/relayproxy.db"
    assert settings.embedded
    assert split_address("[::1]:8080") == ("::1", 8080)


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "backend": st.just("wss://agent.example.com/ws?a=b&c"),
            "listen": st.sampled_from(["[::1]:0", "0.0.0.0:8080"]),
            "traceparent": st.booleans(),
            "drain_timeout": st.floats(0, 1e9),
            "slow_turn": st.floats(0, 3600, exclude_min=True),
            "journal_quota": st.integers(32 * 1024 * 1024, 2**62),
            "data_dir": st.sampled_from(["calls", "/var/lib/some where"]),
            "host_header": st.sampled_from(["auto", "backend"]),
            "routes": st.dictionaries(
                st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", fullmatch=True),
                st.fixed_dictionaries(
                    {"backend": st.just("ws://a/b?c=d")},
                    optional={"host_header": st.sampled_from(["preserve"]), "stall": st.floats(0.001, 3600)},
                ),
                max_size=3,
            ),
        },
    )
)
def test_settings_survive_the_way_through_the_environment(values: dict[str, object]) -> None:
    settings = load(None, values, {})
    environment = as_environment(settings)

    assert {type(value) for value in environment.values()} <= {str}
    assert load(None, {}, environment) == settings
