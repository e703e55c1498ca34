"""A running system for faults: raw sockets as Twilio and as backend, relay, recorder and console as real processes.

Knows: how a call is made by hand, how its record is found, and what operators see.
Must not know: any one fault.
"""

import datetime
import html
import itertools
import json
import re
import socket
import sqlite3
import ssl
import struct
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg
import trustme

from tests import wire
from tests.databases import migrated
from tests.patience import PATIENCE, pauses
from tests.running import Running, running
from tests.wire import ANSWER, REQUEST

CONNECT_TIMEOUT = 0.5
TEXT, BINARY, CLOSE, PING, PONG, MORE = 1, 2, 8, 9, 10, 0


_numbers = itertools.count(1)


def text(payload: str | bytes) -> bytes:
    """A text frame as Twilio sends it."""
    return wire.frame(TEXT, payload.encode() if isinstance(payload, str) else payload, mask=True)


def long_text(payload: bytes, *, rsv: int = 0) -> bytes:
    """The same of a payload of 64 KiB or more, masked with a key of zeros, which costs no time."""
    return bytes([0x80 | rsv << 4 | TEXT, 0xFF]) + len(payload).to_bytes(8, "big") + bytes(4) + payload


def answer(payload: str | bytes) -> bytes:
    """A text frame as a backend sends it."""
    return wire.frame(TEXT, payload.encode() if isinstance(payload, str) else payload)


def close(code: int, reason: bytes = b"", *, mask: bool = False) -> bytes:
    """A close frame."""
    return wire.frame(CLOSE, code.to_bytes(2, "big") + reason, mask=mask)


def new_id() -> str:
    """A session id that no other call has."""
    return f"VX{next(_numbers):032x}"


def setup(session: str | None = None, **more: Any) -> str:
    """A setup message, of a session of its own unless one is given."""
    session = session or new_id()
    known = {"type": "setup", "sessionId": session, "callSid": f"CA{session[2:]}", "customParameters": {}}
    return json.dumps({**known, **more})


def prompt(words: str) -> str:
    """A final prompt."""
    return json.dumps({"type": "prompt", "voicePrompt": words, "lang": "en-US", "last": True})


def token(words: str, *, last: bool = True) -> str:
    """A text token."""
    return json.dumps({"type": "text", "token": words, "last": last})


def until(found: Callable[[], Any], patience: float = PATIENCE) -> Any:
    """What `found` gives, once it gives something; other processes are at work on it."""
    for pause in pauses(patience):
        with suppress(urllib.error.URLError, sqlite3.OperationalError):
            if something := found():
                return something
        time.sleep(pause)
    raise AssertionError("it never came to pass")


def peer_of(twilio: socket.socket) -> str:
    """How the record names this end."""
    return "{}:{}".format(*twilio.getsockname()[:2])


def reset(end: socket.socket) -> None:
    """Closes with RST."""
    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    end.close()


class Call:
    """One call in bytes. `twilio` and `backend` are the two ends; `peer` is how the record names the first."""

    def __init__(self, twilio: socket.socket, backend: socket.socket) -> None:
        self.twilio = twilio
        self.backend = backend
        self.peer = peer_of(twilio)

    def says(self, data: bytes) -> None:
        """Twilio sends; the backend gets exactly that."""
        self._cross(self.twilio, self.backend, data)

    def hears(self, data: bytes) -> None:
        """The backend sends; Twilio gets exactly that."""
        self._cross(self.backend, self.twilio, data)

    def hangs_up(self) -> None:
        """Twilio closes as it does at the end of a call, and the backend answers in kind."""
        self.says(close(1000, b"Closing websocket session", mask=True))
        self.hears(close(1000))
        self.twilio.shutdown(socket.SHUT_WR)
        assert wire.how_it_ends(self.backend) == "eof"
        self.backend.close()
        assert wire.how_it_ends(self.twilio) == "eof"
        self.twilio.close()

    @staticmethod
    def _cross(here: socket.socket, there: socket.socket, data: bytes) -> None:
        sent = 0
        while sent < len(data):
            part = data[sent : sent + (1 << 20)]
            here.sendall(part)
            assert wire.receive(there, len(part)) == part
            sent += len(part)


class System:
    """Relay, recorder and console on one data folder, before a backend of raw sockets and routes that lead nowhere."""

    def __init__(
        self,
        relay: Running,
        recorder: Running,
        console: Running,
        backend: socket.socket,
        folder: Path,
        database: str | None = None,
    ) -> None:
        self.relay = relay
        self.recorder = recorder
        self.console = console
        self.backend = backend
        self.folder = folder
        self.database = database
        """URL of the PostgreSQL database; None for SQLite in the folder."""
        self._dialled: dict[str, int] = {}
        """When a peer connected: its port may have been somebody else's before."""

    # -- the two ends ------------------------------------------------------------------------------------------------

    def dial(self, request: bytes = REQUEST) -> socket.socket:
        """Twilio's end with the request sent."""
        before = time.time_ns()
        twilio = wire.connect(self.relay.port)
        self._dialled[peer_of(twilio)] = before
        twilio.sendall(request)
        return twilio

    def accept(self) -> tuple[socket.socket, bytes]:
        """The backend's end, and the head of the request that came."""
        backend = self.backend.accept()[0]
        backend.settimeout(PATIENCE)
        return backend, wire.receive_head(backend)

    def is_not_dialled(self) -> None:
        """Nobody waits for the backend to accept."""
        self.backend.settimeout(0.05)
        with suppress(TimeoutError):
            self.backend.accept()
            raise AssertionError("the backend was dialled")
        self.backend.settimeout(PATIENCE)

    @contextmanager
    def call(self, request: bytes = REQUEST, head: bytes = ANSWER) -> Iterator[Call]:
        """A call whose handshake is over; both sockets are closed at the end of the block."""
        with ExitStack() as ends:
            twilio = ends.enter_context(self.dial(request))
            backend = ends.enter_context(self.accept()[0])
            backend.sendall(head)
            assert wire.receive_head(twilio) == head
            yield Call(twilio, backend)

    def refused(self, route: str) -> tuple[int, str, str]:
        """A call on a route whose backend cannot be reached: status, text of the answer, and the peer's address."""
        with self.dial(REQUEST.replace(b"/relay/", f"/r/{route}/".encode())) as twilio:
            peer = peer_of(twilio)
            head = wire.receive_head(twilio)
            body = bytearray()
            while part := twilio.recv(65536):
                body += part
        return int(head.split()[1]), body.decode(), peer

    # -- what is stored and shown ------------------------------------------------------------------------------------

    def recorded(self, peer: str, *, ended: bool = True, messages: int = 0) -> dict[str, Any]:
        """The API's document of the session whose connection came from `peer`: once it has ended, or has that many
        messages. Its connection is put in as `connection`."""

        def look() -> dict[str, Any] | None:
            for session in self._sessions_of(peer):
                found: dict[str, Any] = self.get(f"/api/sessions/{session}")
                mine = [one for one in found["connections"][::-1] if one["peer"] == peer]
                if mine and (mine[0]["ended_at"] or not ended) and mine[0]["messages"] >= messages:
                    return {**found, "connection": mine[0]}
            return None

        found: dict[str, Any] = until(look)
        return found

    def _sessions_of(self, peer: str) -> list[str]:
        if self.database:
            with psycopg.connect(self.database) as server:
                rows = server.execute(
                    "SELECT session FROM connections WHERE opened_at >= %s AND opening LIKE %s",
                    (self._dialled[peer], f'%"peer":"{peer}"%'),
                ).fetchall()
            return [row[0] for row in rows]
        with sqlite3.connect(f"file:{self.folder / 'relayproxy.db'}?mode=ro", uri=True, timeout=10) as database:
            rows = database.execute(
                "SELECT session FROM connections WHERE opened_at >= ? AND opening LIKE ?",
                (self._dialled[peer], f'%"peer":"{peer}"%'),
            ).fetchall()
        database.close()
        return [row[0] for row in rows]

    def messages(self, session: dict[str, Any]) -> list[dict[str, Any]]:
        """Every message of that session's connection."""
        found: list[dict[str, Any]] = []
        after = ""
        while True:
            page = self.get(f"/api/sessions/{session['id']}/messages{after}")
            found += [one for one in page["items"] if one["connection"] == session["connection"]["id"]]
            if page["next"] is None:
                return found
            after = f"?after={page['next']}"

    def shown(self, session: dict[str, Any]) -> str:
        """The page of a session."""
        return html.unescape(self.get(f"/sessions/{session['id']}"))

    # -- what operators see ------------------------------------------------------------------------------------------

    def get(self, path: str) -> Any:
        """A page of the console, parsed when it is JSON."""
        with urllib.request.urlopen(self.console.url + path, timeout=PATIENCE) as page:
            body = page.read().decode()
            return json.loads(body) if page.headers.get_content_type() == "application/json" else body

    def check(self, name: str) -> dict[str, Any]:
        """One check of Health."""
        checks: list[dict[str, Any]] = self.get("/api/health")["checks"]
        return next(one for one in checks if one["name"] == name)

    def ready(self) -> dict[str, Any]:
        """What the relay says of itself."""
        with urllib.request.urlopen(f"{self.relay.url}/.relayproxy/readyz", timeout=PATIENCE) as page:
            found: dict[str, Any] = json.loads(page.read())
            return found

    def log(self, pattern: str) -> None:
        """A line of the relay's log; no line of it holds words of a call."""
        until(lambda: re.search(pattern, self.relay.log.read_text()))

    def is_quiet(self, *secrets: str) -> None:
        """None of these stands in any log."""
        said = "".join(log.read_text() for log in self.folder.glob("*.log"))
        for secret in secrets:
            assert secret not in said


def certificates(folder: Path) -> dict[str, ssl.SSLContext]:
    """TLS servers whose certificates are wrong in one way each; `ca.pem` in the folder is trusted."""
    known, stranger = trustme.CA(), trustme.CA()
    known.cert_pem.write_to_path(folder / "ca.pem")
    long_ago = datetime.datetime(2001, 1, 1, tzinfo=datetime.UTC)
    issued = {
        "expired": known.issue_cert("localhost", not_before=long_ago, not_after=long_ago + datetime.timedelta(days=1)),
        "misnamed": known.issue_cert("elsewhere.example"),
        "unknown": stranger.issue_cert("localhost"),
    }
    found = {}
    for name, one in issued.items():
        found[name] = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        one.configure_cert(found[name])
    return found


@contextmanager
def full_queue() -> Iterator[int]:
    """A port at which connections are neither accepted nor refused: the queue of its listener is full."""
    with ExitStack() as held:
        listener = held.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            waiting = held.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


@contextmanager
def tls_listener(context: ssl.SSLContext) -> Iterator[int]:
    """A port at which TLS is spoken until somebody gives up."""

    def take() -> None:
        while True:
            try:
                end = listener.accept()[0]
            except OSError:
                return
            with suppress(OSError), end:
                end.settimeout(PATIENCE)
                context.wrap_socket(end, server_side=True).recv(1)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=take, daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


@contextmanager
def system(
    folder: Path, *, database: str | None = None, wrapper: tuple[str, ...] = (), **settings: Any
) -> Iterator[System]:
    """The three processes for as long as the block lasts. `settings` are the relay's, and so is the `wrapper` that
    starts it; `database` is the URL of a migrated PostgreSQL database, else it is SQLite in the folder."""
    if database is None and not (folder / "relayproxy.db").exists():
        migrated(f"sqlite:///{folder}/relayproxy.db")
    where = {"database_url": database} if database else {}
    with ExitStack() as held:
        backend, port = held.enter_context(wire.listening())
        known = {"backend": f"ws://127.0.0.1:{port}", "connect_timeout": CONNECT_TIMEOUT, **settings}
        relay = held.enter_context(running("relay", data_dir=folder, wrapper=wrapper, listen="127.0.0.1:0", **known))
        recorder = held.enter_context(running("recorder", data_dir=folder, **where))
        facing = {"console": "127.0.0.1:0", "listen": f"127.0.0.1:{relay.port}"}
        console = held.enter_context(running("console", data_dir=folder, **facing, **where, **known))
        found = System(relay, recorder, console, backend, folder, database)
        yield found
        found.backend.close()
