"""What a backend did in each turn is read with as little as is shown."""

import time

import msgspec
import pytest

from relayproxy.connection import Dial, Opening
from relayproxy.console.calls.backend_work import handshake, read_work, waited_for, whole
from relayproxy.console.calls.reading import StoredConnection, read_session
from relayproxy.conversation.backend.time_by_kind import sums
from relayproxy.store.read.queries import Queries
from relayproxy.store.write.annotation_writer import AnnotationWriter
from relayproxy.store.write.archive import Archive
from tests.console import samples
from tests.console.backend_spans import BOOKING, keep
from tests.store.build import connection

MS = 1_000_000


async def test_spans_are_in_their_turns_and_come_whole_when_they_are_asked_for(
    archive: Archive, queries: Queries, writer: AnnotationWriter
) -> None:
    call = samples.booking(archive, samples.ago(100)).commit()
    keep(writer, call, BOOKING)
    found = await read_session(queries, call.id)
    assert found is not None

    session = read_work(queries, found)

    assert {turn: len(session.of_turn(turn)) for turn in (None, 0, 1, 2, 3, 4)} == {
        None: 1,
        0: 0,
        1: 2,
        2: 6,
        3: 2,
        4: 0,
    }
    assert not any(span.node.span.detail.attributes for span in session.of_turn(2))
    shown = whole(queries, call.id, session.of_turn(2)[1:3])
    assert [(one.work.kind, one.placed.depth) for one in shown] == [("model", 1), ("http", 2)]
    assert shown[0].work.model == "m-large"


async def test_a_wait_that_lasts_has_gone_into_nothing_yet(
    archive: Archive, queries: Queries, writer: AnnotationWriter
) -> None:
    call = samples.Call(archive, samples.ago(20)).setup().asks(2, "Are you there?").commit()
    keep(writer, call, "chat 2.1 3.0 model")
    found = await read_session(queries, call.id)
    assert found is not None
    session = read_work(queries, found)

    assert [span.turn for span in session.spans] == [1]
    assert waited_for(queries, call.id, session.of_turn(1), session.turns[1]) == ()


@pytest.mark.parametrize("many", [1000])
async def test_a_turn_with_a_great_many_spans_is_summed_whole(
    archive: Archive, queries: Queries, writer: AnnotationWriter, many: int
) -> None:
    call = samples.booking(archive, samples.ago(100)).commit()
    keep(writer, call, "\n".join(f"SELECT {13.2 + n / many} {13.2 + (n + 1) / many} database" for n in range(many)))
    found = await read_session(queries, call.id)
    assert found is not None
    session = read_work(queries, found)

    parts = sums(waited_for(queries, call.id, session.of_turn(2), session.turns[2]))

    assert parts["database"] == 1000 * MS


@pytest.mark.parametrize(
    ("known", "seen"),
    [
        ({"connected_after": 41 * MS}, (0, 41, None)),
        ({"connected_after": 41 * MS, "dial": Dial(dns=MS, connect=2 * MS, upgrade=30 * MS)}, (3, 41, 2)),
        ({"connected_after": 41 * MS, "dial": Dial(dns=MS)}, (1, 41, None)),
    ],
)
def test_a_handshake_is_what_the_relay_saw_of_it(known: dict[str, object], seen: tuple[int, int, int | None]) -> None:
    began = time.time_ns()
    opening = Opening("c", "ab" * 16, "cd" * 8, "default", "ws://a", "/", began, "", **known)  # type: ignore[arg-type]
    found = handshake(StoredConnection(0, connection("c"), opening, None))

    assert (found.trace_id, found.span_id) == ("ab" * 16, "cd" * 8)
    assert (
        (found.sent_at - began) // MS,
        (found.answered_at - began) // MS,
        found.connect and found.connect // MS,
    ) == seen


def test_one_that_was_not_answered_tells_nothing() -> None:
    opening = Opening("c", "ab" * 16, "cd" * 8, "default", "ws://a", "/", 5, "")
    found = handshake(StoredConnection(0, connection("c"), msgspec.structs.replace(opening, error="refused"), None))
    assert found.answered_at < found.sent_at
