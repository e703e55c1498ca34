"""Recording files: those of every version keep opening, and whatever else a file is, one sentence says so."""

import gzip
import io
import os
from pathlib import Path
from typing import BinaryIO

import pytest

from relayproxy.recordings.files import MIB, RecordingFileError, opened, read_call, recording_of

FILES = Path(__file__).parent / "files"
"""Recordings as versions of relayproxy wrote them: never written anew, and more are added with each version."""


@pytest.mark.parametrize(
    ("name", "turns", "messages", "outcome"),
    [
        ("booking.v1.relayproxy.jsonl.gz", 6, 104, "ended_by_backend"),
        ("failing.v1.relayproxy.jsonl.gz", 3, 10, "backend_disconnect"),
        ("odd.v1.relayproxy.jsonl.gz", 1, 7, "unknown"),
        ("reconnected.v1.relayproxy.jsonl", 3, 8, "caller_hangup"),
        ("refused.v1.relayproxy.jsonl.gz", 0, 0, "backend_connect_failed"),
    ],
)
def test_files_of_every_version_open(name: str, turns: int, messages: int, outcome: str) -> None:
    call = read_call(FILES / name)

    assert len(call.conversation.turns) == turns
    assert sum(len(one.messages) for one in call.connections) == messages
    assert call.conversation.outcome == outcome
    assert call.header.complete


def test_every_kept_file_is_tried() -> None:
    cases = test_files_of_every_version_open.pytestmark[0].args[1]  # type: ignore[attr-defined]
    assert {name for name, *_ in cases} == {path.name for path in FILES.iterdir()}


def test_a_file_opens_compressed_and_plain(tmp_path: Path) -> None:
    packed = FILES / "booking.v1.relayproxy.jsonl.gz"
    plain = tmp_path / "booking.jsonl"
    plain.write_bytes(gzip.decompress(packed.read_bytes()))
    halves = tmp_path / "halves.jsonl.gz"
    lines = plain.read_bytes().splitlines(keepends=True)
    halves.write_bytes(gzip.compress(b"".join(lines[:9])) + gzip.compress(b"".join(lines[9:])))

    assert read_call(plain) == read_call(packed) == read_call(halves)


def packed() -> bytes:
    return (FILES / "booking.v1.relayproxy.jsonl.gz").read_bytes()


def text() -> bytes:
    return gzip.decompress(packed())


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "x.gz: it is empty"),
        (b"\x89PNG\r\n\x1a\n\0", "x.gz: not a recording of relayproxy: its first line is no header"),
        (b'{"id": "abc", "turns": []}\n', "x.gz: not a recording of relayproxy: its first line is no header"),
        (gzip.compress(b"\0" * 1000), "x.gz: not a recording of relayproxy: its first line is no header"),
        (packed()[:-800], "x.gz: the recording is cut short, within its compressed data"),
        (packed()[:-4] + b"abcd", "x.gz: its compressed data is damaged"),
        (packed()[:900] + b"damaged" + packed()[907:], "x.gz: its compressed data is damaged"),
        (packed() + b"more", "x.gz: its compressed data is damaged"),
        (text()[:-2], "x.gz: line 105 of the recording is damaged"),
        (text().replace(b'"seq":9,', b'"seq":9;'), "x.gz: line 11 of the recording is damaged"),
        (text()[: text().rindex(b'{"connection"')], "x.gz: the recording is cut short: 1 message of connection 0 can"),
        (text().replace(b'"version":1', b'"version":7', 1), "x.gz: a recording of version 7; this relayproxy reads 1"),
    ],
    ids=range(12),
)
def test_anything_else_is_told_in_one_sentence(tmp_path: Path, content: bytes, sentence: str) -> None:
    path = tmp_path / "x.gz"
    path.write_bytes(content)

    with pytest.raises(RecordingFileError) as told:
        read_call(path)
    assert str(told.value).startswith(sentence)
    assert "\n" not in str(told.value)


def test_more_than_a_call_can_be_is_not_unpacked() -> None:
    header, *_ = text().splitlines(keepends=True)
    many = gzip.compress(header + b"\n" * MIB * 8)
    one_line = gzip.compress(b'{"relayproxy":"' + b" " * MIB * 8)

    with pytest.raises(RecordingFileError, match="unpacked it has more than 2 MiB, and recordings of calls have less"):
        _ = [*recording_of(io.BytesIO(many), "bomb.gz", 2 * MIB)[1]]
    with pytest.raises(RecordingFileError, match="unpacked it has more than 2 MiB"):
        recording_of(io.BytesIO(one_line), "bomb.gz", 2 * MIB)


@pytest.mark.parametrize("content", [packed(), text(), packed()[:1], b""], ids=range(4))
def test_a_pipe_is_read_as_a_file_is(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    inlet, outlet = os.pipe()
    os.write(outlet, content)
    os.close(outlet)
    with os.fdopen(inlet, "rb") as pipe, path.open("rb") as file:
        assert told(pipe) == told(file)


def told(file: BinaryIO) -> object:
    """What is in a recording, or why it is none."""
    try:
        header, messages = recording_of(file, "x")
        found = [*messages]
    except RecordingFileError as problem:
        return str(problem)
    return header, found


def test_what_cannot_be_opened_says_why(tmp_path: Path) -> None:
    with pytest.raises(RecordingFileError, match=r"nothing\.gz: No such file or directory"):
        opened(tmp_path / "nothing.gz")
    with pytest.raises(RecordingFileError, match="Is a directory"):
        read_call(tmp_path)
