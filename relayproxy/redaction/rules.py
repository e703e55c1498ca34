"""Rules of redaction: what a route records, and what is looked for.

Knows: the modes; what they keep of a connection's opening.
Must not know: settings files; messages.
"""

import re

import msgspec

from relayproxy.connection import Opening, SignatureCheck
from relayproxy.redaction.masking import masked_text
from relayproxy.redaction.values import KeyPolicy, Policy, Record

_ADDRESS = r"(?:[0-9]{1,3}(?:\.[0-9]{1,3}){3}|\[?[0-9a-fA-F:]*:[0-9a-fA-F:.]*\]?)(?::[0-9]{1,5})?"
_ADDRESSES = re.compile(rf"{_ADDRESS}(?:, ?{_ADDRESS})*")
"""IP addresses, as `X-Forwarded-For` lists them: many digits, and nobody's number."""


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
            signature=self._signature(opening.signature),
        )

    def _signature(self, check: SignatureCheck | None) -> SignatureCheck | None:
        if check is None:
            return None
        url, problem, signed = (
            None if text is None else self._text(text) for text in (check.url, check.problem, check.signed_url)
        )
        return msgspec.structs.replace(check, url=url, problem=problem, signed_url=signed)

    def _headers(self, headers: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
        return tuple((name, self._text(value)) for name, value in headers)

    def _text(self, text: str) -> str:
        return text if _ADDRESSES.fullmatch(text) else masked_text(text, self.policy)


EVERYTHING = Rules(record="full")
