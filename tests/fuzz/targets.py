"""What is fuzzed: functions of bytes that raise AssertionError, or anything unforeseen, where something is wrong.

Knows: for each parser of foreign bytes what must hold whatever the bytes are.
Must not know: who makes the bytes up: Hypothesis in every run, a coverage-guided fuzzer for `make fuzz`.
"""

import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Literal

import msgspec

from relayproxy.connection import Ending, Opening
from relayproxy.console.filters.language import parse, write
from relayproxy.conversation.fold.fold import Fold
from relayproxy.conversation.message import Message, MessageKind, read_lines, write_lines
from relayproxy.conversation.recording import NotARecording, read_recording
from relayproxy.errors import SettingError
from relayproxy.journal.reader import Block, JournalReader
from relayproxy.journal.segments import create_journal, segment_path
from relayproxy.redaction.detection.detection import find
from relayproxy.redaction.detection.number_words import LANGUAGES
from relayproxy.redaction.redactor import FAILED, Redactor
from relayproxy.redaction.rules import Rules
from relayproxy.redaction.values import Context, Policy, policy
from relayproxy.relay import headers
from relayproxy.settings.loading import load
from relayproxy.settings.model import Settings
from relayproxy.signature import Key, check, forms, near_misses, read_settings, sign
from relayproxy.telemetry.received import otlp_json, otlp_protobuf
from relayproxy.telemetry.received.received import UndecodableError
from tests.recorder.decoding.test_frames import restarted
from tests.recorder.direction import decode, make, split, summary
from tests.redaction.masks import masked

NOW = 1_800_000_000_000_000_000
_SIDES: tuple[Literal["twilio", "backend"], ...] = ("twilio", "backend")
_READ = 1 << 16


def frames(data: bytes) -> None:
    """Frame decoding: any bytes become messages, the same however they are cut, and after a restart at any place."""
    if len(data) < 4:
        return
    sender, deflate = _SIDES[data[0] & 1], (None, True, False)[data[0] >> 1 & 1 and 1 + (data[0] >> 2 & 1)]
    places, stream = [*data[1:4]], data[4:]
    whole = decode(make(sender, deflate=deflate), [stream] if stream else [])
    assert [*read_lines(write_lines(whole))] == whole
    cut = split(stream, places)
    assert summary(decode(make(sender, deflate=deflate), cut)) == summary(whole)
    if deflate is None:
        # A compressed message that does not end where RFC 7692 says is read on from within its last block, except after
        # a restart. Nobody can tell what its sender meant by it.
        assert summary(restarted(stream, places, lambda state: make(sender, state=state))) == summary(whole)


def journal(data: bytes) -> None:
    """The journal's reader: whatever lies on disk is read to its end, and an entry lies within its block."""
    with tempfile.TemporaryDirectory() as folder:
        path, lock = create_journal(Path(folder, "journal"))
        os.close(lock)
        middle = (data[:1] and data[0] * len(data) // 256) or 0
        for number, content in enumerate((data[1:middle], data[middle:]), 1):
            segment_path(path, number).write_bytes(content)
        with JournalReader(path) as reader:
            for _ in range(len(data) + 10):
                for part in reader.read(_READ):
                    if isinstance(part, Block):
                        assert part.segment in (1, 2)
                if reader.finished:
                    break
            assert reader.finished


def _messages(data: bytes) -> list[Message]:
    """Messages of one connection, a line each, whose first byte says what sort of message it is."""
    t, found = 0, []
    kinds: dict[int, MessageKind] = {7: "close", 6: "binary", 5: "gap"}
    for seq, line in enumerate(data.split(b"\n")[:60]):
        first = line[0] if line else 0
        t += first * 5_000_000
        kind = kinds.get(first & 7, "text")
        found.append(
            Message(
                seq=seq,
                t=t,
                sender=_SIDES[first >> 3 & 1],
                kind=kind,
                out=t + (first & 48) * 1000,
                text=line[1:].decode("utf-8", "replace") if kind == "text" else None,
                data=line[1:] if kind == "binary" else None,
                size=len(line),
                code=1000 + first if kind == "close" else None,
                reason=line[1:].decode("utf-8", "replace") if kind == "close" else None,
                cut=first & 7 == 4,
            )
        )
    return found


def fold(data: bytes) -> None:
    """The fold: any messages in any order make a conversation, and asking for it in between changes nothing."""
    opening = Opening(
        connection_id="c", trace_id="t", span_id="s", route="default", backend="ws://b/", target="/", opened_at=NOW,
        peer="p:1", status=101,
    )  # fmt: skip
    asked, unasked = Fold(), Fold()
    for one in (asked, unasked):
        one.open(opening)
    messages = _messages(data)
    for message in messages:
        assert asked.feed("c", message) == unasked.feed("c", message)
        if message.t // 5_000_000 & 1:
            msgspec.json.encode(asked.conversation())
    ending = Ending(t=messages[-1].t, first="twilio", twilio="eof", backend="eof")
    for one in (asked, unasked):
        one.end("c", ending)
    assert msgspec.json.encode(asked.conversation()) == msgspec.json.encode(unasked.conversation())


def signatures(data: bytes) -> None:
    """Signatures: no header and no URL raises; what we sign is found again in whichever form."""
    parts = data.split(b"\n", 3)
    url, header, settings, name = (part.decode("utf-8", "surrogateescape") for part in (*parts, b"", b"", b"", b"")[:4])
    read_settings(settings)
    key = Key("token", "secret")
    check(header, url, key.secret)
    for form, text in forms(url):
        assert check(sign(text, key.secret), url, key.secret) is not None, form
    list(near_misses(header or "x", [key], [url]))
    given = headers.decode([(name.encode("utf-8", "surrogateescape"), header.encode("utf-8", "surrogateescape"))])
    for shown, value in headers.mask(given):
        (shown + value).encode("utf-8")
    headers.mask_query(url)
    headers.trace_of(given)


def filters(data: bytes) -> None:
    """The filter language: no text raises, and what was understood is understood the same when it is written."""
    text = data.decode("utf-8", "surrogateescape")
    understood = parse(text, NOW).criteria
    assert parse(write(understood), NOW).criteria == understood


def settings(data: bytes) -> None:
    """Settings and recordings: a file or variable that is wrong is an error in words, and of no other kind."""
    with tempfile.NamedTemporaryFile(suffix=".toml") as file:
        file.write(data)
        file.flush()
        try:
            load(Path(file.name), {}, {})
        except SettingError as problem:
            str(problem).encode("utf-8", "surrogatepass")
    name, _, value = data.partition(b"=")
    known = sorted(Settings.model_fields)
    variable = f"RELAYPROXY_{known[(name[0] if name else 0) % len(known)].upper()}{name[1:].decode('utf-8', 'replace')}"
    with suppress(SettingError):
        load(None, {}, {variable: value.decode("utf-8", "replace")})
    with suppress(NotARecording):
        for _ in read_recording(data.split(b"\n"))[1]:
            pass


def redaction(data: bytes) -> None:
    """Redaction: whatever is said, its mask is as long, within it, and masking it again masks no less."""
    if not data:
        return
    language = (None, *LANGUAGES)[data[0] % (len(LANGUAGES) + 1)]
    context = Context(card=bool(data[0] & 32), asked=frozenset(("pin",)) if data[0] & 64 else frozenset())
    text = data[1:].decode("utf-8", "replace")
    for final in (True, False):
        found = find(text, language=language, policy=Policy(), context=context, final=final)
        ends = 0
        for secret in found.secrets:
            assert ends <= secret.start < secret.end <= len(text)
            ends = secret.end
            for start, end in secret.spans:
                assert secret.start <= start < end <= secret.end
        assert found.open_from is None or 0 <= found.open_from <= len(text)
        assert len(masked(text, found.secrets)) == len(text)


def redactor(data: bytes) -> None:
    """Redaction of a connection: each message comes out once, in order, and nothing makes it fail."""
    messages = _messages(data)
    for rules in (
        Rules(),
        Rules(record="metadata"),
        Rules(keys="mask-all", policy=policy(["a", "token"], ["[a-c]{3}"])),
    ):
        redacting = Redactor(rules)
        last = messages[-1]
        found = [one for message in messages for one in redacting.feed(message, more=message is not last)]
        found += redacting.end(messages[-1].t + 100_000_000_000)
        assert [(one.seq, one.t, one.size, one.kind) for one in found] == [
            (one.seq, one.t, one.size, one.kind) for one in messages
        ]
        assert all(one.note != FAILED for one in found)


def spans(data: bytes) -> None:
    """Trace requests: any bytes are spans that can be stored, or no request; nothing else is raised."""
    for decode_spans in (otlp_json.decode, otlp_protobuf.decode):
        with suppress(UndecodableError):
            request = decode_spans(data)
            for span in request.spans:
                assert (len(span.trace_id), len(span.span_id)) == (32, 16)
                assert 0 <= span.started_at < 2**63
                assert msgspec.json.decode(msgspec.json.encode(span), type=type(span)).span_id == span.span_id
            assert len(request.reasons) <= request.rejected
            request.message.encode()


TARGETS: dict[str, Callable[[bytes], None]] = {
    one.__name__: one for one in (frames, journal, fold, signatures, filters, settings, redaction, redactor, spans)
}
