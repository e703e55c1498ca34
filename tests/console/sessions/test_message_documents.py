"""What the API says of recorded messages."""

from typing import Any, cast

import msgspec

from relayproxy.console.calls.messages.message_reading import MessagePage
from relayproxy.console.openapi import document
from relayproxy.console.sessions.message_documents import MessageDocument, message_document, messages_document
from relayproxy.conversation.message import Message
from relayproxy.store.read.queries import PlacedMessage

NOON = 1_788_091_200_000_000_000


def placed(seq: int, **given: Any) -> PlacedMessage:
    return PlacedMessage("c", 1, NOON, Message(seq=seq, t=1_500_000, **given))


def told(message: PlacedMessage) -> dict[str, Any]:
    return cast(dict[str, Any], msgspec.json.decode(msgspec.json.encode(message_document(message))))


def test_a_text_message_says_where_and_when_it_was_and_what_it_is() -> None:
    prompt = told(placed(4, sender="twilio", kind="text", text='{"type":"prompt"}', size=17, out=1_750_000))

    assert (prompt["from"], prompt["type"], prompt["cursor"]) == ("twilio", "prompt", "1.4")
    assert (prompt["t_ms"], prompt["out_ms"]) == (1.5, 1.75)
    assert (prompt["at"], prompt["at_ns"]) == ("2026-08-30T12:00:00.001500Z", NOON + 1_500_000)
    assert prompt["data"] is None


def test_bytes_are_base64() -> None:
    assert told(placed(0, sender="backend", kind="binary", data=b"\xfb\xff\x00"))["data"] == "+/8A"


def test_every_field_that_is_told_is_described() -> None:
    schema = document()["components"]["schemas"]["Message"]

    assert list(schema["properties"]) == list(told(placed(0, sender="twilio", kind="ping")))
    assert schema["required"] == list(MessageDocument.__struct_encode_fields__)


def test_a_page_says_where_it_goes_on_and_where_new_messages_come() -> None:
    page = messages_document(MessagePage((placed(3, sender="twilio", kind="ping"),), None, (1, 3), scanned=4), 9)

    assert (page.next, page.seen, page.scanned, page.total) == (None, "1.3", 4, 9)
    assert [item.seq for item in page.items] == [3]
