"""What an earlier version stored can still be read."""

import msgspec

from relayproxy.conversation.model import Conversation, Interruption, Turn
from relayproxy.store.archive import Archive

from . import calls


def old(struct: type[msgspec.Struct], value: dict[str, object]) -> dict[str, object]:
    """The value with those fields alone that were there before the fold told heard from unheard."""
    needed = {field.name for field in msgspec.structs.fields(struct) if field.required}
    return {name: part for name, part in value.items() if name in needed}


def test_turns_and_sessions_without_the_newer_fields_decode(archive: Archive) -> None:
    conversation = calls.booking(archive, calls.ago(100)).commit().fold.conversation()
    stored = msgspec.to_builtins(conversation)
    for turn in stored["turns"]:
        turn["interruptions"] = [old(Interruption, cut) for cut in turn["interruptions"]]
    stored["turns"] = [{**old(Turn, turn), "response_latency_ms": 720, "gone": 1} for turn in stored["turns"]]

    read = msgspec.convert(old(Conversation, stored), Conversation)

    assert [turn.caller_text for turn in read.turns] == [turn.caller_text for turn in conversation.turns]
    assert read.turns[2].interrupted
    assert {turn.response_latency_ms for turn in read.turns} == {None}
