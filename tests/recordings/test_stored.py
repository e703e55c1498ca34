"""A stored session is the same call as its file."""

import gzip
import io
from collections.abc import Iterator

import pytest

from relayproxy.recordings.call import recorded_call
from relayproxy.recordings.files import recording_of
from relayproxy.recordings.stored import NoContentError, recording_lines, stored_call, stored_session
from relayproxy.store.engine import open_engine, open_reader
from relayproxy.store.read.queries import Queries
from relayproxy.store.write.archive import Archive
from tests.console import samples
from tests.databases import migrated


@pytest.fixture
def url(tmp_path: object) -> str:
    url = f"sqlite:///{tmp_path}/data/relayproxy.db"
    migrated(url)
    return url


@pytest.fixture
def archive(url: str) -> Iterator[Archive]:
    engine = open_engine(url)
    yield Archive(engine)
    engine.dispose()


@pytest.fixture
def queries(url: str) -> Iterator[Queries]:
    engine = open_reader(url)
    yield Queries(engine)
    engine.dispose()


def test_a_stored_session_is_the_call_of_its_file(archive: Archive, queries: Queries) -> None:
    call = samples.booking(archive, samples.ago(100)).commit()
    session = stored_session(queries, call.vx)
    file = io.BytesIO(gzip.compress(b"".join(recording_lines(queries, session.session, session.connections))))

    found = stored_call(queries, call.vx)
    assert found == recorded_call(*recording_of(file, "file"))
    assert found.header.id == call.id
    assert found.connections[0].messages == (*archive.messages(call.id),)
    assert found.conversation == call.fold.conversation()


def test_a_live_session_is_told_as_far_as_it_has_come(archive: Archive, queries: Queries) -> None:
    call = samples.Call(archive, samples.ago(10)).setup().asks(1, "Hello?").commit()
    found = stored_call(queries, call.id)

    assert found.conversation.live
    assert not found.header.complete


def test_what_is_not_there_is_said(queries: Queries, archive: Archive) -> None:
    with pytest.raises(NoContentError, match="there is no session VX99 here"):
        stored_call(queries, "VX99")
