"""Outgoing request: what a backend gets of an upgrade request. Pure.

Knows: the order in which signature, origin and trace are written into the headers of a request.
Must not know: sockets, aiohttp; which backends there are.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from relayproxy.relay.handshake.forwarded import without_public_url
from relayproxy.relay.handshake.targets import Target
from relayproxy.relay.handshake.upstream import own_host
from relayproxy.relay.handshake.verification import Verification, with_signature
from relayproxy.relay.headers import Headers, to_backend, value_of, without_origin
from relayproxy.settings.tables import SignatureMode


@dataclass(frozen=True, slots=True)
class Outgoing:
    """An upgrade request as it `came`, with what is known of it: the `told` headers of where it came from, its
    signature, and whether its peer is a `trusted` proxy. `via` is this relay's name."""

    came: Headers
    told: Headers
    signature: Verification
    mode: SignatureMode
    trusted: bool
    via: str

    def headers(self, target: Target, traceparent: str | None, extra: Sequence[tuple[str, str]] = ()) -> Headers:
        """The headers of the request to that target; a signature that is made anew is one for its URL. `extra` are
        added, and nobody else's of these names arrive."""
        names = {name.lower() for name, _ in extra}
        came = [(name, value) for name, value in self.came if name.lower() not in names] if names else self.came
        resigned = self.mode == "resign" and self.signature.key is not None
        signed = with_signature(came, self.mode, self.signature, _seen_by_backend(target, came) if resigned else "")
        return [
            *to_backend(
                without_origin(signed) if resigned else signed,
                forwarded=without_public_url(self.told) if resigned else self.told,
                trusted=self.trusted,
                via=self.via,
                traceparent=traceparent,
            ),
            *extra,
        ]


def _seen_by_backend(target: Target, came: Headers) -> str:
    """The URL that a backend rebuilds from the request that it gets."""
    host = own_host(target.url) if target.host == "backend" else value_of(came, "host") or ""
    scheme, _, rest = target.url.partition("://")
    authority = len(rest.partition("/")[0].partition("?")[0])
    return f"{scheme}://{host}{rest[authority:] or '/'}"
