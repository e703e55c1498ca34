"""Rules of redaction: what a route records, and what is looked for.

Knows: the modes; what they keep of a connection's opening.
Must not know: settings files; messages.
"""

import msgspec

from relayproxy.connection import Opening, SignatureCheck
from relayproxy.redaction.masking import masked_text
from relayproxy.redaction.values import KeyPolicy, Policy, Record


class Rules(msgspec.Struct, frozen=True):
    """The rules of one route."""

    record: Record = "redacted"
    keys: KeyPolicy = "mask"
    policy: Policy = Policy()

    def opening(self, opening: Opening) -> Opening:
        """The opening as it is stored: secrets in headers, targets and errors masked."""
        if self.record == "full":
            return opening
        return msgspec.structs.replace(
            opening,
            record=self.record,
            backend=self._text(opening.backend),
            target=self._text(opening.target),
            request_headers=self._headers(opening.request_headers),
            response_headers=self._headers(opening.response_headers),
            error=None if opening.error is None else self._text(opening.error),
            signature=None if opening.signature is None else self._signature(opening.signature),
        )

    def _signature(self, check: SignatureCheck) -> SignatureCheck:
        urls = {"url": check.url, "signed_url": check.signed_url}
        masked = {name: None if url is None else self._text(url) for name, url in urls.items()}
        return msgspec.structs.replace(check, **masked)

    def _headers(self, headers: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
        return tuple((name, self._text(value)) for name, value in headers)

    def _text(self, text: str) -> str:
        return masked_text(text, self.policy)


EVERYTHING = Rules(record="full")
