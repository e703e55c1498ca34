"""Journal writer: the thread that writes the tape's buffers to disk.

Knows: blocks into segments, rotation, the quota, and the handling of failed writes.
Must not know: the event loop; the meaning of the bytes.

A write that fails leaves the file as it was: the block is cut off again, its chunks become gaps, its openings, endings
and gaps are kept and written when the disk takes them. The thread releases the interpreter's lock while it waits for
the disk, so a slow disk delays no call.
"""

import contextlib
import logging
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from queue import Empty, SimpleQueue

from relayproxy.journal.format import (
    BLOCK_HEAD,
    MAGIC,
    EntryKind,
    GapBody,
    GapCause,
    pack_block,
    pack_entry,
    unpack_entries,
)
from relayproxy.journal.segments import create_journal, journal_paths, segment_path, size_of

log = logging.getLogger(__name__)

ACCOUNT_SHARE, ACCOUNT_SIZE = 16, 16 * 1024 * 1024
"""A part of the quota, at most so many bytes, is kept back for gaps and for how calls open and end."""
_OVERHEAD = len(MAGIC) + BLOCK_HEAD.size
"""Bytes that a block takes besides its entries, at the beginning of a segment."""
SEGMENT_AGE = 60.0
"""Seconds after which a segment is closed that has anything in it: a recorder deletes none that is still written, and
what lies in it is not redacted."""
RETRY = 0.5
"""Seconds between two attempts at a disk that failed, and between two checks of the quota."""


class JournalWriter:
    """Writes buffers of packed entries to a new journal in `folder`. A `tape.Sink`.

    `put` never blocks and never raises. `problem` is None while everything is written, else the cause; calls go on
    meanwhile, and chunks that could not be written become gaps. `close` writes what is left and ends the thread.
    """

    def __init__(self, folder: Path, *, quota: int, segment_size: int) -> None:
        self._folder = folder
        self._quota = quota
        self._chunk_quota = quota - min(quota // ACCOUNT_SHARE, ACCOUNT_SIZE)
        """Bytes of journals up to which chunks are written."""
        self._full_at = self._chunk_quota
        """Once a chunk has found no room, the bytes of journals at that time: until some of them are deleted none is
        written, also not a shorter one."""
        self._segment_size = segment_size
        self._queue: SimpleQueue[bytearray | None] = SimpleQueue()
        self._put = 0
        self._done = 0
        self._kept = bytearray()
        self._gaps: dict[tuple[int, EntryKind], tuple[int, GapBody]] = {}
        self._journal: Path | None = None
        self._lock: int | None = None
        self._file: int | None = None
        self._segment = 0
        self._size = 0
        self._begun = 0.0
        """When the segment got its first block."""
        self._total = 0
        self._shared = False
        """There are other journals in the folder, to which others may be writing."""
        self._looked = 0.0
        self._looked_now = False
        self._lost = 0
        self.problem: GapCause | None = None
        self._try(self._open_journal)
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        self._thread.start()

    @property
    def pending(self) -> int:
        return self._put - self._done

    @property
    def path(self) -> Path | None:
        """The journal's folder, once there is one."""
        return self._journal

    def put(self, entries: bytearray) -> None:
        self._put += len(entries)
        self._queue.put(entries)

    def show_life(self) -> None:
        """Updates the lock file's time from the writer's thread, which shows that caller and thread are at work."""
        self._queue.put(bytearray())

    def close(self, timeout: float = 10.0) -> None:
        """Ends the thread once all that was handed over is written or given up; waits `timeout` seconds at most."""
        self._queue.put(None)
        self._thread.join(timeout)

    def _run(self) -> None:
        running = True
        while running:
            entries: bytearray | None
            try:
                entries = self._queue.get(timeout=RETRY if self._kept or self._gaps else None)
            except Empty:
                entries = bytearray()
            if entries is None:
                running, entries = False, bytearray()
            try:
                self._take(entries, last=not running)
            except Exception:
                log.exception("journal writer")
                self._keep(entries, GapCause.DISK)
            self._done += len(entries)
            if not entries and self._lock is not None:
                with contextlib.suppress(OSError):
                    os.utime(self._lock)
        for descriptor in (self._file, self._lock):
            if descriptor is not None:
                os.close(descriptor)

    def _take(self, entries: bytearray, *, last: bool) -> None:
        obstacle = self._obstacle()
        if obstacle is None:
            account = self._account()
            fitting = self._fitting(entries, len(account))
            block = account + entries[:fitting]
            if not block and not entries:
                if self.problem is GapCause.QUOTA:  # there is room again, and nothing that waits to show it
                    self._full_at = self._chunk_quota
                    self._say(None)
                elif self._size > len(MAGIC) and time.monotonic() - self._begun >= SEGMENT_AGE:
                    self._try(self._rotate)
                return
            if block and not self._try(lambda: self._write(block)):
                self._keep(entries, GapCause.DISK)
                return
            self._forget_kept()
            if fitting == len(entries):
                self._full_at = self._chunk_quota
                self._say(None)
                return
            entries, obstacle = entries[fitting:], GapCause.QUOTA
            self._full_at = min(self._total, self._chunk_quota)
        if obstacle is GapCause.QUOTA and self.problem is not obstacle:
            self._try(self._rotate)  # a recorder can only delete what is no longer the newest segment
        if obstacle is GapCause.QUOTA and (last or self._looked_now):
            # The account of dropped chunks is small, and must be on disk before this process can die.
            self._keep(entries, obstacle)
            entries = bytearray()
            self._say(GapCause.QUOTA)
            if self._try(self._write_account):
                return
            obstacle = GapCause.DISK
        self._say(obstacle)
        self._keep(entries, obstacle)

    def _account(self) -> bytearray:
        """What is kept of how calls open and end, and the gaps."""
        return self._kept + self._packed_gaps() if self._kept or self._gaps else bytearray()

    def _fitting(self, entries: bytearray, before: int) -> int:
        """Bytes of the first entries that fit below the quota for chunks, in one block with `before` bytes."""
        room = self._chunk_quota - self._total - _OVERHEAD - before
        if len(entries) <= room:
            return len(entries)
        fitting = 0
        for entry in unpack_entries(bytes(entries), 0):
            end = entry.offset + len(entry.body)
            if end > room:
                break
            fitting = end
        return fitting

    def _write_account(self) -> None:
        account = self._account()
        if account and self._total + _OVERHEAD + len(account) <= self._quota:
            self._write(account)
            self._forget_kept()

    def _forget_kept(self) -> None:
        self._kept = bytearray()
        self._gaps.clear()

    def _obstacle(self) -> GapCause | None:
        now = time.monotonic()
        due = self._looked_now = now - self._looked >= RETRY
        # What others have taken by now counts as well.
        due = due or (self._shared and self.problem is None)
        if self._file is None:
            if not due:
                return GapCause.DISK
            self._looked = now
            if not self._try(self._open_journal):
                return GapCause.DISK
        elif due:
            self._looked = now
            if not self._try(self._look):
                return GapCause.DISK
        elif self.problem is GapCause.DISK:
            return GapCause.DISK
        return GapCause.QUOTA if self._total >= self._full_at else None

    def _look(self) -> None:
        assert self._file is not None
        assert self._lock is not None
        if os.fstat(self._file).st_nlink == 0:
            os.close(self._file)
            os.close(self._lock)
            self._journal = self._file = self._lock = None
            self._segment = 0
            raise FileNotFoundError("its folder has been deleted")
        with contextlib.suppress(OSError):  # no descriptor is left, say; writing may still be possible
            self._shared = len(journal_paths(self._folder)) > 1
            self._total = size_of(self._folder)

    def _open_journal(self) -> None:
        if self._journal is None:
            self._journal, self._lock = create_journal(self._folder)
        self._rotate()

    def _rotate(self) -> None:
        assert self._journal is not None
        file = os.open(
            segment_path(self._journal, self._segment + 1),
            os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC,
            0o600,
        )
        if self._file is not None:
            os.close(self._file)
        self._file, self._segment, self._size = file, self._segment + 1, 0
        self._append(MAGIC)

    def _write(self, entries: bytearray) -> None:
        if self._size > self._segment_size:
            self._rotate()
        if self._size == 0:
            self._append(MAGIC)
        if self._size == len(MAGIC):
            self._begun = time.monotonic()
        self._append(pack_block(entries))

    def _append(self, data: bytes) -> None:
        assert self._file is not None
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(self._file, view) :]
        except OSError:
            try:
                os.ftruncate(self._file, self._size)
            except OSError:
                self._size = self._segment_size + 1  # the torn block stays; the next one begins a new segment
            raise
        self._size += len(data)
        self._total += len(data)

    def _try(self, step: Callable[[], None]) -> bool:
        try:
            step()
        except OSError as problem:
            if self.problem is not GapCause.DISK:
                log.error("the journal cannot be written (%s); calls go on, gaps are counted", problem)  # noqa: TRY400 (a full disk is no bug)
                self.problem = GapCause.DISK
            return False
        return True

    def _say(self, obstacle: GapCause | None) -> None:
        if obstacle is self.problem:
            return
        if obstacle is GapCause.QUOTA:
            log.error(
                "the journal has reached its quota of %d bytes: is the recorder running? Calls go on, gaps are counted",
                self._quota,
            )
        elif obstacle is None:
            log.warning("the journal is being written again")
        self.problem = obstacle

    def _keep(self, entries: bytearray, cause: GapCause) -> None:
        for entry in unpack_entries(bytes(entries), 0):
            if entry.kind in (EntryKind.TWILIO_CHUNK, EntryKind.BACKEND_CHUNK):
                gap = GapBody(cause, entry.kind, 1, len(entry.body), entry.t)
                self._count(entry.connection, entry.t, gap)
            elif entry.kind is EntryKind.GAP:
                self._count(entry.connection, entry.t, GapBody.unpack(entry.body))
            elif entry.kind is EntryKind.OPEN_CONNECTIONS:
                pass  # a later one tells the same
            elif len(self._kept) >= self._segment_size * (2 if entry.kind is EntryKind.ENDING else 1):
                # Endings are small, and a call whose opening is kept, or is known by its gap, must not seem to live on.
                self._lost += 1
                if self._lost == 1:
                    log.error("the journal has no room left even for how calls open and end; these are being lost too")
            else:
                self._kept += pack_entry(entry.kind, entry.connection, entry.t, entry.took, entry.body)

    def _count(self, connection: int, t: int, gap: GapBody) -> None:
        key = (connection, gap.side)
        first, known = self._gaps.get(key, (t, None))
        if known is not None:
            gap = GapBody(known.cause, gap.side, known.chunks + gap.chunks, known.size + gap.size, gap.last_t)
        self._gaps[key] = (first, gap)

    def _packed_gaps(self) -> bytearray:
        packed = bytearray()
        for (connection, _), (t, gap) in self._gaps.items():
            packed += pack_entry(EntryKind.GAP, connection, t, 0, gap.pack())
        return packed
