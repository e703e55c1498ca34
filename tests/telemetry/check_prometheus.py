"""A real Prometheus on a running system, with the configuration and the alert rules of `docker/prometheus/`.

Part of `make metrics-check`. Prometheus and promtool: Debian's `prometheus`, and packages of that name elsewhere.
"""

import asyncio
import hashlib
import json
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from signal import SIGKILL
from typing import Any

from tests.docker.files import DOCKER
from tests.docker.test_metrics import expressions
from tests.patience import PATIENCE
from tests.peers import programs
from tests.running import running
from tests.system.phone import Agent, Phone, answering
from tests.system.stack import stack, until
from tests.telemetry.collector import free_port

HERE = Path(__file__).parent
FOLDER = DOCKER / "prometheus"


class Prometheus:
    """One that runs."""

    def __init__(self, url: str) -> None:
        self.url = url

    def get(self, path: str, **query: str) -> Any:
        """The data of an answer of its API."""
        with urllib.request.urlopen(
            f"{self.url}/api/v1/{path}?{urllib.parse.urlencode(query)}", timeout=PATIENCE
        ) as answer:
            return json.loads(answer.read())["data"]

    def values(self, expression: str) -> dict[tuple[str, ...], float]:
        """The result of an expression, by the values of its labels but for what scraping adds."""
        found = {}
        for series in self.get("query", query=expression)["result"]:
            labels = {name: value for name, value in series["metric"].items() if name not in ("job", "instance")}
            found[tuple(value for name, value in sorted(labels.items()) if name != "recorder")] = float(
                series["value"][1]
            )
        return found

    def firing(self) -> set[str]:
        return {one["labels"]["alertname"] for one in self.get("alerts")["alerts"] if one["state"] == "firing"}


def promtool(*arguments: str, given: str | None = None) -> str:
    """What promtool says; it must be content."""
    done = subprocess.run(["promtool", *arguments], input=given, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def configuration(name: str, console: str, folder: Path) -> str:
    """One of the configurations in `docker/prometheus/`, but for the console's address, the place of the token and the
    intervals."""
    text = (FOLDER / name).read_text("utf-8")
    for there in ("127.0.0.1:8081", "console:8081"):
        text = text.replace(there, console.removeprefix("http://"))
    return text.replace("/etc/prometheus/", f"{folder}/").replace("15s", "1s")


@contextmanager
def prometheus(console: str, folder: Path, name: str = "prometheus.yml") -> Iterator[Prometheus]:
    """One with such a configuration."""
    (folder / "prometheus.yml").write_text(configuration(name, console, folder), "utf-8")
    rules = (FOLDER / "relayproxy.rules.yml").read_text("utf-8")
    (folder / "relayproxy.rules.yml").write_text(rules.replace("for: 1m", "for: 1s"), "utf-8")
    found = programs.prometheus()
    assert found is not None, "make metrics-check installs it"
    port = free_port()
    process = subprocess.Popen(
        [
            str(found),
            f"--config.file={folder}/prometheus.yml",
            f"--storage.tsdb.path={folder}/tsdb",
            f"--web.listen-address=127.0.0.1:{port}",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield Prometheus(f"http://127.0.0.1:{port}")
    finally:
        process.terminate()
        process.wait(30)


def test_promtool_accepts_the_rules_and_the_configuration() -> None:
    assert "SUCCESS" in promtool("check", "rules", str(FOLDER / "relayproxy.rules.yml"))
    assert "SUCCESS" in promtool("check", "config", str(FOLDER / "prometheus.yml"))


async def test_the_configuration_of_compose_brings_its_token(tmp_path: Path) -> None:
    token = {"prometheus": {"sha256": hashlib.sha256(b"secret").hexdigest()}}
    with running("console", data_dir=tmp_path / "data", console="127.0.0.1:0", tokens=token) as console:
        (tmp_path / "relayproxy.token").write_text("secret\n")
        with prometheus(console.url, tmp_path, "prometheus.compose.yml") as server:
            assert "SUCCESS" in promtool("check", "config", str(tmp_path / "prometheus.yml"))
            await until(lambda: server.values("relayproxy_build_info"), PATIENCE)
        (tmp_path / "relayproxy.token").write_text("another\n")
        with prometheus(console.url, tmp_path, "prometheus.compose.yml") as server:
            await until(lambda: 0.0 in server.values("up").values(), PATIENCE)


def test_alerts_fire_when_they_should_and_not_when_they_should_not(tmp_path: Path) -> None:
    (tmp_path / "relayproxy.rules.yml").write_text((FOLDER / "relayproxy.rules.yml").read_text("utf-8"), "utf-8")
    cases = (HERE / "relayproxy.rules.test.yml").read_text("utf-8")
    (tmp_path / "cases.yml").write_text(cases, "utf-8")
    assert "SUCCESS" in promtool("test", "rules", str(tmp_path / "cases.yml"))


async def test_a_running_system_is_scraped_and_its_death_is_noticed(tmp_path: Path) -> None:
    with answering(Agent()) as backend, stack(tmp_path / "data", backend, verify="off") as system:
        folder = tmp_path / "prometheus"
        folder.mkdir()
        with prometheus(system.console.url, folder) as server:

            def is_now(expression: str, value: float) -> Any:
                return value in server.values(expression).values()

            await until(lambda: is_now("relayproxy_recorder_up", 1), PATIENCE)
            for number in range(3):
                phone = Phone(system.url())
                await asyncio.to_thread(phone.says, f"call {number}")
                await until(lambda: is_now("sum(relayproxy_live_connections)", 1), PATIENCE)
                phone.hangs_up()
            await until(lambda: is_now("sum(relayproxy_sessions_total)", 3), PATIENCE)
            assert is_now("sum(relayproxy_turn_response_latency_seconds_count)", 3)
            assert is_now("sum(increase(relayproxy_sessions_total[5m])) > bool 2", 1), "the first one counts, too"
            for expression in expressions().values():
                server.values(expression)
            assert "relayproxy.rules.yml" in server.get("rules")["groups"][0]["file"]
            assert {target["health"] for target in server.get("targets")["activeTargets"]} == {"up"}
            assert promtool("check", "metrics", given=system.get("/metrics")) == ""
            system.recorder.stop(SIGKILL)
            await until(lambda: is_now("relayproxy_recorder_up", 0), PATIENCE)
            await until(lambda: not server.values("relayproxy_recorder_lag_seconds"), PATIENCE)
            assert not server.values("relayproxy_sessions_total"), "nothing is told as of now"
            await until(lambda: "RelayproxyRecorderDown" in server.firing(), PATIENCE)
