"""Rules of redaction: what a route records, and what is looked for.

Knows: the modes; what they keep of a connection's opening.
Must not know: settings files; messages.
"""

import re
from functools import lru_cache

import msgspec

from relayproxy.connection import Opening, SignatureCheck
from relayproxy.redaction.masking.masking import announces, masked_text
from relayproxy.redaction.values import KeyPolicy, Policy, Record

_ADDRESS = r"(?:[0-9]{1,3}(?:\.[0-9]{1,3}){3}|\[?[0-9a-fA-F:]*:[0-9a-fA-F:.]*\]?)(?::[0-9]{1,5})?"
_ADDRESSES = re.compile(rf"{_ADDRESS}(?:, ?{_ADDRESS})*")
"""IP addresses, as `X-Forwarded-For` lists them: many digits, and nobody's number."""
_ODD = re.compile(r"[0-9].*[0-9].*[0-9]|@")
"""What no usual header's name has; a secret that is spelled without digits is not looked for there."""
_FEW_DIGITS = r"(?!(?:[^0-9]*[0-9]){6})"
_GENERATED = {
    "sec-websocket-key": re.compile(rf"{_FEW_DIGITS}[A-Za-z0-9+/]{{22}}=="),
    "sec-websocket-accept": re.compile(rf"{_FEW_DIGITS}[A-Za-z0-9+/]{{27}}="),
    "date": re.compile(r"[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT"),
}
"""Values of headers that are random or a time. To read them as numbers takes longer than all the rest of a request, and
strangers can make thousands of requests in a second."""


class Rules(msgspec.Struct, frozen=True):
    """The rules of one route."""

    record: Record = "redacted"
    keys: KeyPolicy = "mask"
    policy: Policy = Policy()

    def opening(self, opening: Opening, earlier: Opening | None = None) -> Opening:
        """The opening as it is stored: secrets in headers, targets and errors masked. `earlier`: what was stored of it
        when less of it was known; what still reads as there is not looked at again."""
        if self.record == "full":
            return opening
        known = frozenset[str]() if earlier is None else _texts(earlier)
        return msgspec.structs.replace(
            opening,
            record=self.record,
            backend=self._text(opening.backend, known),
            target=self._text(opening.target, known),
            request_headers=self._headers(opening.request_headers, known),
            response_headers=self._headers(opening.response_headers, known),
            error=None if opening.error is None else self._text(opening.error, known),
            signature=self._signature(opening.signature, known),
            faults=tuple(self._text(fault, known) for fault in opening.faults),
        )

    def _signature(self, check: SignatureCheck | None, known: frozenset[str]) -> SignatureCheck | None:
        if check is None:
            return None
        url, problem, signed = (
            None if text is None else self._text(text, known) for text in (check.url, check.problem, check.signed_url)
        )
        return msgspec.structs.replace(check, url=url, problem=problem, signed_url=signed)

    def _headers(self, headers: tuple[tuple[str, str], ...], known: frozenset[str]) -> tuple[tuple[str, str], ...]:
        return tuple(
            (
                masked_text(name, self._policy) if _ODD.search(name) else name,
                value if self._is_generated(name, value) else self._text(value, known, name if _tells(name) else None),
            )
            for name, value in headers
        )

    def _is_generated(self, name: str, value: str) -> bool:
        form = _GENERATED.get(name.lower())
        return form is not None and not self.policy.patterns and form.fullmatch(value) is not None

    def _text(self, text: str, known: frozenset[str], name: str | None = None) -> str:
        kept = text in known or _ADDRESSES.fullmatch(text)
        return text if kept else masked_text(text, self._policy, name=name)

    @property
    def _policy(self) -> Policy:
        """Of requests, which are not searched for names of people: strangers can send more than can be searched."""
        return self.policy.without_names()


def _tells(name: str) -> bool:
    """Whether a header's name announces that its value is secret."""
    return not _ODD.search(name) and _announces(name)


@lru_cache(maxsize=1000)
def _announces(name: str) -> bool:
    return announces(name)


def _texts(masked: Opening) -> frozenset[str]:
    return frozenset((masked.backend, masked.target, *(value for _, value in masked.request_headers)))


EVERYTHING = Rules(record="full")


def without_words(opening: Opening) -> Opening:
    """The opening without anything that a caller or a backend could have put there: what is kept when redaction
    fails."""
    agreed = tuple(one for one in opening.response_headers if one[0].lower().startswith("sec-websocket-"))
    return msgspec.structs.replace(
        opening,
        backend="/".join(opening.backend.partition("?")[0].split("/", 3)[:3]),
        target="",
        request_headers=(),
        response_headers=agreed,
        error=None,
        signature=opening.signature and SignatureCheck(opening.signature.state),
    )
