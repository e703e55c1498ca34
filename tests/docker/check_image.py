"""The image itself, built by the Dockerfile and run as the Compose files run it: `make image-check`.

It takes minutes, an engine (podman as an ordinary user will do) and the network, so it is no part of `make test`.
"""

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.docker.engine import Container, Engine
from tests.peers.postgres import server

DEADLINE = 60.0
SIGN_IN = {"RELAYPROXY_TOKENS__ci__SHA256": "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b"}
"""The token is `secret`."""
SESSIONS = """
import urllib.request
asked = urllib.request.Request("http://127.0.0.1:8081/api/sessions", headers={"Authorization": "Bearer secret"})
print(urllib.request.urlopen(asked).read().decode())
"""
PROCESSES = """
import pathlib
for one in pathlib.Path("/proc").glob("[0-9]*"):
    state = one.joinpath("stat").read_text().rpartition(")")[2].split()[0]
    print(one.name, state, one.joinpath("cmdline").read_text().translate({0: " ", 10: " "}))
"""
STATUS = "print(open('/proc/1/status').read().strip())"
WRITABLE = """
import os
own = os.getuid()
for folder, folders, files in os.walk("/"):
    if folder == "/":
        folders[:] = set(folders) - {"proc", "sys", "dev", "run", "tmp", "data"}
    for name in (folder, *(os.path.join(folder, one) for one in files)):
        found = os.lstat(name)
        if found.st_uid == own or found.st_mode & 0o1002 == 0o002 and not os.path.islink(name):
            print(name)
try:
    open("/opt/relayproxy/x", "w")
except OSError as problem:
    print(problem.strerror)
"""
"""What the user could change if the root file system were not read-only; then what it is told when it tries."""


def until(true: Callable[[], Any]) -> Any:
    """What it gives once that is true."""
    deadline = time.monotonic() + DEADLINE
    while not (found := true()):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    return found


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    found = Engine()
    yield found
    found.close()


@pytest.fixture(scope="module")
def image(engine: Engine) -> dict[str, Any]:
    built = engine.build()
    print(f"the image has {built['Size'] / 1e6:.0f} MB")
    return built


@pytest.fixture(scope="module")
def healthcheck(image: dict[str, Any]) -> list[str]:
    kind, *command = image["Healthcheck"]["Test"]
    assert kind == "CMD"
    return list(command)


@pytest.fixture
def agent(engine: Engine, image: dict[str, Any]) -> Container:
    """A backend; whatever is started beside it shares its loopback."""
    return engine.start("demo-agent", "--listen", "127.0.0.1:9000")


def serve(engine: Engine, agent: Container, volume: str, **environment: str) -> Container:
    given = {
        "RELAYPROXY_BACKEND": "ws://127.0.0.1:9000",
        "RELAYPROXY_CONSOLE": "0.0.0.0:8081",
        **SIGN_IN,
        **environment,
    }
    return engine.start("serve", volume=volume, beside=agent, environment=given)


def outcomes(container: Container) -> list[str]:
    return [one["outcome"] for one in json.loads(container.python(SESSIONS))["items"]]


def call(container: Container, scenario: str, speed: int = 20) -> tuple[str, ...]:
    return ("relayproxy", "simulate", "ws://127.0.0.1:8080/", scenario, "--speed", str(speed))


def test_the_image_says_what_it_is_and_how_to_run_it(image: dict[str, Any]) -> None:
    assert image["User"] == "10001:10001"
    assert image["StopSignal"] == "SIGTERM"
    assert list(image["Volumes"]) == ["/data"]
    assert list(image["ExposedPorts"]) == ["8080/tcp"]
    assert image["Labels"]["org.opencontainers.image.licenses"] == "Apache-2.0"
    assert image["Size"] < 300e6


def test_a_call_is_carried_and_recorded_by_a_user_that_can_write_its_data_alone(
    engine: Engine, agent: Container, healthcheck: list[str]
) -> None:
    volume = engine.volume()
    service = serve(engine, agent, volume)
    until(lambda: service.healthy(healthcheck))

    first, *_ = processes = service.python(PROCESSES).splitlines()
    assert first.startswith("1 S tini -- relayproxy serve")
    assert sum("-m relayproxy" in one for one in processes) == 3
    status = dict(line.split(":\t", 1) for line in service.python(STATUS).splitlines())
    assert status["Uid"].split() == ["10001"] * 4
    assert int(status["CapEff"], 16) == int(status["CapBnd"], 16) == 0
    assert status["NoNewPrivs"].strip() == "1"
    assert service.python(WRITABLE) == "Read-only file system\n"

    service.exec(*call(service, "keypad"))
    assert until(lambda: outcomes(service)) == ["caller_hangup"]

    # A relay that hangs; then one that is killed, which is started again.
    relay = next(line.split()[0] for line in processes if "-m relayproxy relay" in line)
    service.python(f"import os; os.kill({relay}, 19)")
    assert not service.healthy(healthcheck)
    service.python(f"import os; os.kill({relay}, 9)")
    until(lambda: service.healthy(healthcheck))

    # What loses its parent ends in tini's hands.
    service.python(
        "import os, time\nif os.fork() == 0:\n  if os.fork() == 0: time.sleep(0.5)\n  os._exit(0)\nos.wait()"
    )
    until(lambda: "os.fork" not in service.python(PROCESSES))
    assert not [line for line in service.python(PROCESSES).splitlines() if line.split()[1] == "Z"]

    # A live call outlives SIGTERM, and is stored.
    with agent.begin(*call(agent, "book-a-table", 2)) as live:
        until(lambda: len(outcomes(service)) == 2)
        service.signal("TERM")
        until(lambda: not service.healthy(healthcheck))
        told, _ = live.communicate()
    assert live.returncode == 0, told
    assert service.wait() == 0
    assert "draining: 1 call may end" in service.logs()

    # The next one finds it, and may have its journal in memory.
    again = serve(engine, agent, volume, RELAYPROXY_JOURNAL_DIR="/tmp/journal")
    until(lambda: again.healthy(healthcheck))
    assert sorted(outcomes(again)) == ["caller_hangup", "ended_by_backend"]
    assert again.python("import os; print(len(os.listdir('/tmp/journal')))") != "0\n"
    again.signal("TERM")
    assert again.wait() == 0


def test_relay_recorder_and_console_work_as_containers_of_their_own(
    engine: Engine, agent: Container, healthcheck: list[str]
) -> None:
    journal = engine.volume()
    with server() as postgresql:
        postgresql.folder.chmod(0o755)
        url = postgresql.database().replace(str(postgresql.folder), "/run/postgresql")
        database = {"RELAYPROXY_DATABASE_URL": url}
        socket = [f"{postgresql.folder}:/run/postgresql"]

        # The order of a bad day: calls come before there is a database.
        relay = engine.start(
            "relay", volume=journal, beside=agent, environment={"RELAYPROXY_BACKEND": "ws://127.0.0.1:9000"}
        )
        until(lambda: relay.healthy(healthcheck))
        agent.exec(*call(agent, "keypad"))
        migrate = engine.start("migrate", environment=database, volumes=socket)
        assert migrate.wait() == 0, migrate.logs()
        recorder = engine.start("recorder", volume=journal, environment=database, volumes=socket)
        console = engine.start(
            "console",
            beside=agent,
            volume=engine.volume(),
            environment={"RELAYPROXY_CONSOLE": "0.0.0.0:8081", **SIGN_IN, **database},
            volumes=socket,
        )
        until(lambda: console.healthy([*healthcheck, "console"]))
        assert until(lambda: outcomes(console)) == ["caller_hangup"]

        for one in (relay, recorder, console):
            one.signal("TERM")
            assert one.wait() == 0, one.logs()


def test_a_container_without_its_settings_says_what_is_missing(engine: Engine, image: dict[str, Any]) -> None:
    alone = engine.start()

    assert alone.wait() == 2
    assert "backend is not set" in alone.logs()


def test_what_is_needed_to_build_is_not_in_the_image(agent: Container) -> None:
    gone = "import shutil; print([one for one in ('pip', 'gcc', 'curl', 'git', 'apt-key') if shutil.which(one)])"
    assert agent.python(gone) == "[]\n"
