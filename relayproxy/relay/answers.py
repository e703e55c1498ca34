"""Answers of the relay itself: to refused requests, and when the backend cannot be reached.

Knows: the form of an answer.
Must not know: the cases in which each is given.
"""

from email.utils import formatdate
from http import HTTPStatus
from typing import NamedTuple


class Answer(NamedTuple):
    """An answer as bytes, after which the connection is closed."""

    head: bytes
    body: bytes


def words(status: int, text: str, headers: dict[str, str] | None = None) -> Answer:
    """A plain-text answer: `relayproxy: ` and the text."""
    return page(status, f"relayproxy: {text}\n", headers=headers)


def page(status: int, text: str, content_type: str = "text/plain", headers: dict[str, str] | None = None) -> Answer:
    """An answer whose body is exactly this text."""
    body = text.encode()
    lines = {
        "Content-Type": f"{content_type}; charset=utf-8",
        "Content-Length": str(len(body)),
        "Date": formatdate(usegmt=True),
        "Server": "relayproxy",
        **(headers or {}),
        "Connection": "close",
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return Answer(f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n{head}\r\n".encode(), body)
