"""What a connection's row tells where a part of it is damaged."""

from dataclasses import replace

import msgspec

from relayproxy.connection import Ending, Opening
from relayproxy.recordings.connections import facts_of
from tests.store import build

OPENING = Opening("0" * 32, "1" * 32, "2" * 16, "sales", "ws://agent/", "/", 5, "127.0.0.1:1", status=101)
ROW = replace(
    build.connection("0" * 32),
    opened_at=5,
    ended_at=25,
    trace_id="1" * 32,
    opening=msgspec.json.encode(OPENING).decode(),
    ending=msgspec.json.encode(Ending(20, "twilio")).decode(),
)


def test_what_can_be_read_is_as_it_was_written() -> None:
    found = facts_of(ROW, "another")
    assert (found.opening, found.ending, found.whole) == (OPENING, Ending(20, "twilio"), True)


def test_for_what_cannot_be_read_its_columns_stand() -> None:
    found = facts_of(replace(ROW, opening="{", ending="[]"), "sales")
    assert not found.whole
    assert found.ending == Ending(20)
    known = found.opening
    assert (known.connection_id, known.trace_id, known.route, known.opened_at) == ("0" * 32, "1" * 32, "sales", 5)
    assert not known.peer
