"""Answers of the relay itself: to refused requests, and when the backend cannot be reached.

Knows: the form of an answer, as an aiohttp response and as bytes.
Must not know: the cases in which each is given.
"""

from http import HTTPStatus

from aiohttp import web


class Sent(web.StreamResponse):
    """A response that has been written on the transport already: aiohttp has nothing left to send."""

    def __init__(self, status: int) -> None:
        super().__init__(status=status)
        self.force_close()

    async def prepare(self, request: web.BaseRequest) -> None:
        """Nothing to send."""

    async def write_eof(self, data: bytes = b"") -> None:
        """Nothing to send."""


def words(status: int, text: str, headers: dict[str, str] | None = None) -> web.Response:
    """A plain-text answer, `relayproxy: ` and the text, after which the connection is closed."""
    return page(status, f"relayproxy: {text}\n", headers=headers)


def page(
    status: int, text: str, content_type: str = "text/plain", headers: dict[str, str] | None = None
) -> web.Response:
    """An answer whose body is exactly this text, after which the connection is closed."""
    response = web.Response(status=status, text=text, content_type=content_type, headers=headers)
    response.headers["Server"] = "relayproxy"
    response.force_close()
    return response


def head_and_body(status: int, text: str) -> tuple[bytes, bytes]:
    """Head and body of such a plain-text answer as bytes, for callers that write to the transport themselves."""
    body = f"relayproxy: {text}\n".encode()
    head = (
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\nContent-Type: text/plain; charset=utf-8\r\n"
        f"Content-Length: {len(body)}\r\nServer: relayproxy\r\nConnection: close\r\n\r\n"
    )
    return head.encode(), body
