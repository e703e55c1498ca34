"""Storage: database, disk and files: whether they can be used, hold enough, and are nobody else's to read.

Knows: what relayproxy needs of each, and which rights its files should have.
Must not know: SQL; what is in the files.

Nothing is made, written or deleted.
"""

import os
import pwd
import stat
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path

from relayproxy.console.http.times import size
from relayproxy.doctor.check import Result, State
from relayproxy.doctor.clock import Clocks
from relayproxy.errors import SettingError
from relayproxy.plural import plural
from relayproxy.settings.model import Settings
from relayproxy.settings.validators import split_reference
from relayproxy.store.backup import sqlite_file
from relayproxy.store.errors import AwayError, StoreError
from relayproxy.store.read.health.inspection import DatabaseFacts, inspect_database

LOW, VERY_LOW = 0.10, 0.02
"""Shares of a disk that are free."""
MOST = 20_000
"""Files that are looked at."""
OLDEST = 12
"""PostgreSQL's oldest version."""
_NOT_YET = "it is not there yet"


def database(settings: Settings, clocks: Clocks) -> Iterator[Result]:
    """The database: whether it answers, has this version's schema, and could be written."""
    try:
        found = inspect_database(settings.database)
    except AwayError as problem:
        action = "calls go on without it; see to the server, its address, and what else uses it"
        yield Result("database", "database", "failed", str(problem), action)
        return
    except (StoreError, SettingError) as problem:
        action = "see that file or server, user and password, and that database_url is the one that is meant"
        yield Result("database", "database", "failed", str(problem), action)
        return
    if found.ahead is not None:
        clocks.ahead["database"] = found.ahead
    yield _schema(found, settings)
    if found.standby:
        text = "the server is a standby and takes no writing"
        action = "name the primary, or several hosts with target_session_attrs=read-write"
        yield Result("database", "writing", "failed", text, action)
    elif found.unwritable is not None:
        text, action = f"could not be written: {found.unwritable}", "see its rights, its disk, and what else holds it"
        yield Result("database", "writing", "failed", text, action)
    elif found.state == "ready":
        yield Result("database", "writing", "ok", "could be written (a transaction was begun, and rolled back)")
    version = found.kind.removeprefix("PostgreSQL ")
    if version != found.kind and int(version.split(".")[0]) < OLDEST:
        text = f"{found.kind} is too old"
        yield Result("database", "version", "failed", text, f"PostgreSQL {OLDEST} or newer is expected")
    if found.encoding != "UTF8":
        action = "make a database with `createdb --template=template0 --encoding=UTF8`"
        yield Result("database", "encoding", "failed", f"its encoding is {found.encoding}", action)


def disk(settings: Settings) -> Iterator[Result]:
    """The disks of what is written: free space and inodes, and whether the journal's quota fits there."""
    file = None if settings.embedded else sqlite_file(settings.database)
    elsewhere = () if file is None else (("database", file.absolute()),)
    for name, path in (*_folders(settings), *elsewhere):
        there = _nearest(path)
        try:
            found = os.statvfs(there)
        except OSError as problem:
            yield Result("disk", name, "failed", f"{path}: {problem.strerror}", "see to that disk")
            continue
        free, total = found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize
        yield _room(name, path, free, total, inodes=(found.f_favail, found.f_files))
        if name == "journal":
            taken = sum(found.st_size for _, found in _files(path))
            missing = settings.journal_quota - taken - free
            if missing > 0:
                text = f"the journal may take {size(settings.journal_quota)}, and {size(free)} are free"
                action = "make room, or set journal_quota lower: a full disk leaves gaps in what is recorded"
                yield Result("disk", "quota", "warning", text, action)
            else:
                text = f"the journal has {size(taken)} and may take {size(settings.journal_quota)}, which fits"
                yield Result("disk", "quota", "ok", text)


def files(settings: Settings, config: Path | None) -> Iterator[Result]:
    """Folders and files: whether they can be written, and whether others may read them."""
    for name, path in _folders(settings):
        there = _nearest(path)
        if not os.access(there, os.W_OK | os.X_OK):
            text = f"{path} cannot be written" if there == path else f"{path} cannot be made within {there}"
            action = f"let the user {_user()} write there, or choose another folder"
            yield Result("files", name, "failed", text, action)
        elif there != path:
            yield Result("files", name, "ok", f"{path}: {_NOT_YET}, and can be made")
        else:
            yield _privacy(name, path)
    secret = [*_secret_files(settings, config)]
    open_to_others = [path for path in secret if _others_read(path)]
    for path in open_to_others:
        action = f"chmod o-r {path}: it holds secrets, or may"
        yield Result("files", path.name, "warning", f"{path} can be read by everybody on this machine", action)
    if secret and not open_to_others:
        text = f"{plural(len(secret), 'file')} of secrets and settings: not for everybody to read"
        yield Result("files", "secrets", "ok", text)


def _schema(found: DatabaseFacts, settings: Settings) -> Result:
    about = f"{found.kind} at {found.where}"
    if found.state == "ready":
        text = f"{about}: {size(found.size)}, schema {found.revision}"
        return Result("database", "database", "ok", text)
    if found.state == "missing" and settings.embedded:
        return Result("database", "database", "ok", f"{about}: {_NOT_YET}; `serve` makes it")
    state: State = "warning" if found.state == "older" and settings.embedded else "failed"
    schema = f"schema {found.revision}, and {found.expected} is this version's" if found.revision else "no schema"
    action = "`serve` brings it up to date itself" if state == "warning" else found.words
    return Result("database", "database", state, f"{about}: {schema}", action)


def _room(name: str, path: Path, free: int, total: int, inodes: tuple[int, int]) -> Result:
    share = free / total if total else 1.0
    text = f"{path}: {size(free)} of {size(total)} free ({share:.0%})"
    if inodes[1] and not inodes[0]:
        return Result("disk", name, "failed", f"{path}: no inodes are free", "delete files there, or make room")
    if share >= LOW:
        return Result("disk", name, "ok", text)
    action = "make room, or move the folder: on a full disk calls go on, and what they say is not recorded"
    return Result("disk", name, "failed" if share < VERY_LOW else "warning", text, action)


def _privacy(name: str, folder: Path) -> Result:
    mode = folder.stat().st_mode
    found = [file for file, its in _files(folder) if its.st_mode & (stat.S_IRWXG | stat.S_IRWXO)]
    if not mode & (stat.S_IRWXG | stat.S_IRWXO):
        return Result("files", name, "ok", f"{folder}: can be written, and only its owner can look inside")
    if not found:
        return Result("files", name, "ok", f"{folder}: can be written, and only their owner reads its files")
    text = f"{folder}: {plural(len(found), 'file')} can be read by others, such as {found[0].name}"
    return Result("files", name, "warning", text, f"chmod -R go= {folder}: calls are in there, also unredacted")


def _folders(settings: Settings) -> Iterator[tuple[str, Path]]:
    yield "data folder", settings.data_dir.absolute()
    yield "journal", settings.journal.absolute()


def _nearest(path: Path) -> Path:
    """The folder itself, or the nearest above it that is there."""
    return next(one for one in (path, *path.parents) if one.exists())


def _files(folder: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """The regular files in a folder, and in those within it."""
    paths = (Path(parent, name) for parent, _, names in os.walk(folder) for name in names)
    for path in islice(paths, MOST):
        with suppress(OSError):  # others are at work there
            found = path.lstat()
            if stat.S_ISREG(found.st_mode):
                yield path, found


def _secret_files(settings: Settings, config: Path | None) -> Iterator[Path]:
    routes = (route.auth_tokens for route in settings.routes.values())
    references = [one for given in (settings.auth_tokens, *routes) if given for one in given.split(",")]
    references += settings.otel.headers.split(",") if settings.otel.headers else []
    references += [one for one in (settings.receiver.token,) if one]
    for webhook in settings.webhooks.values():
        references += [one for one in (webhook.url, webhook.secret) if one and one.startswith("file:")]
    paths = [Path(where).expanduser() for _, kind, where in map(split_reference, references) if kind == "file"]
    keys = [settings.tls_key, settings.otel.client_key, config]
    for path in dict.fromkeys([*paths, *(key for key in keys if key is not None)]):
        if path.is_file():
            yield path


def _others_read(path: Path) -> bool:
    return bool(path.stat().st_mode & stat.S_IROTH)


def _user() -> str:

    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())
