"""The containers of the manifests as processes: with their arguments and variables, in a folder that stands for their
file systems, started and stopped in the order in which Kubernetes does it."""

import asyncio
import json
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from signal import SIGTERM
from types import TracebackType
from typing import Any, Self

import pytest
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve

from relayproxy.signature import sign
from tests.docker.files import Object, containers, environment_of, image_environment, manifest
from tests.forked import fork
from tests.patience import PATIENCE
from tests.peers.postgres import Server
from tests.relay.tls import Tls
from tests.system.stack import until

COMPONENT = "loadbalancer"
TOKEN = "secret"
SHA256 = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b"
AUTH_TOKEN = "0123456789abcdef"
FOLDERS = ("/data", "/etc/relayproxy", "/tmp")
PUBLIC_URL = "wss://relay.example.com"
SESSION = f"VX{1:032x}"
SETUP = json.dumps({"type": "setup", "sessionId": SESSION, "callSid": f"CA{1:032x}", "customParameters": {}})


class Pod:
    """A pod: what its containers share. `root` stands for their file systems."""

    def __init__(self, root: Path, backend: str) -> None:
        self.root = root
        for name in FOLDERS:
            self.path(name).mkdir(parents=True)
        for name, text in manifest(COMPONENT, "ConfigMap", "relayproxy")["data"].items():
            assert '"wss://agent.example.com"' in text
            text = text.replace("wss://agent.example.com", backend).replace('"report"', '"enforce"')
            text = text.replace('"file:/', f'"file:{root}/')
            (self.path("/etc/relayproxy") / name).write_text(text, "utf-8")

    def path(self, place: str) -> Path:
        return self.root / place.removeprefix("/")

    def value(self, value: str) -> str:
        """A variable's value, with the places of files in this pod."""
        return str(self.path(value)) if value.startswith("/") else value

    def mount_secret(self, volume: str, **files: bytes) -> None:
        """Lays the files of a Secret where the relay has that volume, as Kubernetes does: behind two links, so that all
        of them can be changed at once."""
        (place,) = (one["mountPath"] for one in containers(COMPONENT)["relay"]["volumeMounts"] if one["name"] == volume)
        folder = self.path(place)
        (folder / "..1").mkdir(parents=True)
        (folder / "..data").symlink_to("..1")
        for name, text in files.items():
            (folder / "..1" / name).write_bytes(text)
            (folder / name).symlink_to(f"..data/{name}")


class Container:
    """A container of a pod that has started: its process."""

    def __init__(self, pod: Pod, name: str, **filled_in: str) -> None:
        self.spec = containers(COMPONENT)[name]
        variables = image_environment() | environment_of(COMPONENT, self.spec)
        assert filled_in.keys() - variables.keys() <= {"RELAYPROXY_TOKENS__ci__SHA256", "RELAYPROXY_LISTEN"}
        given = {key: pod.value(value) for key, value in variables.items()} | filled_in
        with (pod.root / f"{name}.log").open("ab") as log:
            self._process = fork(self.spec["args"], given | {"TMPDIR": pod.value("/tmp")}, log.fileno())
        self.said = self._process.stdout.readline().strip()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._process.kill()
        self._process.wait(PATIENCE)
        self._process.stdout.close()

    @property
    def port(self) -> int:
        return int(self.said.rpartition(":")[2])

    def probe(self, kind: str) -> int | None:
        """The status that a probe of the container gets; None when nobody answers."""
        get: Object = self.spec[kind]["httpGet"]
        anybody = ssl.create_default_context()
        anybody.check_hostname = False
        anybody.verify_mode = ssl.CERT_NONE
        url = f"{get.get('scheme', 'HTTP').lower()}://127.0.0.1:{self.port}{get['path']}"
        try:
            with urllib.request.urlopen(url, timeout=PATIENCE, context=anybody) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as refused:
            return refused.code
        except OSError:
            return None

    def tell_to_stop(self) -> None:
        self._process.send_signal(SIGTERM)

    @property
    def ended(self) -> bool:
        return self._process.poll() is not None

    async def exit_code(self) -> int:
        return await asyncio.to_thread(self._process.wait, PATIENCE)


async def answering(connection: ServerConnection) -> None:
    """A backend that says each prompt back."""
    async for message in connection:
        asked = json.loads(message)
        if asked["type"] == "prompt":
            answer = {"type": "text", "token": f"You said {asked['voicePrompt']}", "last": True}
            await connection.send(json.dumps(answer))


def prompt(words: str) -> str:
    return json.dumps({"type": "prompt", "voicePrompt": words, "lang": "en-US", "last": True})


def certificate(tls: Tls) -> dict[str, bytes]:
    """The files of a Secret of the type kubernetes.io/tls."""
    return {"tls.crt": tls.cert.read_bytes(), "tls.key": tls.key.read_bytes()}


def call(relay: Container, tls: Tls) -> connect:
    signed = {"X-Twilio-Signature": sign(f"{PUBLIC_URL}/ws", AUTH_TOKEN)}
    return connect(f"wss://localhost:{relay.port}/ws", proxy=None, ssl=tls.client, additional_headers=signed)


def told(console: Container, path: str) -> Any:
    asked = urllib.request.Request(
        f"http://127.0.0.1:{console.port}{path}", headers={"Authorization": f"Bearer {TOKEN}"}
    )
    with urllib.request.urlopen(asked, timeout=PATIENCE) as answer:
        return json.loads(answer.read())


@pytest.fixture
def processes() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


async def test_a_call_that_outlives_sigterm_is_recorded_to_its_last_words(
    tmp_path: Path, postgres: Server, processes: ExitStack
) -> None:
    database = postgres.database()
    tls = Tls(tmp_path)
    async with serve(answering, "127.0.0.1", 0) as backend:
        url = f"ws://127.0.0.1:{backend.sockets[0].getsockname()[1]}"
        relay_0, elsewhere = Pod(tmp_path / "relay-0", url), Pod(tmp_path / "elsewhere", url)
        relay_0.mount_secret("tls", **certificate(tls))
        relay_0.mount_secret("tokens", TWILIO_AUTH_TOKEN=AUTH_TOKEN.encode())

        # Everything is made at once, and the relay needs none of the others: no table is there yet.
        recorder = processes.enter_context(Container(relay_0, "recorder", RELAYPROXY_DATABASE_URL=database))
        relay = processes.enter_context(
            Container(
                relay_0,
                "relay",
                RELAYPROXY_LISTEN="127.0.0.1:0",
                RELAYPROXY_DRAIN_DELAY="0",
            )
        )
        assert relay.probe("livenessProbe") == relay.probe("readinessProbe") == 200
        async with call(relay, tls) as caller:
            await caller.send(SETUP)
            await caller.send(prompt("hello"))
            assert json.loads(await caller.recv())["token"] == "You said hello"

            migrate = processes.enter_context(Container(elsewhere, "migrate", RELAYPROXY_DATABASE_URL=database))
            assert await migrate.exit_code() == 0
            console = processes.enter_context(
                Container(
                    elsewhere,
                    "console",
                    RELAYPROXY_CONSOLE="127.0.0.1:0",
                    RELAYPROXY_CONSOLE_KEY="0" * 32,
                    RELAYPROXY_DATABASE_URL=database,
                    RELAYPROXY_TOKENS__ci__SHA256=SHA256,
                )
            )
            assert console.probe("livenessProbe") == console.probe("readinessProbe") == 200
            await until(lambda: told(console, "/api/sessions")["items"])

            # The pod is told to stop: its containers are, and the sidecar is not before they have ended.
            relay.tell_to_stop()
            await until(lambda: relay.probe("readinessProbe") != 200)
            await caller.send(prompt("goodbye"))
            assert json.loads(await caller.recv())["token"] == "You said goodbye"
        assert await relay.exit_code() == 0
        assert not recorder.ended
        recorder.tell_to_stop()
        assert await recorder.exit_code() == 0

    (session,) = told(console, "/api/sessions")["items"]
    assert (session["session_id"], session["outcome"], session["signature"]) == (SESSION, "caller_hangup", "valid")
    turns = told(console, f"/api/sessions/{session['id']}/turns")["items"]
    assert [turn["agent_text"] for turn in turns if turn["caller_text"]] == ["You said hello", "You said goodbye"]
    console.tell_to_stop()
    assert await console.exit_code() == 0


def test_a_pod_whose_secrets_are_not_filled_in_says_what_is_missing(tmp_path: Path, processes: ExitStack) -> None:
    pod = Pod(tmp_path / "pod", "ws://127.0.0.1:9")
    pod.mount_secret("tls", **certificate(Tls(tmp_path)))
    pod.mount_secret("tokens", TWILIO_AUTH_TOKEN=b"")

    relay = processes.enter_context(Container(pod, "relay"))
    console = processes.enter_context(Container(pod, "console"))

    assert asyncio.run(relay.exit_code()) == asyncio.run(console.exit_code()) == 2
    assert "TWILIO_AUTH_TOKEN" in (pod.root / "relay.log").read_text()
    assert "without a sign-in" in (pod.root / "console.log").read_text()
