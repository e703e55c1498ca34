"""Draining: records all that lies in the journal of a data folder whose machine is gone, and ends.

Knows: that nothing may write there; that the database expects nothing of such a folder afterwards.
Must not know: SQL; what is in a journal.

Retention is left to the recorders that go on: they have their settings for it.
"""

from dataclasses import dataclass
from pathlib import Path

from relayproxy.errors import RelayproxyError, SettingError
from relayproxy.journal.segments import journal_paths, writer_is_alive
from relayproxy.recorder.process import alone, exporter_of, recorder_of, rules_by_route, shut_down
from relayproxy.recorder.recorder import Played
from relayproxy.settings.model import Settings
from relayproxy.settings.signatures import DEFAULT_ROUTE
from relayproxy.signals import NUMBERS, ignore_signals, stop_event
from relayproxy.store.engine import open_engine
from relayproxy.store.schema.revisions import check_schema
from relayproxy.store.write.archive import Archive
from relayproxy.store.write.deletion.lost_folders import Folder, forget_folder


@dataclass(frozen=True, slots=True)
class Drained:
    """What was recorded, and the names of the journals that are left."""

    played: Played
    left: tuple[str, ...]


def drain(settings: Settings) -> Drained:
    """Records what lies in the journal of `data_dir` and deletes it; calls that were live there end as those of a relay
    that died. SIGTERM and SIGINT end it early; to do it again is harmless.

    Raises RelayproxyError when there is no such folder, a relay or a recorder works on it, or the database cannot be
    used. One that goes away later is waited for.
    """
    folder, journal = settings.data_dir, settings.journal
    if not (folder / "recorder.lock").exists() and not journal_paths(journal):
        raise SettingError(f"drain={folder}: a relay's data folder is expected, with recorder.lock and journal in it")
    if settings.embedded and not (folder / "relayproxy.db").exists():
        raise SettingError(f"database_url: the database of that machine is expected, as {folder} has none of its own")
    stop = stop_event(*NUMBERS)
    with alone(folder, journal) as name:
        _refuse_living(journal)
        rules = rules_by_route(settings)
        engine, exporter = open_engine(settings.database), exporter_of(settings)
        check_schema(engine)
        try:
            recorder = recorder_of(
                settings,
                Archive(engine, name),
                journal,
                lambda: check_schema(engine),
                rules,
                exporter=exporter,
                stop=stop,
                routes=(DEFAULT_ROUTE, *settings.routes),
            )
            recorder.run(to_the_end=True)
            left = tuple(path.name for path in journal_paths(journal))
            if not left and not stop.is_set():
                forget_folder(engine, Folder(name, "", "", 0, 0))
        finally:
            shut_down(exporter)
            engine.dispose()
    ignore_signals()
    return Drained(recorder.played, left)


def _refuse_living(journal: Path) -> None:
    try:
        living = [path.name for path in journal_paths(journal) if writer_is_alive(path)]
    except PermissionError as problem:
        raise RelayproxyError(
            f"drain: {problem.filename} may not be opened; drain as the user that the relay ran as"
        ) from None
    if living:
        raise RelayproxyError(
            f"drain: a relay writes to {journal} ({', '.join(living)}): stop it first, or leave it to its recorder"
        )
