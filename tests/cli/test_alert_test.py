"""A test alert from the command line: what is sent, told and refused."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from relayproxy.cli.main import main


class Handler(BaseHTTPRequestHandler):
    got: list[bytes]
    status = 200

    def do_POST(self) -> None:
        self.got.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(self.status)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def hook() -> Iterator[tuple[str, type[Handler]]]:
    handler = type("Hook", (Handler,), {"got": []})
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", handler
        server.shutdown()
        thread.join()


def run(*arguments: str, **environ: str) -> Result:
    return CliRunner().invoke(
        main, ["alert-test", *arguments], env={f"RELAYPROXY_WEBHOOKS__{name}": value for name, value in environ.items()}
    )


def test_it_says_what_the_endpoint_answered(hook: tuple[str, type[Handler]]) -> None:
    place, handler = hook
    result = run(ops__URL=f"{place}/nightingale")

    assert (result.exit_code, result.output) == (0, f"webhook ops at {place}: answered 200\n")
    assert json.loads(handler.got[0])["event"] == "test"


def test_it_fails_when_that_is_no_good(hook: tuple[str, type[Handler]]) -> None:
    place, handler = hook
    handler.status = 401
    result = run("ops", ops__URL=f"{place}/nightingale", chat__URL="http://127.0.0.1:1/nightingale")

    assert (result.exit_code, result.output) == (1, f"webhook ops at {place}: answered 401\n")


@pytest.mark.parametrize(
    ("arguments", "environ", "expected"),
    [
        ([], {}, "webhooks: none is set"),
        ([], {"a__URL": "http://a.example.com", "b__URL": "http://b.example.com"}, "NAME is expected, one of a, b"),
        (["c"], {"a__URL": "http://a.example.com"}, "there is no [webhooks.c]; there are a"),
        (
            [],
            {"a__URL": "env:NIGHTINGALE"},
            "webhooks.a.url=env:NIGHTINGALE: the environment variable NIGHTINGALE is expected",
        ),
    ],
)
def test_what_cannot_be_sent_is_told(arguments: list[str], environ: dict[str, str], expected: str) -> None:
    result = run(*arguments, **environ)

    assert result.exit_code == 2
    assert expected in result.output


def test_settings_come_from_a_file_as_well(hook: tuple[str, type[Handler]], tmp_path: Path) -> None:
    place, handler = hook
    file = tmp_path / "relayproxy.toml"
    file.write_text(f'[webhooks.ops]\nurl = "{place}"\n')

    assert run("--config", str(file)).exit_code == 0
    assert len(handler.got) == 1
