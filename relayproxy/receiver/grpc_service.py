"""gRPC service of the receiver: OTLP/gRPC, where grpcio is installed.

Knows: the services of OTLP and the status codes of their answers; who may send.
Must not know: what becomes of what is taken.
"""

import hmac
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from relayproxy.errors import SettingError
from relayproxy.receiver.passing_on import VIA, Parcel
from relayproxy.receiver.requests import FullError, Requests
from relayproxy.settings.otlp import Signal
from relayproxy.telemetry.received.answers import accepted
from relayproxy.telemetry.received.received import UndecodableError

THREADS = 4
GRACE = 0.5
"""Seconds that calls under way get at the end."""
_PACKAGES: dict[Signal, str] = {"traces": "trace", "metrics": "metrics", "logs": "logs"}


class GrpcService:
    """A gRPC server on an address (`HOST:PORT`). Raises `SettingError` when it cannot listen there, or without
    grpcio."""

    def __init__(self, requests: Requests, address: str, limit: int, token: str | None) -> None:
        try:
            import grpc
        except ModuleNotFoundError:
            raise SettingError(
                f"receiver.grpc={address}: the package grpcio is expected, and it is not installed"
            ) from None
        self._grpc = grpc
        self._requests = requests
        self._expected = None if token is None else f"Bearer {token}"
        self._server = grpc.server(
            ThreadPoolExecutor(THREADS, thread_name_prefix="grpc"),
            options=[("grpc.max_receive_message_length", limit), ("grpc.so_reuseport", 0)],
            maximum_concurrent_rpcs=THREADS * 4,
        )
        for signal, package in _PACKAGES.items():
            name = f"opentelemetry.proto.collector.{package}.v1.{package.capitalize()}Service"
            method = grpc.unary_unary_rpc_method_handler(self._export(signal))
            handler = grpc.method_handlers_generic_handler(name, {"Export": method})
            self._server.add_generic_rpc_handlers((handler,))
        try:
            self.port: int = self._server.add_insecure_port(address)
        except RuntimeError:
            raise SettingError(
                f"receiver.grpc={address}: an address that can be listened on is expected; another program may listen "
                "there"
            ) from None
        self._server.start()

    def stop(self) -> None:
        """Takes nothing more; waits for calls under way."""
        self._server.stop(GRACE).wait()

    def _export(self, signal: Signal) -> Callable[[bytes, Any], bytes]:
        code = self._grpc.StatusCode

        def export(body: bytes, context: Any) -> bytes:
            metadata = dict(context.invocation_metadata())
            shown = str(metadata.get("authorization", ""))
            if self._expected is not None and not hmac.compare_digest(shown.encode(), self._expected.encode()):
                context.abort(code.UNAUTHENTICATED, "authorization: Bearer and the receiver's token are expected")
            via = str(metadata.get(VIA.lower(), ""))
            parcel = Parcel(signal, body, "application/x-protobuf", via=via, inflated=body)
            if signal != "traces":
                self._requests.others(parcel)
                return accepted("protobuf")
            try:
                found = self._requests.traces(body, "protobuf", parcel, _host(context.peer()))
            except UndecodableError as problem:
                context.abort(code.INVALID_ARGUMENT, str(problem))
            except FullError:
                context.abort(code.UNAVAILABLE, "the database is away or too slow, and no more spans can wait")
            return accepted("protobuf", found.rejected, found.message)

        return export


def _host(peer: str) -> str:
    """The address of `ipv4:127.0.0.1:4711` or `ipv6:[::1]:4711`, which may be percent-encoded."""
    place = peer.partition(":")[2].rpartition(":")[0]
    return place.replace("%5B", "[").replace("%5D", "]").strip("[]")
