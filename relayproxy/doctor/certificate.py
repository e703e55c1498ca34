"""Certificate: what Twilio would say of the relay's own, found by a TLS handshake within memory.

Knows: that the pair must match, its names and dates, and whether authorities of this system lead to it.
Must not know: sockets; the network.
"""

import ssl
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from relayproxy.doctor.check import Result
from relayproxy.errors import SettingError
from relayproxy.relay.listener.certificate import Certificate
from relayproxy.settings.model import Settings

SOON = 14
"""Days before its end from which it is worth a warning."""
_DAY = 86_400
_FRONT_END = "unless a front end with a certificate of its own stands before the relay"


def certificate(settings: Settings) -> Iterator[Result]:
    """The pair of tls_cert and tls_key, where there is one."""
    if settings.tls_cert is None or settings.tls_key is None:
        yield Result("certificate", "pair", "skipped", "the relay has none: a TLS front end has to stand before it")
        return
    try:
        server = Certificate(settings.tls_cert, settings.tls_key).context
    except SettingError as problem:
        yield Result(
            "certificate", "pair", "failed", str(problem), "give it the chain and the key that belong together"
        )
        return
    yield Result("certificate", "pair", "ok", f"{settings.tls_cert} and {settings.tls_key} belong together")
    # A handshake takes what is looked for a moment before it begins.
    yield from _dates(server, settings.tls_cert)
    if settings.public_url is None:
        yield Result("certificate", "names", "skipped", "not compared: public_url is not set")
        return
    yield from _trust(server, urlsplit(settings.public_url).hostname or "")


def _dates(server: ssl.SSLContext, path: Path) -> Iterator[Result]:
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname = False
    client.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    # What is looked for is in the certificate, whoever has issued it.
    client.load_verify_locations(path)
    try:
        found = _handshake(server, client, None)
    except ssl.SSLCertVerificationError as problem:
        yield Result("certificate", "dates", "failed", problem.verify_message, "renew it; the relay takes it by itself")
        return
    ends = ssl.cert_time_to_seconds(str(found["notAfter"]))
    left = int((ends - time.time()) // _DAY)
    text = f"valid until {time.strftime('%Y-%m-%d', time.gmtime(ends))}, {left} more days"
    action = "renew it; the relay takes it by itself" if left < SOON else ""
    yield Result("certificate", "dates", "warning" if left < SOON else "ok", text, action)


def _trust(server: ssl.SSLContext, host: str) -> Iterator[Result]:
    try:
        _handshake(server, ssl.create_default_context(), host)
    except ssl.SSLCertVerificationError as problem:
        name = "names" if "mismatch" in problem.verify_message else "chain"
        action = (
            f"get one for {host} (public_url); Twilio refuses this one"
            if name == "names"
            else "put the issuers' certificates behind it in the same file, and use an authority that Twilio knows; it "
            "refuses this one"
        )
        yield Result("certificate", name, "warning", problem.verify_message, f"{action}, {_FRONT_END}")
    else:
        yield Result("certificate", "names", "ok", f"it is for {host}, as public_url is, from an authority known here")


def _handshake(server: ssl.SSLContext, client: ssl.SSLContext, host: str | None) -> dict[str, object]:
    """The peer's certificate as the client sees it. Raises SSLCertVerificationError."""
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    theirs = server.wrap_bio(to_server, to_client, server_side=True)
    ours = client.wrap_bio(to_client, to_server, server_hostname=host)
    for _ in range(10):
        for side in (ours, theirs):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
            if side is ours:
                return dict(ours.getpeercert() or {})
    raise ssl.SSLError("the handshake does not end")
