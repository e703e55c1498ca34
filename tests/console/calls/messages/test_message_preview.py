"""Messages as a line and as a block."""

import json
import time
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from relayproxy.console.calls.messages import message_preview
from relayproxy.console.http import display_text
from relayproxy.conversation.message import Message
from relayproxy.conversation.protocol.decoding import decode


def text(content: str, **more: Any) -> Message:
    return Message(seq=0, t=0, sender="backend", kind="text", text=content, size=len(content), **more)


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        ('{"type":"prompt","voicePrompt":"Hi"}', "prompt"),
        ('{"type":"brand-new","x":[1,{"y":2}]}', "brand-new"),
        ('{"type":5}', "no type"),
        ('{"type":""}', "no type"),
        ("[1,2]", "no type"),
        ("null", "no type"),
        ('{"type":"text","token":NaN}', "not JSON"),
        ("busy", "not JSON"),
        ('{"type":"text","token":"\\ud800"}', "text"),
        ("[" * 100_000, "not JSON"),
        ('{"type":"' + "x" * 99 + '"}', "x" * 32),
    ],
)
def test_the_kind_is_the_type_when_there_is_one(content: str, kind: str) -> None:
    assert message_preview.kind_of(text(content)) == kind


@pytest.mark.parametrize(
    "content",
    [
        '{"type":"prompt","voicePrompt":"Hi"}',
        '{"type":"brand-new","x":[1,{"y":2}]}',
        '{"type":5}',
        '{"type":""}',
        '{"type":"\\u202eevil"}',
        '{"type":"text","token":"\\ud800"}',
        '{"type":"text","token":NaN}',
        '{"type":"text","token":5}',
        '{"type":"end","handoffData":' + "[" * 99 + "]" * 99 + "}",
        '{"type":"' + "x" * 99 + '"}',
        "[1,2]",
        "null",
        "busy",
    ],
)
@pytest.mark.parametrize("cut", [False, True])
def test_what_was_recorded_before_types_were_stored_is_told_apart_as_what_is_recorded_now(
    content: str, cut: bool
) -> None:
    before = text(content, cut=cut)
    now = msgspec.structs.replace(before, type=decode(before).type)
    assert message_preview.kind_of(now) == message_preview.kind_of(before)


def test_a_stored_type_is_believed_without_a_look_at_the_payload() -> None:
    assert message_preview.kind_of(text("withheld", type="prompt")) == "prompt"


def test_the_head_of_a_cut_message_still_tells_its_type() -> None:
    assert message_preview.kind_of(text('{"type": "text","token":"aaaa', cut=True)) == "text"
    assert message_preview.kind_of(text("aaaa", cut=True)) == "not JSON"


@pytest.mark.parametrize(
    ("message", "line"),
    [
        ({"type": "text", "token": "Sure, ", "last": False}, "“Sure, ”"),
        ({"type": "text", "token": "", "last": True, "preemptible": True}, "“” · last · preemptible"),
        ({"type": "prompt", "voicePrompt": "Hi", "last": False}, "“Hi” · partial"),
        (
            {"type": "interrupt", "utteranceUntilInterrupt": "Su", "durationUntilInterruptMs": "460"},
            "heard “Su”, 460 ms",
        ),
        ({"type": "dtmf", "digit": "#"}, "key #"),
        ({"type": "info", "name": "agentSpeaking", "value": "on"}, "agentSpeaking = on"),
        ({"type": "setup", "from": "+1555", "to": "+1556", "sessionId": "VX1"}, "+1555 → +1556 · VX1"),
        ({"type": "setup", "from": None, "sessionId": 7}, "? → ? · ?"),
        ({"type": "interrupt", "utteranceUntilInterrupt": "Su", "durationUntilInterruptMs": None}, "heard “Su”, ? ms"),
        ({"type": "end"}, "without handoff data"),
        ({"type": "end", "handoffData": {"a": "é"}}, '{"a": "é"}'),
        ({"type": "play", "source": "https://example.com/a.mp3"}, "https://example.com/a.mp3"),
        ({"type": "text", "token": 5}, '{"type": "text", "token": 5}'),
    ],
)
def test_a_line_tells_what_matters(message: dict[str, Any], line: str) -> None:
    assert message_preview.line(text(json.dumps(message))) == line


def test_lines_of_what_is_no_text() -> None:
    def line(**message: Any) -> str:
        return message_preview.line(Message(seq=0, t=0, sender="twilio", **message))

    assert line(kind="close", code=1007, reason="Too many") == "1007 Too many"
    assert line(kind="close") == "without a code"
    assert line(kind="gap", size=1, note="disk") == "1 byte not recorded: the journal could not be written"
    assert (
        line(kind="gap", note="journal_damaged") == "an unknown number of bytes not recorded: the journal was damaged"
    )
    assert line(kind="undecodable", size=77) == "77 bytes that are not WebSocket frames"
    assert line(kind="binary", data=b"\x00\xff", size=2) == "00 ff"


def test_a_block_lays_json_out_without_changing_it() -> None:
    block = message_preview.block(text('{"b":1.50,"a":1e400,"a":"\\u00e9"}'))
    assert block == '{\n  "b": 1.50,\n  "a": 1e400,\n  "a": "\\u00e9"\n}'
    assert message_preview.block(text("not {json")) == "not {json"
    assert message_preview.block(text("[" * 5000 + "]" * 5000)) == "[" * 5000 + "]" * 5000


def test_a_block_of_bytes_is_a_hex_dump() -> None:
    dump = message_preview.block(
        Message(seq=0, t=0, sender="twilio", kind="binary", data=b"Hello\x00" + bytes(12), size=18)
    )
    assert dump.splitlines()[0].startswith("000000  48 65 6c 6c 6f 00")
    assert dump.splitlines()[0].endswith("Hello···········")
    assert dump.splitlines()[1].startswith("000010  00 00")


def test_characters_that_mislead_are_written_out() -> None:
    assert display_text.visible("a\u202eb\u200bc\x00d\ne\tf") == "a⟦U+202E⟧b\u200bc⟦U+0000⟧d\ne\tf"
    assert display_text.visible("שלום, étude 日本") == "שלום, étude 日本"


@given(st.one_of(st.text(), st.from_regex(r'\{"type":"(text|prompt|end)".{0,40}\}')))
def test_any_text_gives_a_short_line_that_can_be_sent(content: str) -> None:
    line = message_preview.line(text(content))
    assert "\n" not in line
    line.encode()
    message_preview.block(text(content)).encode()
    message_preview.kind_of(text(content)).encode()


@pytest.mark.parametrize(
    ("content", "sought", "pieces"),
    [
        ("One and one", "one", [("One", True), (" and ", False), ("one", True)]),
        ("nothing here", "one", [("nothing here", False)]),
        ("", "one", []),
        ("(a)(a)", "(a)", [("(a)", True), ("(a)", True)]),
        ("Straße 1, STRASSE 2", "strasse", [("Straße", True), (" 1, ", False), ("STRASSE", True), (" 2", False)]),
        ("İßx", "sx", [("İ", False), ("ßx", True)]),
        ("all of it", "", [("all of it", False)]),
    ],
)
def test_hits_are_told_apart(content: str, sought: str, pieces: list[tuple[str, bool]]) -> None:
    assert list(message_preview.pieces(content, sought)) == pieces


def test_not_every_hit_of_very_many_is_marked() -> None:
    found = message_preview.pieces("a" * 5000, "a")
    assert len([hit for _, hit in found if hit]) == 500
    assert "".join(piece for piece, _ in found) == "a" * 5000


def test_the_line_of_a_hit_shows_it() -> None:
    told = text('{"type":"text","token":"Hello there","last":true}')
    assert message_preview.found_line(told, "there") == "“Hello there” · last"
    assert message_preview.found_line(told, '"last":true') == '{"type":"text","token":"Hello there","last":true}'
    long = text('{"type":"text","token":"' + "x" * 400 + 'needle"}')
    assert "needle" in message_preview.found_line(long, "needle")
    escaped = text(r'{"type":"text","token":"' + "x" * 400 + r'caf\u00e9"}')
    assert "café" in message_preview.found_line(escaped, "café")


@given(st.text(max_size=60), st.text(min_size=1, max_size=3))
def test_pieces_together_are_the_text(content: str, sought: str) -> None:
    assert "".join(piece for piece, _ in message_preview.pieces(content, sought.casefold())) == content


def test_a_search_that_nearly_fits_everywhere_takes_no_longer() -> None:
    told = text("a" * 4_000_000)
    began = time.process_time()
    assert not message_preview.hits(told, "a" * 190 + "b")
    assert message_preview.pieces("a" * 1_000_000, "a" * 190 + "b") == (("a" * 1_000_000, False),)
    assert time.process_time() - began < 1


@pytest.mark.parametrize(
    "text",
    [
        "می\u200cخواهم",  # Persian: a joiner keeps two parts of a word apart
        "क्\u200dष",  # Hindi: half a letter
        "\U0001f469\u200d\U0001f469\u200d\U0001f467 \U0001f468\U0001f3fd\u200d\U0001f4bb \u2764\ufe0f\u200d\U0001f525",
        "สวัสดี\u200bครับ",
        "\u2067שלום\u2069 and \u202bשלום\u202c",
        "שלום!\u200f",
    ],
)
def test_joiners_and_what_is_closed_again_are_text(text: str) -> None:
    assert display_text.visible(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\u200dadmin\u200c", "⟦U+200D⟧admin⟦U+200C⟧"),
        ("pay \u200b now", "pay ⟦U+200B⟧ now"),
        ("\u2066open", "⟦U+2066⟧open"),
        ("never opened\u2069", "never opened⟦U+2069⟧"),
        ("\u202egnp.exe\u202c", "⟦U+202E⟧gnp.exe⟦U+202C⟧"),
        ("\u2066a\u202eb\u2069", "⟦U+2066⟧a⟦U+202E⟧b⟦U+2069⟧"),
        ("notifier\x07 line\u2028", "notifier⟦U+0007⟧ line⟦U+2028⟧"),
    ],
)
def test_overrides_what_is_left_open_and_controls_are_told(text: str, shown: str) -> None:
    assert display_text.visible(text) == shown
