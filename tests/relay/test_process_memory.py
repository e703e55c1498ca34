"""However many calls a relay has carried and however they ended, nothing of them stays."""

import json
import os
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.patience import PATIENCE
from tests.wire import ANSWER, REQUEST, listening

ROUNDS = int(os.environ.get("RELAYPROXY_TEST_CALLS", "600")) // 12
PROCESS = """
import collections, gc, json, signal, sys
from pathlib import Path
from relayproxy.settings.model import Settings
from relayproxy.relay import process

def look(*_):
    gc.set_debug(gc.DEBUG_SAVEALL)
    gc.collect()
    found = collections.Counter(type(one).__qualname__ for one in gc.garbage)
    gc.set_debug(0)
    gc.garbage.clear()
    alive = gc.get_objects()
    names = collections.Counter(type(one).__qualname__ for one in alive)
    splices = names["Splice"] + names["End"]
    requests = names["HeadProtocol"] + names["HttpRequestParser"] + names["Request"]
    handshakes = requests + names["AnswerProtocol"] + names["HttpResponseParser"]
    kib = int(open("/proc/self/statm").read().split()[1]) * 4
    told = {"garbage": found, "splices": splices, "handshakes": handshakes, "objects": len(alive), "kib": kib}
    print(json.dumps(told), flush=True)

gc.disable()
gc.set_threshold = lambda *_: None
signal.signal(signal.SIGUSR2, look)
listen = {"listen": "127.0.0.1:0", "routes": {"nobody": {"backend": sys.argv[3]}}}
process.run(Settings(data_dir=Path(sys.argv[1]), backend=sys.argv[2], **listen))
"""


class Watched:
    """A relay without garbage collection, and what it holds."""

    def __init__(self, process: subprocess.Popen[str], port: int, backend: socket.socket) -> None:
        self._process = process
        self._port = port
        self._backend = backend

    def connect(self, request: bytes = REQUEST) -> socket.socket:
        twilio = socket.create_connection(("127.0.0.1", self._port), PATIENCE)
        twilio.sendall(request)
        return twilio

    def accept(self, answer: bytes = ANSWER) -> socket.socket:
        backend = self._backend.accept()[0]
        backend.settimeout(PATIENCE)
        got = b""
        while not got.endswith(b"\r\n\r\n"):
            got += backend.recv(65536)
        backend.sendall(answer)
        return backend

    def call(self) -> tuple[socket.socket, socket.socket]:
        twilio = self.connect()
        backend = self.accept()
        twilio.recv(65536)
        twilio.sendall(b"to the backend")
        backend.recv(65536)
        backend.sendall(b"to twilio")
        twilio.recv(65536)
        return twilio, backend

    def look(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        self._process.send_signal(signal.SIGUSR2)
        found: dict[str, Any] = json.loads(self._process.stdout.readline())
        return found

    def rest(self, most: int | None = None) -> dict[str, Any]:
        """What it holds once no call is left, and no more than so many objects."""
        deadline = time.monotonic() + PATIENCE
        while True:
            found = self.look()
            assert found["garbage"] == {}
            if found["splices"] + found["handshakes"] == 0 and (most is None or found["objects"] <= most):
                return found
            assert time.monotonic() < deadline, found


def finish(*sockets: socket.socket) -> None:
    """Reads to the end of each stream, however it ends."""
    for one in sockets:
        with one:
            try:
                while one.recv(65536):
                    pass
            except ConnectionError:
                pass


def reset(one: socket.socket) -> None:
    one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    one.close()


def caller_hangs_up(relay: Watched) -> None:
    twilio, backend = relay.call()
    twilio.close()
    finish(backend)


def backend_hangs_up(relay: Watched) -> None:
    twilio, backend = relay.call()
    backend.close()
    finish(twilio)


def caller_resets(relay: Watched) -> None:
    twilio, backend = relay.call()
    reset(twilio)
    finish(backend)


def backend_resets(relay: Watched) -> None:
    twilio, backend = relay.call()
    reset(backend)
    finish(twilio)


def caller_half_closes(relay: Watched) -> None:
    twilio, backend = relay.call()
    twilio.shutdown(socket.SHUT_WR)
    assert backend.recv(1) == b""
    backend.sendall(b"last words")
    backend.close()
    finish(twilio)


def backend_leaves_behind_its_101(relay: Watched) -> None:
    twilio = relay.connect()
    relay.accept().close()
    finish(twilio)


def backend_refuses(relay: Watched) -> None:
    twilio = relay.connect()
    backend = relay.accept(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno")
    finish(twilio, backend)


def backend_hangs_up_instead_of_answering(relay: Watched) -> None:
    twilio = relay.connect()
    relay.accept(b"").close()
    finish(twilio)


def caller_is_gone_before_the_answer(relay: Watched) -> None:
    twilio = relay.connect()
    backend = relay.accept(b"")
    twilio.close()
    finish(backend)


def nobody_is_there(relay: Watched) -> None:
    finish(relay.connect(REQUEST.replace(b"/relay/fixture", b"/r/nobody")))


def no_websocket(relay: Watched) -> None:
    finish(relay.connect(REQUEST.replace(b"Upgrade", b"Nothing")))


def no_http(relay: Watched) -> None:
    finish(relay.connect(b"hello\r\n\r\n"))


ENDINGS = (
    caller_hangs_up,
    backend_hangs_up,
    caller_resets,
    backend_resets,
    caller_half_closes,
    backend_leaves_behind_its_101,
    backend_refuses,
    backend_hangs_up_instead_of_answering,
    caller_is_gone_before_the_answer,
    nobody_is_there,
    no_websocket,
    no_http,
)


@pytest.fixture(scope="module")
def relay(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    with listening() as (server, port):
        folder, backend, nobody = tmp_path_factory.mktemp("relay"), f"ws://127.0.0.1:{port}", "ws://127.0.0.1:9"
        process = subprocess.Popen(
            [sys.executable, "-c", PROCESS, str(folder), backend, nobody],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert process.stdout is not None
        try:
            yield Watched(process, int(process.stdout.readline().rpartition(":")[2]), server)
        finally:
            process.terminate()
            process.stdout.close()
            assert process.wait(PATIENCE) == 0


@pytest.mark.parametrize("ending", ENDINGS, ids=lambda ending: ending.__name__)
def test_nothing_is_left_of_a_call(ending: Callable[[Watched], None], relay: Watched) -> None:
    ending(relay)
    before = relay.rest()
    for _ in range(20):
        ending(relay)
    relay.rest(most=before["objects"] + 19)


def test_a_call_in_progress_holds_nothing_of_its_handshakes(relay: Watched) -> None:
    twilio, backend = relay.call()
    deadline = time.monotonic() + PATIENCE
    while (found := relay.look())["handshakes"]:
        assert time.monotonic() < deadline, found
    assert found["splices"] == 3
    twilio.close()
    finish(backend)
    relay.rest()


def test_memory_is_flat_over_many_calls(relay: Watched) -> None:
    looks = []
    for _ in range(2):
        for _ in range(ROUNDS):
            for ending in ENDINGS:
                ending(relay)
        looks.append(relay.rest())
    before, after = looks
    print(f"{2 * len(ENDINGS) * ROUNDS} calls: {before}, then {after}")
    # Caches still fill by some 50 objects, however many calls there are; a call that is kept holds dozens.
    assert after["objects"] - before["objects"] < 2 * ROUNDS
    # On a busy machine the journal's buffers reach their size late, once; a call that is kept holds 5 KiB.
    grown = after["kib"] - before["kib"]
    assert grown < 512 + len(ENDINGS) * ROUNDS / 16, f"{grown} KiB"
