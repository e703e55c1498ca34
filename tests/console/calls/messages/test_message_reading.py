"""Pages, filters and counts of raw messages."""

import pytest
from sqlalchemy import event, text

from relayproxy.console.calls.messages import message_reading
from relayproxy.console.calls.messages.message_places import MessagePlace, MessagePlaces
from relayproxy.console.calls.messages.message_preview import NOT_JSON, UNTYPED
from relayproxy.console.calls.messages.message_reading import (
    Counts,
    Filter,
    MessagePage,
    ordinal_at,
    read_around,
    read_back,
    read_cursor,
    read_page,
    write_cursor,
)
from relayproxy.conversation.message import Message
from relayproxy.store.read.queries import Queries
from relayproxy.store.schema.rows import Batch
from relayproxy.store.write import chunks
from relayproxy.store.write.archive import Archive
from tests.console import samples
from tests.store.build import chunk, connection

ALL = Filter()
KEYS = Filter(kinds=frozenset({"dtmf"}))


def a_call(archive: Archive, keys: int) -> samples.Call:
    call = samples.Call(archive).setup()
    for number in range(keys):
        call.twilio(1 + number, "dtmf", digit="1").backend(1.5 + number, "text", token="One.", last=True)
    return call.commit()


def seqs(queries: Queries, call: samples.Call, limit: int, wanted: Filter) -> list[list[int]]:
    """The pages from the first to the last."""
    pages = []
    after: MessagePlace | None = None
    while True:
        page = read_page(queries, call.id, after, limit, wanted)
        pages.append([placed.message.seq for placed in page.messages])
        if page.next is None:
            return pages
        after = page.next


def test_pages_follow_each_other_without_a_gap(archive: Archive, queries: Queries) -> None:
    call = a_call(archive, 3)
    assert seqs(queries, call, 3, ALL) == [[0, 1, 2], [3, 4, 5], [6]]
    assert seqs(queries, call, 7, ALL) == [[0, 1, 2, 3, 4, 5, 6]]


def test_a_filter_takes_what_fits_from_wherever_it_lies(archive: Archive, queries: Queries) -> None:
    call = a_call(archive, 5)
    assert [seq for page in seqs(queries, call, 2, KEYS) for seq in page] == [1, 3, 5, 7, 9]
    both = Filter(sides=frozenset({"backend"}), kinds=frozenset({"dtmf"}))
    assert seqs(queries, call, 2, both) == [[]]


def test_the_end_of_a_page_is_where_new_messages_follow(archive: Archive, queries: Queries) -> None:
    call = a_call(archive, 2)
    page = read_page(queries, call.id, None, 100, KEYS)
    assert (page.next, page.seen) == (None, (0, 4))
    call.twilio(9, "dtmf", digit="2").commit()
    later = read_page(queries, call.id, page.seen, 100, KEYS)
    assert [placed.message.seq for placed in later.messages] == [5]


def test_counting_goes_on_where_it_stopped(archive: Archive, queries: Queries) -> None:
    counts = Counts()
    call = a_call(archive, 4)
    assert counts.of(queries, call.id, at_most=3) is None
    assert counts.of(queries, call.id) == {("twilio", "setup"): 1, ("twilio", "dtmf"): 4, ("backend", "text"): 4}
    call.hang_up(20).commit()
    assert counts.of(queries, call.id, at_most=3) == {
        ("twilio", "setup"): 1,
        ("twilio", "dtmf"): 4,
        ("backend", "text"): 4,
        ("twilio", "close"): 1,
        ("backend", "close"): 1,
    }


def test_messages_without_a_stored_type_are_counted_by_what_they_say(archive: Archive, queries: Queries) -> None:
    texts = ('{"type":"end"}', "no JSON", "{}", '{"type":"end"}')
    old = [Message(seq, seq, "backend", "text", text=text) for seq, text in enumerate(texts)]
    archive.commit(Batch(connections=(connection("a"),), chunks=(chunk("a", old),), finished=("a",)))

    assert Counts().of(queries, "a") == {("backend", "end"): 2, ("backend", NOT_JSON): 1, ("backend", UNTYPED): 1}


def test_cursors_are_read_as_written() -> None:
    assert read_cursor(write_cursor((2, 17))) == (2, 17)


@pytest.mark.parametrize("text", ["", "1", "1.2.3", "a.b", "-1.2", "1.", "²5.1"])
def test_anything_else_is_no_cursor(text: str) -> None:
    with pytest.raises(ValueError):
        read_cursor(text)


def found(page: MessagePage) -> list[int]:
    return [placed.message.seq for placed in page.messages]


def places_of(queries: Queries, call: samples.Call) -> MessagePlaces:
    view = queries.session(call.id)
    assert view
    return MessagePlaces(tuple(connection.next_seq for connection in view.connections))


def test_text_is_found_in_whatever_case_and_however_it_was_escaped(archive: Archive, queries: Queries) -> None:
    call = (
        samples.Call(archive).setup().asks(1, "Where is the CAFÉ?").text(2, "backend", r'{"token":"caf\u00e9 \u2615"}')
    )
    call.message(3, "backend", "close", code=1000, reason="café closed", size=10).message(3.1, "twilio", "ping", size=0)
    call.text(3.2, "backend", "(a|b).*").commit()

    def seqs_with(text: str) -> list[int]:
        return found(read_page(queries, call.id, None, 100, Filter(text=text)))

    assert seqs_with("café") == [2, 3, 4]
    assert seqs_with("voiceprompt") == [1, 2]
    assert seqs_with(r"\u2615") == [3]
    assert seqs_with("☕") == [3]
    assert seqs_with("(a|b).*") == [6]
    assert seqs_with("nowhere") == []
    both = Filter(sides=frozenset({"twilio"}), text="café")
    assert found(read_page(queries, call.id, None, 100, both)) == [2]


def test_pages_backwards_meet_those_forwards(archive: Archive, queries: Queries) -> None:
    call = a_call(archive, 5)
    places = places_of(queries, call)
    assert found(read_back(queries, call.id, places, places.total, 4, ALL)) == [7, 8, 9, 10]
    for wanted in (ALL, KEYS, Filter(text="one")):
        forwards = [seq for page in seqs(queries, call, 3, wanted) for seq in page]
        backwards: list[int] = []
        before = places.total
        while True:
            page = read_back(queries, call.id, places, before, 2, wanted)
            backwards = found(page) + backwards
            if page.previous is None:
                break
            before = places.ordinal(page.previous)
        assert backwards == forwards


def test_the_last_page_goes_on_with_what_comes(archive: Archive, queries: Queries) -> None:
    call = a_call(archive, 3)
    places = places_of(queries, call)
    last = read_back(queries, call.id, places, places.total, 2, ALL)
    assert (last.next, last.seen) == (None, (0, 6))
    inner = read_back(queries, call.id, places, 4, 2, ALL)
    assert (found(inner), inner.next, inner.previous) == ([2, 3], (0, 3), (0, 2))


def test_a_page_around_a_place_has_both_sides(archive: Archive, queries: Queries) -> None:
    call = a_call(archive, 10)
    places = places_of(queries, call)
    page = read_around(queries, call.id, places, 10, 8, ALL)
    assert (found(page), page.previous, page.next) == ([8, 9, 10, 11, 12, 13, 14, 15], (0, 8), (0, 15))
    page = read_around(queries, call.id, places, 10, 8, KEYS)
    assert found(page) == [7, 9, 11, 13, 15, 17, 19]
    assert found(read_around(queries, call.id, places, 0, 4, ALL)) == [0, 1, 2, 3]


def test_one_page_looks_at_so_many_messages_and_says_so(
    archive: Archive, queries: Queries, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(message_reading, "SCAN", 6)
    monkeypatch.setattr(message_reading, "_BATCH", 4)
    call = a_call(archive, 10)
    page = read_page(queries, call.id, None, 100, Filter(text="one"))
    assert (found(page), page.next, page.scanned, page.stopped) == ([2, 4], (0, 5), 6, True)
    page = read_page(queries, call.id, page.next, 100, Filter(text="nowhere"))
    assert (found(page), page.next, page.stopped) == ([], (0, 11), True)
    places = places_of(queries, call)
    back = read_back(queries, call.id, places, places.total, 100, Filter(text="nowhere"))
    assert (found(back), back.stopped, back.scanned, back.previous) == ([], True, 8, (0, 13))


def test_one_page_looks_at_so_many_bytes_and_says_so(
    archive: Archive, queries: Queries, monkeypatch: pytest.MonkeyPatch
) -> None:
    call = samples.Call(archive).setup()
    for number in range(9):
        call.text(1 + number, "backend", f"{number}" * 100)
    call.commit()
    monkeypatch.setattr(message_reading, "LOOKED", 300)
    monkeypatch.setattr(message_reading, "_BATCH", 2)
    page = read_page(queries, call.id, (0, 0), 100, Filter(text="222"))
    assert (found(page), page.next, page.scanned, page.stopped) == ([3], (0, 3), 3, True)
    places = places_of(queries, call)
    back = read_back(queries, call.id, places, places.total, 100, Filter(text="111"))
    assert (found(back), back.scanned, back.stopped) == ([], 4, True)
    assert len(found(read_page(queries, call.id, (0, 0), 100, ALL))) == 9


@pytest.mark.in_database
def test_a_long_call_is_looked_through_with_each_of_its_parts_read_once(
    archive: Archive, queries: Queries, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chunks, "PART_BYTES", 2000)
    monkeypatch.setattr(message_reading, "_BATCH", 3)
    call = samples.Call(archive).setup()
    for number in range(50):
        call.twilio(1 + number, "dtmf", digit="1").commit()
    call.hang_up(60).commit()
    read: list[str] = []

    def note(_db: object, _cursor: object, statement: str, *_rest: object) -> None:
        read.extend(["part"] if "FROM recordings" in statement else [])

    event.listen(queries._engine, "before_cursor_execute", note)
    with queries.reading() as db:
        parts = db.execute(text("SELECT count(*) FROM recordings")).scalar_one()
    assert parts > 3
    places, nowhere = places_of(queries, call), Filter(text="nowhere")
    looks = (
        lambda: read_page(queries, call.id, None, 10, nowhere),
        lambda: read_back(queries, call.id, places, places.total, 10, nowhere),
        lambda: read_around(queries, call.id, places, 25, 10, nowhere),
        lambda: Counts().of(queries, call.id),
        lambda: ordinal_at(queries, call.id, places, [call.began], call.began + 30 * samples.S),
    )
    for look in looks:
        read.clear()
        look()
        assert len(read) <= parts + 1  # behind the last one there may be more


def test_a_moment_leads_to_the_first_message_from_then_on(archive: Archive, queries: Queries) -> None:
    call = a_call(archive, 5)
    places = places_of(queries, call)

    def at(seconds: float) -> int:
        return ordinal_at(queries, call.id, places, [call.began], call.began + round(seconds * samples.S))

    assert [at(-1), at(0), at(1), at(1.2), at(3.5), at(99)] == [0, 0, 1, 2, 6, 11]
