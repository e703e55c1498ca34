"""Settings from a file, the environment and flags: how they are read, and what is said of where a wrong one stands."""

from pathlib import Path

import pytest

from relayproxy.settings.loading import load
from relayproxy.settings.model import Settings
from relayproxy.settings.sources import Layer, mask, merge, origin, read_environment
from tests.settings.problems import problems_of


def test_flags_win_over_environment_over_file(config: Path) -> None:
    config.write_text('listen = "127.0.0.1:1"\nconsole = "127.0.0.1:2"\nbackend = "ws://file/"\n')
    environ = {"RELAYPROXY_LISTEN": "127.0.0.1:3", "RELAYPROXY_CONSOLE": "127.0.0.1:4"}

    settings = load(config, {"listen": "127.0.0.1:5", "console": None}, environ)

    assert (settings.listen, settings.console, settings.backend) == ("127.0.0.1:5", "127.0.0.1:4", "ws://file/")


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


@pytest.mark.parametrize(
    "service",
    [
        "RELAYPROXY",
        "RELAYPROXY_RELAY",
        "RELAYPROXY_DATABASE",
        *(f"RELAYPROXY_{setting.upper()}" for setting in Settings.model_fields),
    ],
)
def test_a_kubernetes_service_of_the_products_name_does_not_stop_the_start(service: str) -> None:
    environ = {
        f"{service}_SERVICE_HOST": "10.0.0.1",
        f"{service}_SERVICE_PORT": "5432",
        f"{service}_SERVICE_PORT_SQL": "5432",
        f"{service}_SERVICE_PORT_HTTP_METRICS": "5432",
        f"{service}_PORT": "tcp://10.0.0.1:5432",
        f"{service}_PORT_5432_TCP": "tcp://10.0.0.1:5432",
        f"{service}_PORT_5432_TCP_PROTO": "tcp",
        f"{service}_PORT_5432_TCP_PORT": "5432",
        f"{service}_PORT_5432_TCP_ADDR": "10.0.0.1",
        f"{service}_PORT_443_UDP": "udp://[fd00::1]:443",
        f"{service}_PORT_443_UDP_ADDR": "fd00::1",
        "RELAYPROXY_IMAGE": "x",
    }

    assert load(None, {}, environ) == Settings()


def test_a_route_whose_name_ends_as_a_services_variables_do_is_a_route() -> None:
    routes = load(None, {}, {"RELAYPROXY_ROUTES__TEXT_SERVICE_PORT__BACKEND": "ws://text/"}).routes

    assert routes["TEXT_SERVICE_PORT"].backend == "ws://text/"


@pytest.mark.parametrize("name", ["RELAYPROXY_TRACE_URI", "RELAYPROXY_LISTEN_", "RELAYPROXY_CONSOLE_ULR"])
def test_a_slip_is_refused_among_the_variables_of_services(name: str) -> None:
    environ = {"RELAYPROXY_PORT": "tcp://10.0.0.1:8080", "RELAYPROXY_SERVICE_HOST": "10.0.0.1", name: "x"}

    assert "no such setting" in problems_of(None, None, **environ)[0]


def test_a_slip_in_a_variable_is_refused() -> None:
    assert problems_of(RELAYPROXY_LISTN="127.0.0.1:1") == [
        "listn=127.0.0.1:1 (RELAYPROXY_LISTN): no such setting; did you mean listen?"
    ]


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


def test_a_missing_file_and_one_that_is_no_toml_are_said_so(config: Path) -> None:
    assert problems_of(config) == [f"config={config}: a readable TOML file is expected (No such file or directory)"]

    config.write_text('listen = "a"\nconsole\n')
    (problem,) = problems_of(config)
    assert problem.startswith(f"config={config}: a TOML file is expected")
    assert "line 2, column 8" in problem

    for wrong in (b"listen = '\xff'\n", b"listen = " + b"[" * 60_000):
        config.write_bytes(wrong)
        assert problems_of(config)[0].startswith(f"config={config}: a TOML file is expected")


def test_masking_leaves_the_rest_readable() -> None:
    assert mask("postgresql://u:p/?@w@db/calls?sslmode=require&secret") == "postgresql://***@db/calls?sslmode=***&***"
    assert mask("wss://agent.example.com/ws") == "wss://agent.example.com/ws"


def test_a_variable_is_a_setting_only_when_its_name_is_close_to_one() -> None:
    environ = {"RELAYPROXY_LISTEN": "a", "RELAYPROXY_LISTN": "b", "RELAYPROXY_IMAGE": "c", "LISTEN": "d"}

    assert read_environment(environ, {"listen", "backend"}) == {"listen": "a", "listn": "b"}


def test_the_name_of_a_row_is_kept_as_written_and_its_settings_are_in_lower_case() -> None:
    environ = {"RELAYPROXY_ROUTES__A__b__HOST_HEADER": "auto", "RELAYPROXY_USERS__alice": "hunter2"}

    assert read_environment(environ, ()) == {"routes": {"A__b": {"host_header": "auto"}}, "users": {"alice": "hunter2"}}


def test_a_table_in_one_variable_that_is_no_json_is_left_for_the_check() -> None:
    for text in ('{"sales"', '{"sales":' + "[" * 60_000):
        assert read_environment({"RELAYPROXY_ROUTES": text}, {"routes"}) == {"routes": text}


def test_laying_over_keeps_what_only_one_has_and_changes_neither() -> None:
    under, over = {"a": {"x": 1, "y": 2}, "b": 3}, {"a": {"y": 4}, "b": {"z": 5}}

    assert merge(under, over) == {"a": {"x": 1, "y": 4}, "b": {"z": 5}}
    assert (under, over) == ({"a": {"x": 1, "y": 2}, "b": 3}, {"a": {"y": 4}, "b": {"z": 5}})


@pytest.mark.parametrize(
    ("path", "place"),
    [
        (["listen"], " (--listen)"),
        (["tls_cert"], " (RELAYPROXY_TLS_CERT)"),
        (["routes", "sales", "backend"], " (--route)"),
        (["routes", "sales", "host_header"], " (RELAYPROXY_ROUTES__sales__HOST_HEADER)"),
        (["routes", "care"], " (c.toml)"),
        (["backend"], ""),
        (["listen", "port"], ""),
    ],
)
def test_a_value_comes_from_the_last_source_that_has_it(path: list[str], place: str) -> None:
    layers = [
        Layer("c.toml", {"listen": "a", "routes": {"care": {"backend": "b"}}}),
        Layer("environment", {"listen": "c", "tls_cert": "d", "routes": {"sales": {"host_header": "auto"}}}),
        Layer("flag", {"listen": "e", "routes": {"sales": {"backend": "f"}}}),
    ]

    assert origin(path, layers) == place
