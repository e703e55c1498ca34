"""One direction of a WebSocket, decoded in any chunking, for tests that read as what was sent and what came out."""

import hashlib
import itertools
from collections.abc import Iterable, Sequence
from typing import Any, Literal

import msgspec

from relayproxy.conversation.message import Message
from relayproxy.recorder.decoding.deflate import Inflater
from relayproxy.recorder.decoding.frames import Decoder, DecoderState

LIMIT = 1000


def make(
    sender: Literal["twilio", "backend"] = "backend",
    *,
    deflate: bool | None = None,
    state: DecoderState | None = None,
    limit: int = LIMIT,
) -> Decoder:
    """A decoder; `deflate`: None without the extension, else whether the context is kept."""
    inflater = None if deflate is None else Inflater(deflate)
    return Decoder(sender, masked=sender == "twilio", limit=limit, inflater=inflater, state=state)


def split(data: bytes, cuts: Iterable[int]) -> list[bytes]:
    places = [0, *sorted({cut % (len(data) + 1) for cut in cuts}), len(data)]
    return [data[a:b] for a, b in itertools.pairwise(places) if a < b]


def decode(decoder: Decoder, chunks: Sequence[bytes], *, end: bool = True) -> list[Message]:
    """All messages of these chunks; a chunk's time is its number."""
    messages: list[Message] = []
    offset = 0
    for t, chunk in enumerate(chunks):
        messages += decoder.feed(chunk, t, t, len(messages), (1, offset))
        offset += len(chunk)
    if end:
        messages += decoder.end(len(chunks), len(messages))
    return messages


def timeless(messages: Iterable[Message]) -> list[Message]:
    """The messages without what depends on how bytes were cut into chunks."""
    return [msgspec.structs.replace(message, t=0, out=None) for message in messages]


def summary(messages: Iterable[Message]) -> list[tuple[Any, ...]]:
    """Kind and payload of each message, undecodable stretches summed up."""
    found: list[tuple[Any, ...]] = []
    for message in messages:
        if message.kind == "undecodable" and found and found[-1][0] == "undecodable":
            found[-1] = ("undecodable", found[-1][1] + message.size)
        elif message.kind == "undecodable":
            found.append(("undecodable", message.size))
        elif message.kind == "close":
            found.append(("close", message.code, message.reason))
        else:
            found.append((message.kind, message.data if message.text is None else message.text))
    return found


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
