"""Imports: a file becomes a session like the one it was, marked, redacted as calls are here, once, and whole or not at
all."""

import gzip
import io
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from relayproxy.conversation.checks.findings import Thresholds
from relayproxy.conversation.recording import RecordedConnection, read_recording, write_header, write_messages
from relayproxy.recorder.rebuild import rebuild
from relayproxy.recordings import importing
from relayproxy.recordings.files import RecordingFileError, read_call
from relayproxy.recordings.importing import Imported, ImportRefused, import_file
from relayproxy.recordings.stored import recording_lines, stored_call, stored_session
from relayproxy.settings.model import Settings
from relayproxy.store.engine import open_engine, open_reader
from relayproxy.store.read.alert_measures import failure_rate, last_call
from relayproxy.store.read.filters.criteria import Criteria, Criterion
from relayproxy.store.read.latest_by_route import arrivals
from relayproxy.store.read.queries import Queries
from relayproxy.store.read.signatures import recent_signatures
from relayproxy.store.read.span_owners import owners_between, owners_by_trace
from relayproxy.store.write import archive as archives
from relayproxy.store.write.archive import Archive
from relayproxy.store.write.deletion.deletion import Deletion
from tests.console import samples
from tests.databases import content_of, migrated
from tests.recordings.test_files import FILES

S = 1_000_000_000
IMPORTED = Criteria((Criterion("is", "=", ("imported",)),))


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "data", keep_content=0, keep_numbers=0)


@pytest.fixture
def archive(settings: Settings) -> Iterator[Archive]:
    migrated(settings.database)
    engine = open_engine(settings.database)
    yield Archive(engine)
    engine.dispose()


@pytest.fixture
def queries(settings: Settings) -> Iterator[Queries]:
    engine = open_reader(settings.database)
    yield Queries(engine)
    engine.dispose()


def kept(name: str = "booking.v1.relayproxy.jsonl.gz") -> bytes:
    return (FILES / name).read_bytes()


Change = Callable[[Any, list[Any]], tuple[Any, list[Any]]]


def changed(change: Change, name: str = "reconnected.v1.relayproxy.jsonl") -> bytes:
    """A kept file whose header and messages are others."""
    content = kept(name)
    header, messages = read_recording((gzip.decompress(content) if name.endswith("gz") else content).splitlines())
    head, found = change(header, [*messages])
    return write_header(head) + b"".join(write_messages(one.connection, [one.message]) for one in found)


def brought(archive: Archive, settings: Settings, content: bytes, **more: Any) -> Imported:
    return import_file(archive, settings, io.BytesIO(content), "call.gz", "ann", **more)


def of_now() -> bytes:
    """A file of a call that has just ended, and failed."""

    def change(header: Any, messages: list[Any]) -> tuple[Any, list[Any]]:
        (one,) = header.connections
        opening = msgspec.structs.replace(one.opening, opened_at=time.time_ns() - 60 * S)
        return msgspec.structs.replace(
            header, connections=(RecordedConnection(opening, one.ending, one.messages),)
        ), messages

    return changed(change, "failing.v1.relayproxy.jsonl.gz")


@pytest.mark.parametrize("path", sorted(FILES.iterdir()), ids=lambda path: path.name)
def test_every_kept_file_comes_in_and_is_the_same_call(
    path: Path, archive: Archive, queries: Queries, settings: Settings
) -> None:
    before = read_call(path)
    settings = settings.model_copy(update={"record": "full"})
    imported = brought(archive, settings, path.read_bytes())
    after = stored_call(queries, imported.session)

    assert imported == Imported(before.header.id, True, sum(len(one.messages) for one in before.connections))
    assert after.connections == before.connections
    assert after.conversation == before.conversation
    row = stored_session(queries, imported.session)
    assert row.session.ended_at == before.conversation.ended_at
    assert row.imported is not None
    assert (row.imported.actor, row.imported.produced_by) == ("ann", before.header.produced_by)
    assert [one.id for one in queries.sessions(10, criteria=IMPORTED).sessions] == [imported.session]


def test_the_same_file_is_recognised(archive: Archive, queries: Queries, settings: Settings) -> None:
    first = brought(archive, settings, kept())
    again = brought(archive, settings, kept())

    assert (first.new, again.new, again.session) == (True, False, first.session)
    assert queries.count() == 1


def test_a_call_that_was_recorded_here_is_not_replaced(archive: Archive, queries: Queries, settings: Settings) -> None:
    call = samples.booking(archive, samples.ago(100)).commit()
    session = stored_session(queries, call.id)
    imported = brought(archive, settings, b"".join(recording_lines(queries, session.session, session.connections)))

    assert (imported.session, imported.new) == (call.id, False)
    assert stored_session(queries, call.id).imported is None
    assert not queries.sessions(10, criteria=IMPORTED).sessions


def test_a_connection_that_is_here_already_tells_its_session(
    archive: Archive, queries: Queries, settings: Settings
) -> None:
    def second_alone(header: Any, messages: list[Any]) -> tuple[Any, list[Any]]:
        one = header.connections[1]
        alone = msgspec.structs.replace(header, id=one.opening.connection_id, connections=(one,))
        return alone, [type(m)(0, m.message) for m in messages if m.connection == 1]

    whole = brought(archive, settings, kept("reconnected.v1.relayproxy.jsonl"))
    part = brought(archive, settings, changed(second_alone))

    assert (part.session, part.new) == (whole.session, False)


@pytest.mark.parametrize("record", ["redacted", "full"])
def test_secrets_are_masked_as_in_calls_here_or_as_somebody_wants(
    archive: Archive, queries: Queries, settings: Settings, record: str
) -> None:
    settings = settings.model_copy(update={"record": record})
    call = samples.Call(archive, samples.ago(500)).setup()
    call.asks(1, "My PIN is 4821, and the card is 4111 1111 1111 1111.").answers(2, "Thank you.").hang_up(4)
    messages = call._pending
    content = kept("reconnected.v1.relayproxy.jsonl")
    header, _ = read_recording(content.splitlines())
    alone = msgspec.structs.replace(
        header, id=call.id, connections=(RecordedConnection(call.opened, call.ending, len(messages)),)
    )
    secret = write_header(alone) + write_messages(0, messages)

    found = stored_call(queries, brought(archive, settings, secret, at_most="redacted").session)
    said = [turn.caller_text for turn in found.conversation.turns if turn.caller_text]
    assert said == ["My PIN is ••••, and the card is •••• •••• •••• 1111."]
    assert found.conversation.totals.redacted == {"pin": 1, "card_number": 1}
    assert found.connections[0].opening.record == "redacted"
    stored = content_of(settings.data_dir)
    assert b"My PIN is" in stored
    assert b"4821" not in stored


def test_what_was_masked_before_stays_so_and_is_counted(archive: Archive, queries: Queries, settings: Settings) -> None:
    def masked(header: Any, messages: list[Any]) -> tuple[Any, list[Any]]:
        messages[1] = type(messages[1])(0, msgspec.structs.replace(messages[1].message, redacted={"pin": 1}))
        return header, messages

    found = stored_call(queries, brought(archive, settings, changed(masked)).session)
    assert found.connections[0].messages[1].redacted == {"pin": 1}


@pytest.mark.parametrize(
    ("here", "there", "kept_as"),
    [("full", "metadata", "metadata"), ("metadata", "redacted", "metadata"), ("full", None, None)],
)
def test_of_two_ways_of_recording_the_one_that_keeps_less_holds(
    archive: Archive, queries: Queries, settings: Settings, here: str, there: str | None, kept_as: str | None
) -> None:
    def recorded(header: Any, messages: list[Any]) -> tuple[Any, list[Any]]:
        return msgspec.structs.replace(
            header,
            connections=tuple(
                RecordedConnection(msgspec.structs.replace(one.opening, record=there), one.ending, one.messages)
                for one in header.connections
            ),
        ), messages

    settings = settings.model_copy(update={"record": here})
    found = stored_call(queries, brought(archive, settings, changed(recorded)).session)
    assert found.connections[0].opening.record == kept_as
    assert ("table" in str(found.connections[0].messages)) == (here == "full")


def test_a_call_that_lived_when_it_was_downloaded_is_over(
    archive: Archive, queries: Queries, settings: Settings
) -> None:
    def live(header: Any, messages: list[Any]) -> tuple[Any, list[Any]]:
        one = header.connections[0]
        return msgspec.structs.replace(header, connections=(RecordedConnection(one.opening, None, 4),)), messages[:4]

    session = stored_session(queries, brought(archive, settings, changed(live)).session).session
    assert session.ended_at == session.started_at + 2_700_000_000
    assert session.outcome == "unknown"


def test_what_is_imported_is_no_call_of_this_relay(archive: Archive, queries: Queries, settings: Settings) -> None:
    recorded = samples.failing(archive, samples.ago(300)).commit()
    since = time.time_ns() - 600 * S
    alone = failure_rate(queries, since, None), last_call(queries, "support")
    imported = brought(archive, settings, of_now())
    row = stored_session(queries, imported.session).session

    assert (failure_rate(queries, since, None), last_call(queries, "support")) == alone
    assert [one.session.id for one in arrivals(queries).values()] == [recorded.id]
    assert len(recent_signatures(queries)["support"].states) == 1
    with queries.reading() as db:
        assert [one.session for one in owners_between(db, since, time.time_ns())] == [recorded.id]
        assert owners_by_trace(db, [row.trace_id]) == {}
    assert archive.sessions_by_ids(row.session_id, row.call_sid, 0) == ()


def test_what_is_erased_leaves_no_mark(archive: Archive, queries: Queries, settings: Settings) -> None:
    session = brought(archive, settings, kept()).session
    engine = open_engine(settings.database)
    with engine.begin() as db:
        Deletion(session, whole=True).work(db, lambda: False)
    engine.dispose()

    assert queries.imports([session]) == {}
    assert brought(archive, settings, kept()).new


def test_deriving_it_anew_leaves_the_mark(archive: Archive, queries: Queries, settings: Settings) -> None:
    session = brought(archive, settings, kept()).session
    before = stored_session(queries, session)
    for summary in rebuild(archive, (session,), lambda _: Thresholds()):
        assert not summary.failed

    after = stored_session(queries, session)
    assert after.imported == before.imported
    assert after.session.revision == before.session.revision + 1


def edited(**values: Any) -> Change:
    """Another opening of the first connection."""

    def change(header: Any, messages: list[Any]) -> tuple[Any, list[Any]]:
        one, *rest = header.connections
        opening = msgspec.structs.replace(one.opening, **values)
        return msgspec.structs.replace(
            header, connections=(RecordedConnection(opening, one.ending, 4), *rest)
        ), messages

    return change


def renamed(id: str) -> Change:
    """The same recording with another id."""

    def change(header: Any, messages: list[Any]) -> tuple[Any, list[Any]]:
        found, _ = edited(connection_id=id)(header, messages)
        return msgspec.structs.replace(found, id=id), messages

    return change


def moved(place: int, **values: Any) -> Change:
    """Another message at that place."""

    def change(header: Any, messages: list[Any]) -> tuple[Any, list[Any]]:
        one = messages[place]
        messages[place] = type(one)(one.connection, msgspec.structs.replace(one.message, **values))
        return header, messages

    return change


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (edited(connection_id="f" * 32), "line 1 of the recording is damaged: its connections do not fit its id"),
        (renamed("../../elsewhere"), "the recording is damaged: an id is not 32 hexadecimal digits"),
        (edited(trace_id="0" * 5000), "the recording is damaged: an id is not 32 hexadecimal digits"),
        (edited(span_id=""), "the recording is damaged: the id of a span is not 16 hexadecimal digits"),
        (edited(opened_at=2**61), "this call is yet to come, by its time; is the clock of this machine right?"),
        (moved(1, seq=3), "line 3 of the recording is damaged: message 3 is where message 1 is expected"),
        (moved(2, t=2**62), "line 4 of the recording is damaged: message 2 has an impossible time"),
    ],
    ids=range(7),
)
def test_what_is_wrong_is_told_in_one_sentence_and_nothing_comes_in(
    archive: Archive, queries: Queries, settings: Settings, change: Any, sentence: str
) -> None:
    with pytest.raises((ImportRefused, RecordingFileError)) as told:
        brought(archive, settings, changed(change))

    assert str(told.value) == f"call.gz: {sentence}"
    assert queries.empty()


def test_a_file_that_is_damaged_towards_its_end_leaves_nothing(
    archive: Archive, queries: Queries, settings: Settings
) -> None:
    with pytest.raises(RecordingFileError, match="cut short"):
        brought(archive, settings, kept()[:-30])

    assert queries.empty()


def test_an_import_that_cannot_be_written_to_its_end_leaves_nothing(
    archive: Archive, queries: Queries, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise RuntimeError("the machine is gone")

    monkeypatch.setattr(archives, "_tell_watchers", fails)
    with pytest.raises(RuntimeError):
        brought(archive, settings, kept())

    assert queries.empty()
    with queries.reading() as db:
        assert not db.connection.dbapi_connection.execute("SELECT * FROM recordings").fetchall()  # type: ignore[union-attr]


@pytest.mark.parametrize("step", ["redacted", "fold_connections"])
def test_a_bug_tells_where_it_is_and_nothing_that_was_said(
    archive: Archive, queries: Queries, settings: Settings, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def fails(*_: object) -> None:
        raise ValueError("my PIN is 4821")

    monkeypatch.setattr(importing, step, fails)
    with pytest.raises(ImportRefused) as told:
        brought(archive, settings, kept())

    assert "a bug of relayproxy keeps it from being imported (ValueError in test_importing.py:" in str(told.value)
    assert "4821" not in "".join(traceback.format_exception(told.value))
    assert queries.empty()


def test_what_would_be_deleted_at_once_is_refused(archive: Archive, settings: Settings) -> None:
    settings = settings.model_copy(update={"keep_content": 30})

    with pytest.raises(ImportRefused, match=r"kept here for 30 days \(keep_content\), and this call is older"):
        brought(archive, settings, kept())
    assert brought(archive, settings, of_now()).new


def test_where_nothing_is_recorded_nothing_is_imported(archive: Archive, settings: Settings) -> None:
    settings = settings.model_copy(update={"record": "none"})
    with pytest.raises(ImportRefused, match="nothing is recorded here of calls over route default"):
        brought(archive, settings, kept("reconnected.v1.relayproxy.jsonl"))


def test_names_are_masked_or_the_file_is_refused(archive: Archive, queries: Queries, settings: Settings) -> None:
    settings = settings.model_copy(update={"redact_names": "model"})
    content = kept("reconnected.v1.relayproxy.jsonl")

    with pytest.raises(ImportRefused, match=r"names of people are masked here \(redact_names\)"):
        brought(archive, settings, content)
    found = brought(archive, settings, content, names=lambda _: lambda text: [(0, 3)] if text.startswith("Yes") else [])
    assert "◦◦◦, at eight." in [turn.agent_text for turn in stored_call(queries, found.session).conversation.turns]


def test_long_recordings_are_kept_in_parts(
    archive: Archive, queries: Queries, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("relayproxy.recordings.importing.PART_BYTES", 2000)
    before = read_call(FILES / "booking.v1.relayproxy.jsonl.gz")
    settings = settings.model_copy(update={"record": "full"})
    session = brought(archive, settings, kept()).session

    assert stored_call(queries, session).connections == before.connections
    assert [one.message.seq for one in queries.messages(session, (0, 60))] == [*range(61, 104)]
