"""Rows and pills."""

from collections import Counter
from typing import Any

from relayproxy.console.calls.messages.message_reading import Filter
from relayproxy.console.sessions.message_rows import pills, query, row
from relayproxy.conversation.message import Message
from relayproxy.store.read.queries import PlacedMessage


def placed(**message: Any) -> PlacedMessage:
    given: dict[str, Any] = {"seq": 7, "t": 5_000, "sender": "backend", "kind": "text", **message}
    return PlacedMessage(connection="c", index=1, opened_at=1_000_000, message=Message(**given))


def test_a_row_knows_its_place_and_times() -> None:
    shown = row(placed(text="{}", size=2, out=305_000))
    assert (shown.cursor, shown.wall, shown.held_us) == ("1.7", 1_005_000, 300)
    assert row(placed(text="{}", size=2)).held_us is None


def test_a_payload_is_left_out_until_it_is_asked_for() -> None:
    assert row(placed(text="xyz", size=3)).block is None
    assert row(placed(text="xyz", size=3), whole=True).block == "xyz"


def test_what_is_odd_is_named() -> None:
    assert row(placed(text="x", size=9, cut=True)).odd == ("cut",)
    assert row(placed(kind="gap", size=9, note="disk")).odd == ("gap",)
    assert row(placed(kind="text", data=b"\xff", size=1, note="invalid_utf8")).odd == ("not valid UTF-8",)
    assert row(placed(text="{}", size=2)).odd == ()


def test_pills_toggle_and_count() -> None:
    counts = Counter({("twilio", "prompt"): 3, ("backend", "text"): 40, ("twilio", "dtmf"): 2})
    shown = pills(counts, Filter(kinds=frozenset({"prompt"})))
    assert [(pill.value, pill.count, pill.on, pill.query) for pill in shown.kinds] == [
        ("text", 40, False, "?type=prompt&type=text"),
        ("prompt", 3, True, "?"),
        ("dtmf", 2, False, "?type=dtmf&type=prompt"),
    ]
    assert [(pill.value, pill.count, pill.query) for pill in shown.sides] == [
        ("twilio", 5, "?from=twilio&type=prompt"),
        ("backend", 40, "?from=backend&type=prompt"),
    ]
    assert (shown.matching, shown.clear) == (3, True)


def test_without_counts_the_filter_can_still_be_taken_back() -> None:
    shown = pills(None, Filter(kinds=frozenset({"a&b"})))
    assert [(pill.value, pill.count, pill.query) for pill in shown.kinds] == [("a&b", None, "?")]
    assert query(Filter(kinds=frozenset({"a&b"})), after="0.1") == "?type=a%26b&after=0.1"


def test_a_row_knows_when_it_was_written() -> None:
    assert row(placed(text="{}", size=2, out=305_000)).written == 1_305_000
    assert row(placed(text="{}", size=2)).written is None


def test_what_was_searched_for_is_marked_and_seen() -> None:
    text = '{"type":"text","token":"' + "word " * 60 + 'Needle and thread"}'
    shown = row(placed(text=text, size=len(text)), Filter(text="needle"), whole=True)
    assert shown.line.startswith("…")
    assert [piece for piece, hit in shown.pieces(shown.line) if hit] == ["Needle"]
    assert shown.block
    assert "".join(piece for piece, _ in shown.pieces(shown.block)) == shown.block
    plain = row(placed(text=text, size=len(text)))
    assert plain.pieces(plain.line) == ((plain.line, False),)


def test_a_searched_text_stays_when_a_pill_is_toggled() -> None:
    counts = Counter({("twilio", "prompt"): 3})
    shown = pills(counts, Filter(text="a b&c"))
    assert [pill.query for pill in shown.kinds] == ["?type=prompt&text=a+b%26c"]
    assert shown.clear
