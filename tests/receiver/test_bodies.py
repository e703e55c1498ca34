"""Bodies are read and inflated within a bound, however they are encoded."""

import gzip
import zlib
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relayproxy.receiver.bodies import BodyError, Room, inflate


def zipped(body: bytes) -> bytes:
    return gzip.compress(body, mtime=0)


RAW = zlib.compressobj(wbits=-15)
RAW_DEFLATE = RAW.compress(b"body" * 100) + RAW.flush()
BODY = b"body" * 100


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("", BODY),
        ("identity", BODY),
        ("gzip", zipped(BODY)),
        ("x-gzip", zipped(BODY)),
        (" GZIP ", zipped(BODY)),
        ("gzip", zipped(BODY[:7]) + zipped(BODY[7:])),
        ("deflate", zlib.compress(BODY)),
        ("deflate", RAW_DEFLATE),
    ],
)
def test_every_usual_encoding_is_read(encoding: str, body: bytes) -> None:
    assert inflate(body, encoding, 400) == BODY


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_what_would_grow_beyond_the_bound_is_not_inflated(encoding: str) -> None:
    zeros = bytes(50_000_000)
    bomb = zipped(zeros) if encoding == "gzip" else zlib.compress(zeros)

    with pytest.raises(BodyError) as refused:
        inflate(bomb, encoding, 1_000_000)

    assert refused.value.status == 413


def test_members_that_hold_nothing_end_too() -> None:
    assert inflate(zipped(b"") * 1000, "gzip", 10) == b""


@pytest.mark.parametrize(
    ("encoding", "body", "status"),
    [
        ("br", b"x", 415),
        ("gzip, gzip", b"x", 415),
        ("gzip", BODY, 400),
        ("gzip", zipped(BODY)[:-9], 400),
        ("deflate", b"\xff" * 9, 400),
    ],
)
def test_what_cannot_be_inflated_is_refused(encoding: str, body: bytes, status: int) -> None:
    with pytest.raises(BodyError) as refused:
        inflate(body, encoding, 1000)

    assert refused.value.status == status


@given(st.binary(max_size=200), st.sampled_from(["gzip", "deflate"]))
def test_no_bytes_do_anything_else(body: bytes, encoding: str) -> None:
    with suppress(BodyError):
        assert len(inflate(body, encoding, 1000)) <= 1000


def test_bodies_hold_no_more_together_than_there_is_room_for() -> None:
    room = Room(100)
    with room.share() as first, room.share() as second:
        first.grow(60)
        second.grow(30)
        with pytest.raises(BodyError) as refused:
            second.grow(11)
        assert refused.value.status == 503
        second.grow(10)
    with room.share() as third:
        third.grow(100)
