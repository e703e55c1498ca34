"""A stage for the play loop: a journal written entry by entry, the real store, and recorders that come and go."""

import json
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import Engine

from relayproxy.connection import Ending, Opening
from relayproxy.conversation.measures.spans import SpanOptions
from relayproxy.conversation.message import Message
from relayproxy.journal.format import MAGIC, EntryKind, GapBody, GapCause, OpenConnections, pack_block, pack_entry
from relayproxy.journal.segments import create_journal, segment_path
from relayproxy.recorder.heartbeat import Beat
from relayproxy.recorder.recorder import Recorder, SpanExporter
from relayproxy.redaction.rules import EVERYTHING, Rules
from relayproxy.store.engine import open_engine
from relayproxy.store.schema.mapping import columns, value
from relayproxy.store.schema.revisions import check_schema
from relayproxy.store.schema.rows import ConnectionRow, JournalGapRow, SessionRow, TurnRow
from relayproxy.store.schema.tables import journal_gaps
from relayproxy.store.write.archive import Archive
from tests.databases import migrated as make_migrated
from tests.wire import frame

NOON = 1_800_000_000_000_000_000
"""Wall time of the journals' monotonic zero."""
MS = 1_000_000
TEXT, CONTINUATION, CLOSE, PING = 1, 0, 8, 9
DEFLATE = (("Sec-WebSocket-Extensions", "permessage-deflate"),)


def setup(vx: str = "VX1", call: str = "CA1", **more: Any) -> str:
    known = {"type": "setup", "sessionId": vx, "callSid": call, "from": "+15550100001", "to": "+15550100002"}
    return json.dumps({**known, "customParameters": {}, **more})


def prompt(text: str, lang: str = "en-US") -> str:
    return json.dumps({"type": "prompt", "voicePrompt": text, "lang": lang, "last": True})


def token(text: str, *, last: bool = False) -> str:
    return json.dumps({"type": "text", "token": text, "last": last})


class Journal:
    """A journal under the test's writer. Entries wait in `entries` until `flush` makes a block of them."""

    def __init__(self, folder: Path) -> None:
        self.path, lock = create_journal(folder)
        self._lock: int | None = lock
        self.segment = 0
        self.entries = b""
        self.now = 0
        """Milliseconds on the relay's clock."""
        self._connections = 0
        self.rotate()

    def rotate(self) -> None:
        self.segment += 1
        segment_path(self.path, self.segment).write_bytes(MAGIC)

    def flush(self) -> None:
        self.raw(pack_block(self.entries))
        self.entries = b""

    def raw(self, data: bytes) -> None:
        with segment_path(self.path, self.segment).open("ab") as file:
            file.write(data)

    def die(self) -> None:
        """The writer is gone, if it was not before."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def entry(self, kind: EntryKind, connection: int, body: bytes, took: int = 0) -> None:
        self.entries += pack_entry(kind, connection, self.now * MS, took, body)

    def tell_open(self, *calls: "Call") -> None:
        """Tells that of all calls so far these are open. It waits in `entries`."""
        told = OpenConnections(self._connections, frozenset(call.number for call in calls))
        self.entry(EntryKind.OPEN_CONNECTIONS, 0, told.pack())

    def call(self, **opening: Any) -> "Call":
        self._connections += 1
        return Call(self, self._connections, **opening)


class Call:
    """One connection in a journal. Its chunks are blocks of their own unless `quiet`."""

    def __init__(
        self, journal: Journal, number: int, *, lost: bool = False, requested: bool = False, **opening: Any
    ) -> None:
        self.journal = journal
        self.number = number
        self.quiet = opening.pop("quiet", False)
        self.id = opening.pop("connection_id", f"{number:032x}")
        self.opened = journal.now
        known = {"route": "default", "backend": "ws://agent/", "target": "/", "peer": "127.0.0.1:1", "status": 101}
        self.opening = Opening(
            connection_id=self.id, trace_id=self.id, span_id=self.id[:16],
            **{"opened_at": NOON + journal.now * MS, **known, **opening},
        )  # fmt: skip
        if requested:
            before = {"response_headers": (), "status": None, "connected_after": None, "error": None}
            self._entry(EntryKind.REQUEST, msgspec.json.encode(msgspec.structs.replace(self.opening, **before)))
        elif not lost:
            self.answer()

    def answer(self) -> None:
        """The backend has answered: the opening is whole."""
        self._entry(EntryKind.OPENING, msgspec.json.encode(self.opening))

    def twilio(self, text: str | bytes, *, after: int = 10, **how: Any) -> None:
        """A message from Twilio, `after` milliseconds later."""
        self.chunk(
            EntryKind.TWILIO_CHUNK,
            frame(TEXT, text if isinstance(text, bytes) else text.encode(), mask=True, **how),
            after,
        )

    def backend(self, text: str | bytes, *, after: int = 10, **how: Any) -> None:
        self.chunk(
            EntryKind.BACKEND_CHUNK, frame(TEXT, text if isinstance(text, bytes) else text.encode(), **how), after
        )

    def chunk(self, kind: EntryKind, data: bytes, after: int = 10) -> None:
        self.journal.now += after
        self._entry(kind, data, took=MS)

    def gap(self, side: EntryKind, size: int, cause: GapCause = GapCause.BUFFER) -> None:
        self._entry(EntryKind.GAP, GapBody(cause, side, 1, size, self.journal.now * MS).pack())

    def end(self, **ending: Any) -> None:
        self.journal.now += 10
        known = {"t": (self.journal.now - self.opened) * MS, "first": "twilio", "twilio": "eof", "backend": "eof"}
        self._entry(EntryKind.ENDING, msgspec.json.encode(Ending(**{**known, **ending})))

    def _entry(self, kind: EntryKind, body: bytes, took: int = 0) -> None:
        self.journal.entry(kind, self.number, body, took)
        if not self.quiet:
            self.journal.flush()


@dataclass(frozen=True)
class Stored:
    """All that a database says of one session."""

    session: SessionRow
    turns: tuple[TurnRow, ...]
    connections: tuple[ConnectionRow, ...]
    messages: dict[str, list[Message]]

    def texts(self) -> list[str | None]:
        return [message.text for messages in self.messages.values() for message in messages]


class Stage:
    """A data folder with its database."""

    def __init__(self, folder: Path, *, migrated: bool = True) -> None:
        self.folder = folder
        self.journals = folder / "journal"
        self.url = f"sqlite:///{folder}/relayproxy.db"
        if migrated:
            make_migrated(self.url)
        self.engine: Engine = open_engine(self.url)
        self.archive = Archive(self.engine)
        self._recorders: list[Recorder] = []
        self._journals: list[Journal] = []

    def reopen(self) -> None:
        """Looks at the database that is there now."""
        self.engine.dispose()
        self.archive = Archive(self.engine)

    def journal(self) -> Journal:
        self._journals.append(Journal(self.journals))
        return self._journals[-1]

    def recorder(
        self,
        archive: type[Archive] = Archive,
        *,
        patience: int = 1 << 30,
        message_limit: int = 64 * 1024,
        size_limit: int = 1 << 30,
        exporter: SpanExporter | None = None,
        stop: threading.Event | None = None,
        check: Callable[[], None] | None = None,
        version_from: str | None = None,
        rules: Rules = EVERYTHING,
        sampled: Callable[[Opening], bool] = lambda _opening: True,
        span_options: SpanOptions = SpanOptions(),  # noqa: B008 (frozen)
        beat: Callable[[Callable[[], Beat]], None] = lambda _look: None,
    ) -> Recorder:
        recorder = Recorder(
            archive(self.engine),
            self.journals,
            message_limit=message_limit,
            size_limit=size_limit,
            patience=patience,
            check=check or (lambda: check_schema(self.engine)),
            exporter=exporter,
            stop=stop,
            version_from=lambda _route: version_from,
            rules=lambda _route: rules,
            sampled=sampled,
            span_options=span_options,
            beat=beat,
        )
        self._recorders.append(recorder)
        return recorder

    def stored(self, session: str) -> Stored:
        row = self.archive.session(session)
        assert row is not None, f"no session {session}"
        connections = self.archive.session_connections(session)
        return Stored(
            replace(row, revision=0),
            self.archive.turn_rows(session),
            connections,
            {one.id: [*self.archive.messages(one.id)] for one in connections},
        )

    def gaps(self) -> list[JournalGapRow]:
        """What journals have lost as a whole."""
        with self.engine.connect() as db:
            rows = db.execute(columns(JournalGapRow, journal_gaps).order_by(journal_gaps.c.offset))
            return [value(JournalGapRow, row) for row in rows]

    def close(self) -> None:
        for recorder in self._recorders:
            recorder.close()
        self.engine.dispose()
        for journal in self._journals:
            journal.die()
