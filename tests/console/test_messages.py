"""Pages, filters and counts of raw messages."""

import pytest

from relayproxy.console.messages import Counts, Filter, Place, read_cursor, read_page, write_cursor
from relayproxy.store.archive import Archive
from relayproxy.store.queries import Queries

from . import calls

ALL = Filter()
KEYS = Filter(kinds=frozenset({"dtmf"}))


def a_call(archive: Archive, keys: int) -> calls.Call:
    call = calls.Call(archive).setup()
    for number in range(keys):
        call.twilio(1 + number, "dtmf", digit="1").backend(1.5 + number, "text", token="One.", last=True)
    return call.commit()


def seqs(queries: Queries, call: calls.Call, limit: int, wanted: Filter) -> list[list[int]]:
    """The pages from the first to the last."""
    pages = []
    after: Place | None = None
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


def test_cursors_are_read_as_written() -> None:
    assert read_cursor(write_cursor((2, 17))) == (2, 17)


@pytest.mark.parametrize("text", ["", "1", "1.2.3", "a.b", "-1.2", "1.", "²5.1"])
def test_anything_else_is_no_cursor(text: str) -> None:
    with pytest.raises(ValueError):
        read_cursor(text)
