"""Rebuild: derives stored sessions anew, after a definition has changed.

Knows: which sessions can be derived again, and that what is stored of them stays until the new rows are there.
Must not know: SQL, the journal, how anything is derived.

A session is read, derived and replaced by itself, so this may run beside a recorder and be stopped at any time.
"""

import logging
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain
from typing import TypeVar

import msgspec

from relayproxy.conversation.checks.findings import Thresholds
from relayproxy.errors import RelayproxyError
from relayproxy.plural import plural
from relayproxy.recorder.sessions.session import RecordedSession, connection_of, first_of
from relayproxy.recordings.call import CallConnection
from relayproxy.retry import retry
from relayproxy.settings.model import Settings, slow_turn_and_stall, version_from
from relayproxy.store.engine import open_engine
from relayproxy.store.errors import AwayError, UnreadableError
from relayproxy.store.schema.revisions import check_schema
from relayproxy.store.schema.rows import ConnectionRow
from relayproxy.store.write.archive import Archive

log = logging.getLogger(__name__)
T = TypeVar("T")

PAUSES = (1.0,)
"""Seconds until a locked database is tried again."""


@dataclass(slots=True)
class RebuildSummary:
    """The results so far, by ids of ours."""

    total: int
    rebuilt: int = 0
    skipped: list[str] = field(default_factory=list)
    """Sessions that live: the recorder derives them as they go on."""
    bare: int = 0
    """Sessions whose content was deleted, or that went meanwhile: there is nothing to derive them from."""
    failed: dict[str, str] = field(default_factory=dict)
    """Sessions that could not be read or derived, and why; their rows are unchanged."""

    @property
    def done(self) -> int:
        return self.rebuilt + len(self.skipped) + self.bare + len(self.failed)

    def __str__(self) -> str:
        said = [f"{self.rebuilt:,} of {plural(self.total, 'session')} rebuilt"]
        if self.skipped:
            said.append(f"{len(self.skipped):,} live, left to the recorder ({_some(self.skipped)})")
        if self.bare:
            said.append(f"{self.bare:,} kept as they are, because what was said in them has been deleted")
        if self.failed:
            said.append(f"{len(self.failed):,} kept as before, because not to be derived ({_some(self.failed)})")
        return "; ".join(said)


class _Bare(Exception):
    """Nothing is left to derive the session from, on purpose."""


def run(settings: Settings, sessions: tuple[str, ...]) -> Generator[RebuildSummary]:
    """Derives the named sessions (ids of ours or VX ids), or all, anew; the summary before the first and after each.

    Raises RelayproxyError when a name belongs to no session, and when the database is not there, is of another
    version, cannot be written or has been replaced. One that is locked is waited for.
    """
    engine = open_engine(settings.database)
    try:
        _patiently(lambda: check_schema(engine))
        yield from rebuild(
            Archive(engine),
            sessions,
            lambda route: Thresholds.of_seconds(*slow_turn_and_stall(settings, route)),
            lambda route: version_from(settings, route),
        )
    finally:
        engine.dispose()


def rebuild(
    archive: Archive,
    sessions: tuple[str, ...],
    thresholds: Callable[[str], Thresholds],
    version_of: Callable[[str], str | None] = lambda _route: None,
) -> Generator[RebuildSummary]:
    """As `run`, on this archive."""
    ids: Iterable[str] = archive.session_ids()
    summary = RebuildSummary(_patiently(archive.sessions))
    if sessions:
        found = {name: _patiently(partial(_ids, archive, name)) for name in sessions}
        if unknown := [name for name, its in found.items() if not its]:
            raise RelayproxyError(f"no session has the id {unknown[0]}: an id of ours or a VX id is expected")
        ids = dict.fromkeys(chain.from_iterable(found.values()))
        summary = RebuildSummary(len(ids))
    yield summary
    for session in ids:
        try:
            rebuilt = _patiently(partial(_rebuilt, archive, session, thresholds, version_of))
        except _Bare:
            summary.bare += 1
        except UnreadableError as problem:
            summary.failed[session] = str(problem)
        else:
            if rebuilt:
                summary.rebuilt += 1
            else:
                summary.skipped.append(session)
        summary.total = max(summary.total, summary.done)
        yield summary


def _patiently(action: Callable[[], T]) -> T:
    """The action's result; it is tried again for as long as the database is locked or away."""
    told: list[Exception] = []

    def failed(problem: Exception) -> None:
        if not told:
            log.warning("%s; waiting for it", problem)
            told.append(problem)

    return retry(action, PAUSES, errors=AwayError, failed=failed)


def _ids(archive: Archive, name: str) -> list[str]:
    try:
        name.encode()
    except UnicodeEncodeError:
        return []  # bytes of the command line that are no text
    return [*archive.session_ids(name)]


def _rebuilt(
    archive: Archive, id: str, thresholds: Callable[[str], Thresholds], version_of: Callable[[str], str | None]
) -> bool:
    """Rebuilds one session; False when it lives. It is derived again when it was written meanwhile. Raises `_Bare`."""
    while True:
        row = archive.session(id)
        if row is None or row.content_deleted_at is not None:
            raise _Bare
        if row.ended_at is None:
            return False
        parts = [_part(archive, one) for one in archive.session_connections(id)]
        if not parts:
            raise UnreadableError("its connections are not there")
        first = first_of(id, parts)
        session = RecordedSession(id, first, thresholds(first.route), version_of(first.route))
        session.rebuild(parts)
        rows = session.rows()
        if session.broken:
            raise UnreadableError("it could not be derived; the log says why")
        assert rows.labels is not None
        if archive.replace_session(replace(rows.session, revision=row.revision), rows.turns, rows.labels):
            return True


def _part(archive: Archive, row: ConnectionRow) -> CallConnection:
    messages = [*archive.messages(row.id)]
    if len(messages) < row.next_seq:
        raise UnreadableError(
            f"{row.next_seq - len(messages):,} of its {plural(row.next_seq, 'message')} cannot be found"
        )
    try:
        return connection_of(row, messages)
    except msgspec.DecodeError as problem:
        raise UnreadableError(f"its connection {row.id} is damaged ({type(problem).__name__})") from None


def _some(ids: Iterable[str]) -> str:
    shown = [*ids]
    return ", ".join(shown[:5]) + (f" and {len(shown) - 5:,} more" if len(shown) > 5 else "")
