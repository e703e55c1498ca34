"""Certificate of the listener: a TLS context whose certificate is read again when its files change.

Knows: that certificates are replaced while the relay runs, chain and key one after the other; what a pair must be.
Must not know: sockets, when it is looked for a new one.
"""

import logging
import ssl
from pathlib import Path

from relayproxy.errors import SettingError

log = logging.getLogger(__name__)


class Certificate:
    """The certificate chain and the key in these files, read at once; raises SettingError where they are no pair."""

    def __init__(self, chain: Path, key: Path) -> None:
        self._chain, self._key = chain, key
        self._seen = self._state()
        self._current = self._read()
        self._failing = False
        self.context = self._read()
        """The context to listen with. Each handshake takes the certificate that is in force when it begins."""
        self.context.sni_callback = self._choose

    def renew(self) -> None:
        """Reads the files again if they have changed. While they are no pair, which they are not between the writing of
        one and the other, the last certificate stays in force, and the log says so once."""
        state = self._state()
        if state == self._seen and not self._failing:
            return
        try:
            self._current = self._read()
        except SettingError as problem:
            if not self._failing:
                log.warning("%s; the certificate that was read before stays in force", problem)
            self._failing = True
            return
        self._seen, self._failing = state, False
        log.info("tls_cert=%s: a new certificate is in force", self._chain)

    def _choose(self, handshake: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
        handshake.context = self._current

    def _state(self) -> tuple[tuple[int, int] | None, ...]:
        return tuple(map(_written, (self._chain, self._key)))

    def _read(self) -> ssl.SSLContext:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        try:
            context.load_cert_chain(self._chain, self._key, password=lambda: "")
        except OSError as problem:
            raise SettingError(
                f"tls_cert={self._chain} tls_key={self._key}: a matching PEM certificate chain and key are expected "
                f"({problem.strerror or problem})"
            ) from None
        return context


def _written(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns
