"""Settings of the receiver of backends' spans: the table `[receiver]`.

Knows: its settings, their defaults and the form of each; which addresses only a private network reaches; which endpoint
would be the receiver itself.
Must not know: how spans are received or kept.
"""

import ipaddress
from collections.abc import Mapping
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from relayproxy.errors import SettingError
from relayproxy.settings.otel import Otel
from relayproxy.settings.otlp import SIGNALS, OtlpExport, otlp_export
from relayproxy.settings.references import secret_at, secret_reference, variables
from relayproxy.settings.validators import (
    ANY_HOST,
    address,
    is_loopback,
    split_address,
    unmapped,
)

_USUAL_PORTS = {"http": 80, "https": 443}
Address = Annotated[str, BeforeValidator(address)]


class Receiver(BaseModel):
    """Where backends send their spans, and how much of them is kept."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    listen: Address | None = Field(
        default=None,
        description="Where spans are received over OTLP/HTTP, such as 127.0.0.1:4318; nothing is received without one. "
        "An address that a private network alone reaches, unless there is a token.",
    )
    grpc: Address | None = Field(
        default=None, description="Where they are received over OTLP/gRPC as well, such as 127.0.0.1:4317."
    )
    token: Annotated[str, AfterValidator(secret_reference)] | None = Field(
        default=None,
        description="Where the token is that senders must show as Authorization: Bearer …: env:NAME or file:PATH.",
    )
    request_limit: int = Field(
        default=16 * 1024 * 1024, ge=64 * 1024, description="Bytes of one request, once inflated; beyond, 413."
    )
    session_spans: int = Field(default=10_000, ge=1, description="Spans kept of a session; further ones are counted.")
    span_attributes: int = Field(
        default=64, ge=1, description="Attributes kept of a span; of its events and links a fourth as many."
    )
    attribute_bytes: int = Field(default=8192, ge=64, description="Bytes kept of an attribute's value; then it is cut.")
    unjoined_spans: int = Field(
        default=20_000, ge=1, description="Spans that wait in memory until it is known which session they belong to."
    )
    unjoined_for: float = Field(
        default=3600.0, gt=0, allow_inf_nan=False, description="Seconds for which they wait; then they go."
    )
    guess: bool = Field(
        default=True,
        description="Join spans that name no call by route and time, where one session alone fits, and mark them as "
        "guessed.",
    )


def require_listen(receiver: Receiver) -> None:
    """Raises SettingError when it is not said where to receive."""
    if receiver.listen is None:
        raise SettingError(
            "receiver.listen is not set: HOST:PORT is expected, such as 127.0.0.1:4318, as RELAYPROXY_RECEIVER__LISTEN "
            "or listen in the table [receiver] of the file"
        )


def require_receiver(receiver: Receiver, otel: Otel, environ: Mapping[str, str] | None = None) -> None:
    """Raises SettingError where strangers could send spans, the token cannot be read, or what is received would be sent
    to the receiver itself."""
    addresses = {"receiver.listen": receiver.listen, "receiver.grpc": receiver.grpc}
    if receiver.listen is None:
        if receiver.grpc is not None:
            raise SettingError(f"receiver.grpc={receiver.grpc}: receiver.listen is expected with it")
        return
    receiver_token(receiver, environ)
    for name, listen in addresses.items():
        if listen is None:
            continue
        if receiver.token is None and not _is_private(split_address(listen)[0]):
            raise SettingError(
                f"{name}={listen}: an address that a private network alone reaches is expected, such as "
                f"127.0.0.1:{split_address(listen)[1]}, or a token (receiver.token), which senders must show"
            )
        for signal in SIGNALS:
            way = otlp_export(otel, signal, environ)
            if way is not None and is_same_place(way, listen):
                raise SettingError(
                    f"{name}={listen}: another address is expected: {way.place} is where what is received is sent"
                )


def receiver_token(receiver: Receiver, environ: Mapping[str, str] | None = None) -> str | None:
    """The token; None when there is none. Raises SettingError when it cannot be read."""
    if receiver.token is None:
        return None
    try:
        return secret_at(receiver.token, "the token", environ)
    except ValueError as problem:
        raise SettingError(f"receiver.token={receiver.token}: {problem}") from None


def token_variables(receiver: Receiver) -> frozenset[str]:
    """The environment variable that holds the token."""
    return variables(() if receiver.token is None else (receiver.token,))


def is_same_place(way: OtlpExport, listen: str) -> bool:
    """True when an endpoint plainly leads to what listens there."""
    here, port = split_address(listen)
    url = urlsplit(way.endpoint)
    there, here = unmapped(url.hostname or ""), unmapped(here)
    if (url.port or _USUAL_PORTS[url.scheme]) != port:
        return False
    local = here in ANY_HOST or is_loopback(here)
    return there == here or (local and (is_loopback(there) or there in ANY_HOST))


def _is_private(host: str) -> bool:
    if is_loopback(host):
        return True
    try:
        found = ipaddress.ip_address(unmapped(host))
    except ValueError:
        return False
    return found.is_private and not found.is_unspecified
