"""The command line: what people type, and what they are told."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from relayproxy import __version__
from relayproxy.cli.main import main
from tests import forked
from tests.patience import PATIENCE
from tests.store.old import leave_old


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def run(*arguments: str, **environ: str) -> Result:
    return CliRunner(env=environ).invoke(main, arguments, prog_name="relayproxy")


def test_the_module_is_the_command() -> None:
    command = [sys.executable, "-m", "relayproxy", "--version"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)

    assert (done.returncode, done.stdout) == (0, f"relayproxy {__version__}\n")


def test_help_lists_the_commands_in_the_order_in_which_one_meets_them() -> None:
    help_text = run("--help").output

    assert help_text.index("serve") < help_text.index("demo-agent") < help_text.index("migrate")
    assert "--supervised" not in run("relay", "--help").output


@pytest.mark.parametrize("command", ["serve", "relay"])
def test_without_a_backend_there_is_nothing_to_start(command: str) -> None:
    result = run(command)

    assert result.exit_code == 2
    assert result.stderr.startswith("relayproxy: error: backend is not set: the ws:// or wss:// URL")


def test_a_wrong_flag_is_one_clear_line() -> None:
    result = run("serve", "--backend", "agent.example.com")

    assert result.exit_code == 2
    assert result.stderr == (
        "relayproxy: error: backend=agent.example.com (--backend): "
        "a ws:// or wss:// URL such as wss://agent.example.com/ws is expected\n"
    )


@pytest.mark.parametrize("command", [["serve", "--backend", "ws://a/"], ["demo"], ["recorder"]])
@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        (
            "OTEL_EXPORTER_OTLP_ENDPOINT",
            "collector:4317",
            "OTEL_EXPORTER_OTLP_ENDPOINT=collector:4317: a URL that begins",
        ),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json", "OTEL_EXPORTER_OTLP_PROTOCOL=http/json: http/protobuf or grpc is"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "canary", "OTEL_EXPORTER_OTLP_HEADERS=***: headers as name=value"),
        ("RELAYPROXY_OTEL__ENDPOINT", "collector", "otel.endpoint=collector (RELAYPROXY_OTEL__ENDPOINT): a URL that"),
    ],
)
def test_a_way_for_spans_that_cannot_be_used_stops_the_start(
    command: list[str], variable: str, value: str, said: str
) -> None:
    result = run(*command, **{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://collector:4318", variable: value})

    assert result.exit_code == 2
    assert result.stderr.startswith(f"relayproxy: error: {said}")
    assert "canary" not in result.stderr


def test_several_wrong_settings_are_all_listed(tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text('console = "here"\n')

    result = run("serve", "--config", "c.toml", "--listen", "there", RELAYPROXY_CONNECT_TIMEOUT="x")

    assert [line.partition("=")[0] for line in result.stderr.splitlines()] == [
        "relayproxy: error: these settings are wrong:",
        "  listen",
        "  console",
        "  connect_timeout",
    ]


def test_a_route_flag_is_a_name_and_a_url() -> None:
    assert "routes=wss://u (--route): NAME=URL is expected" in run("serve", "--route", "wss://u").stderr
    assert "routes.sales.backend=x (--route): a ws://" in run("serve", "--route", "sales=x").stderr


def test_a_taken_port_is_said_without_a_traceback() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        for command in (
            ["relay", "--backend", "ws://a/", "--listen"],
            ["console", "--console"],
            ["demo-agent", "--listen"],
        ):
            done = forked.run(*command, address)

            assert done.returncode == 2
            assert done.stderr.startswith("relayproxy: error: ")
            assert f"={address}: another program listens there; choose another: --" in done.stderr
            assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("command", [["console"], ["serve", "--backend", "ws://a/"], ["demo"]])
def test_the_console_is_not_shown_to_other_machines_without_a_sign_in(command: list[str]) -> None:
    result = run(*command, "--console", "0.0.0.0:0")

    assert result.exit_code == 2
    assert result.stderr.startswith("relayproxy: error: console=0.0.0.0:0: without a sign-in")
    assert "relayproxy password" in result.stderr


def test_migrate_makes_the_database_and_says_which(tmp_path: Path) -> None:
    for _ in range(2):
        result = run("migrate", "--data-dir", "calls")

        assert (result.exit_code, result.output) == (0, f"sqlite:///{tmp_path}/calls/relayproxy.db is up to date\n")
    assert (tmp_path / "calls/relayproxy.db").exists()


def test_migrate_says_when_calls_are_to_be_derived_anew(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/relayproxy.db"
    leave_old(url)

    first, second = (run("migrate", "--data-dir", str(tmp_path)).output for _ in range(2))

    assert "run `relayproxy rebuild` once" in first.splitlines()[-1]
    assert second == f"{url} is up to date\n"


def test_migrate_by_hand_leaves_a_damaged_database_where_it_is(tmp_path: Path) -> None:
    (tmp_path / "relayproxy.db").write_text("this is no database" * 100)

    result = run("migrate", "--data-dir", str(tmp_path))

    assert result.exit_code == 2
    assert result.stderr == (
        f"relayproxy: error: The database {tmp_path}/relayproxy.db is damaged (file is not a database). "
        "Move it away (with its -wal and -shm) and a new one is made, or bring back a copy\n"
    )
    assert not list(tmp_path.glob("*.corrupt-*"))


@pytest.mark.parametrize("module", ["relayproxy.cli.main", "click", "relayproxy.supervisor.processes"])
def test_ctrl_c_while_still_importing_is_quiet(module: str) -> None:
    code = f"""
import os, runpy, signal, sys
class Interrupted:
    def find_spec(self, name, *_):
        if name == {module!r}:
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Interrupted())
sys.argv = ["relayproxy", "serve", "--backend", "ws://127.0.0.1:9/"]
runpy.run_module("relayproxy", run_name="__main__")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=PATIENCE, check=False)

    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


def test_where_nobody_can_listen_is_a_usage_error() -> None:
    assert "HOST:PORT is expected" in run("demo-agent", "--listen", "9000").stderr


@pytest.mark.parametrize(
    ("process", "unused"),
    [
        ("relay", {"sqlalchemy", "alembic", "opentelemetry", "jinja2"}),
        ("recorder", {"aiohttp", "alembic", "opentelemetry", "jinja2"}),
        ("console", {"alembic", "opentelemetry"}),
    ],
)
def test_a_process_starts_without_what_it_may_never_use(process: str, unused: set[str]) -> None:
    code = f"import sys, relayproxy.{process}.process; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=PATIENCE, check=True
    ).stdout
    assert unused.isdisjoint(loaded.split())
