"""Giving up: a data folder that is lost for good is taken for empty, and what the database expects of it ends.

Knows: that a recorder of that name which finds no journals ends their calls as those of a relay that died.
Must not know: SQL; whether the folder is lost.
"""

from pathlib import Path
from tempfile import TemporaryDirectory

from relayproxy.recorder.process import recorder_of, rules_by_route
from relayproxy.settings.model import Settings
from relayproxy.store.engine import open_engine
from relayproxy.store.schema.revisions import check_schema
from relayproxy.store.write.archive import Archive
from relayproxy.store.write.deletion.lost_folders import Folder, folders, forget_folder, note_lost
from relayproxy.store.write.moving import places
from relayproxy.store.write.moving.places import PlaceState, place_states


def known_folders(settings: Settings) -> list[Folder]:
    """The data folders that the database knows of, the one that has told something last first. Raises StoreError."""
    engine = open_engine(settings.database)
    try:
        check_schema(engine)
        return folders(engine)
    finally:
        engine.dispose()


def known_places(settings: Settings) -> list[PlaceState]:
    """The buckets and folders that recordings were moved to. Raises StoreError."""
    engine = open_engine(settings.database)
    try:
        return place_states(engine)
    finally:
        engine.dispose()


def give_up_place(settings: Settings, place: PlaceState) -> int:
    """Forgets a lost bucket or folder; the number of open erasures that say so on their receipts. Raises StoreError."""
    engine = open_engine(settings.database)
    try:
        return places.give_up_place(engine, place.known)
    finally:
        engine.dispose()


def give_up(settings: Settings, folder: Folder) -> int:
    """Ends the calls that were live on a lost folder, and has nothing wait for it any more; the number of open erasures
    that say so on their receipts. To be interrupted and done twice is harmless. Raises StoreError."""
    engine = open_engine(settings.database)
    try:
        check_schema(engine)
        noted = note_lost(engine, folder)
        # Without the models that find names: there is nothing to be searched.
        rules = rules_by_route(settings, lambda _model: lambda _text: ())
        archive = Archive(engine, folder.name)
        with TemporaryDirectory() as nothing:
            recorder = recorder_of(settings, archive, Path(nothing), lambda: check_schema(engine), rules)
            try:
                recorder.finish()
            finally:
                recorder.close()
        forget_folder(engine, folder)
    finally:
        engine.dispose()
    return noted
