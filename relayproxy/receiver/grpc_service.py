"""gRPC service of the receiver: OTLP/gRPC, where grpcio is installed.

Knows: the services of OTLP and the status codes of their answers; who may send; how long a message may take to come.
Must not know: what becomes of what is taken.
"""

import asyncio
import hmac
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from relayproxy.errors import SettingError
from relayproxy.receiver.passing_on import VIA, Parcel
from relayproxy.receiver.requests import FullError, Requests
from relayproxy.settings.otlp import Signal
from relayproxy.telemetry.received.answers import accepted
from relayproxy.telemetry.received.received import UndecodableError

CALLS = 256
"""Calls at once. One that waits for its message costs next to nothing."""
READ_TIMEOUT = 10.0
"""Seconds for a whole message."""
GRACE = 0.5
"""Seconds that calls under way get at the end."""
_PACKAGES: dict[Signal, str] = {"traces": "trace", "metrics": "metrics", "logs": "logs"}


class GrpcService:
    """A gRPC server on an address (`HOST:PORT`), made and used on the event loop. Raises `SettingError` when it cannot
    listen there, or without grpcio."""

    def __init__(self, requests: Requests, address: str, limit: int, token: str | None) -> None:
        try:
            import grpc.aio
        except ModuleNotFoundError:
            raise SettingError(
                f"receiver.grpc={address}: the package grpcio is expected, and it is not installed: pip install grpcio"
            ) from None
        self._grpc = grpc
        self._requests = requests
        self._expected = None if token is None else f"Bearer {token}"
        self._server = grpc.aio.server(
            options=[
                ("grpc.max_receive_message_length", limit),  # once inflated
                ("grpc.so_reuseport", 0),
                ("grpc.server_handshake_timeout_ms", round(READ_TIMEOUT * 1000)),
            ],
            maximum_concurrent_rpcs=CALLS,
        )
        for signal, package in _PACKAGES.items():
            name = f"opentelemetry.proto.collector.{package}.v1.{package.capitalize()}Service"
            # As a stream of one message: so that it is not read for strangers, nor waited for without end.
            method = grpc.stream_unary_rpc_method_handler(self._export(signal))
            handler = grpc.method_handlers_generic_handler(name, {"Export": method})
            self._server.add_generic_rpc_handlers((handler,))
        try:
            self.port: int = self._server.add_insecure_port(address)
        except RuntimeError:
            raise SettingError(
                f"receiver.grpc={address}: an address that can be listened on is expected; another program may listen "
                "there"
            ) from None

    async def start(self) -> None:
        """Begins to take calls."""
        await self._server.start()

    async def stop(self) -> None:
        """Takes nothing more; waits for calls under way."""
        await self._server.stop(GRACE)

    def _export(self, signal: Signal) -> Callable[[AsyncIterator[bytes], Any], Awaitable[bytes]]:
        code = self._grpc.StatusCode

        async def export(messages: AsyncIterator[bytes], context: Any) -> bytes:
            metadata = dict(context.invocation_metadata())
            shown = str(metadata.get("authorization", ""))
            if self._expected is not None and not hmac.compare_digest(shown.encode(), self._expected.encode()):
                await context.abort(code.UNAUTHENTICATED, "authorization: Bearer and the receiver's token are expected")
            try:
                async with asyncio.timeout(READ_TIMEOUT):
                    body = await anext(messages)
            except StopAsyncIteration:
                await context.abort(code.INVALID_ARGUMENT, "a message is expected")
            except TimeoutError:
                await context.abort(code.DEADLINE_EXCEEDED, f"the message had not come after {READ_TIMEOUT:g} s")
            via = str(metadata.get(VIA.lower(), ""))
            parcel = Parcel(signal, body, "application/x-protobuf", via=via, inflated=body)
            if signal != "traces":
                self._requests.others(parcel)
                return accepted("protobuf")
            peer = _host(context.peer())
            try:
                found = await asyncio.to_thread(self._requests.traces, body, "protobuf", parcel, peer)
            except UndecodableError as problem:
                await context.abort(code.INVALID_ARGUMENT, str(problem))
            except FullError:
                await context.abort(code.UNAVAILABLE, "the database is away or too slow, and no more spans can wait")
            return accepted("protobuf", found.rejected, found.message)

        return export


def _host(peer: str) -> str:
    """The address of `ipv4:127.0.0.1:4711` or `ipv6:[::1]:4711`, which may be percent-encoded."""
    place = peer.partition(":")[2].rpartition(":")[0]
    return place.replace("%5B", "[").replace("%5D", "]").strip("[]")
