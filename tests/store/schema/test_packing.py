"""Details are few bytes in the database, and the same text again when they are read, for as long as there are rows."""

from base64 import b64decode
from dataclasses import replace
from hashlib import sha256

import pytest
from sqlalchemy import Engine, select, update
from sqlalchemy.exc import IntegrityError

from relayproxy.conversation.model import Conversation
from relayproxy.recordings.derive import session_row, to_json, turn_of, turn_row
from relayproxy.store.engine import writing
from relayproxy.store.read.alert_measures import live_details
from relayproxy.store.read.queries import Queries
from relayproxy.store.schema.packing import DICTIONARY, detail_of, pack
from relayproxy.store.schema.rows import Batch
from relayproxy.store.schema.tables import sessions, turns
from relayproxy.store.write.archive import Archive
from tests.script import play
from tests.store.build import session

PLAYED = play("""
    0.000  twilio   setup sessionId=VX1 callSid=CA1 accountSid=AC1 from=+15550100001 to=+15550100002 plan=gold
    1.000  twilio   prompt "A table for two" last
    1.750  backend  text "For when?" last
    3.000  twilio   prompt "Tonight" last
    4.200  backend  text "A table is free at eight." last
""")
KEPT = b64decode("AUMMhEDH6Q3BhTKktjAmprawMEADhugVxuGV6AU9okEIAA==")
"""What the first version that packed details wrote of `TEXT`."""
TEXT = (
    '{"session_id":"VX1","number":3,"opened_by":"prompt","started_at":1800000000000000001,"caller_text":"é",'
    '"null_reason":"pending"}'
)


def details() -> list[str]:
    conversation: Conversation = PLAYED.fold.conversation()
    return [
        session_row("a", PLAYED.opening, conversation).detail,
        *(turn_row("a", turn).detail for turn in conversation.turns),
    ]


def test_what_was_packed_once_is_read_for_ever() -> None:
    """This fails when a dictionary was changed that rows were packed by: add another one instead."""
    assert detail_of("", KEPT) == TEXT
    assert sha256(DICTIONARY).hexdigest() == "60bc862d123c1d9e2b29be3a5d7837b2040a1cf7a83e53c09a4f882990e69d0b"


@pytest.mark.parametrize("detail", [*details(), "{}", "", '"é 😀"', f"[{', '.join(map(str, range(50_000)))}]"])
def test_a_detail_comes_back_as_it_was(detail: str) -> None:
    assert detail_of("", pack(detail)) == detail


def test_a_detail_of_a_usual_call_takes_a_third_of_the_room_and_less() -> None:
    assert all(len(pack(detail)) < len(detail) / 3 for detail in details())


def test_a_detail_that_is_not_packed_is_taken_as_it_is() -> None:
    assert detail_of('{"a":1}', None) == '{"a":1}'


@pytest.mark.parametrize("packed", [b"", b"\x02" + pack("{}")[1:], b"\x01\xff\xff\xff", pack('"é"')[:1]])
def test_a_detail_that_cannot_be_unpacked_is_empty(packed: bytes) -> None:
    assert detail_of("", packed) == ""


def test_rows_hold_details_packed_and_are_read_with_them(archive: Archive, engine: Engine, queries: Queries) -> None:
    turn = turn_row("a", PLAYED.fold.conversation().turns[1])
    row = session("a", turns=2, detail=details()[0])
    archive.commit(Batch(sessions=(row,), turns=(turn,)))
    archive.commit(Batch(sessions=(replace(row, messages=7),)))

    with engine.connect() as db:
        for table in (sessions, turns):
            [(detail, packed)] = db.execute(select(table.c.detail, table.c.packed)).all()
            assert (detail, detail_of("", packed)) == ("", (row if table is sessions else turn).detail)
    assert archive.session("a") == replace(row, messages=7, revision=2)
    assert queries.turns("a") == archive.turn_rows("a") == (turn,)
    assert queries.turn_details("a") == [turn.detail]
    assert live_details(queries, None, 5) == (("a", row.detail),)
    assert [one.detail for one in queries.sessions().sessions] == [""]


def test_rows_of_an_earlier_version_are_read_beside_those_that_are_packed(
    archive: Archive, engine: Engine, queries: Queries
) -> None:
    told = PLAYED.fold.conversation().turns
    archive.commit(Batch(sessions=(session("a", turns=2),), turns=tuple(turn_row("a", turn) for turn in told[:2])))
    with writing(engine).begin() as db:
        db.execute(update(turns).where(turns.c.number == 0).values(detail=to_json(told[0]), packed=None))
        db.execute(update(sessions).values(detail='{"as":"before"}', packed=None))

    assert tuple(turn_of(row) for row in queries.turns("a")) == told[:2]
    found = archive.session("a")
    assert found is not None
    assert found.detail == '{"as":"before"}'


@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
def test_who_knows_nothing_of_packed_details_changes_none_of_them_on_a_server(archive: Archive, engine: Engine) -> None:
    told = PLAYED.fold.conversation().turns
    archive.commit(Batch(sessions=(session("a", turns=2),), turns=tuple(turn_row("a", turn) for turn in told[:2])))

    for table in (sessions, turns):
        with pytest.raises(IntegrityError, match=f"ck_{table.name}_packed"), writing(engine).begin() as db:
            db.execute(update(table).values(detail="{}"))  # as retention cleared it
        with writing(engine).begin() as db:
            db.execute(update(table).values(detail="{}", packed=None))
            db.execute(update(table).values(detail="{}"))
    assert archive.session("a").detail == "{}"  # type: ignore[union-attr]
