"""Moment of a message: its times and its place, for rules of the fold.

Knows: that a message is read and written, and its place in its connection.
Must not know: messages themselves.
"""

import msgspec


class Moment(msgspec.Struct, frozen=True, gc=False):
    """Wall nanoseconds of reading and of having been written to the other side; the message's connection and seq."""

    at: int
    out: int
    connection: str
    seq: int
