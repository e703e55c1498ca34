"""Detection of secrets in a text.

Knows: in which order kinds are looked for, and which of two that overlap stays.
Must not know: messages and streams; what becomes of what was found.
"""

import re
from collections.abc import Iterator

from stdnum import luhn

from relayproxy.redaction.values import Context, Detection, Policy, Secret

_RUN = re.compile(r"\d(?:[\s.,–—-]{0,3}\d)*")
_OPEN = re.compile(r"\d[\d\s.,–—-]*\Z")
_EMAIL = re.compile(r"[\w.+-]{1,64}@[\w-]+(?:\.[\w-]+)+")
_EMPTY = Detection()


def find(text: str, *, language: str | None, policy: Policy, context: Context) -> Detection:  # noqa: ARG001
    """The secrets of a text: an utterance, or what is joined of a stream so far. `language` is a hint (BCP 47, None:
    not known). Time and space grow linearly with the text."""
    secrets = [*_cards(text), *_echoes(text, context), *_emails(text), *_patterns(text, policy)]
    opened = _OPEN.search(text)
    if not secrets and opened is None:
        return _EMPTY
    return Detection(
        secrets=_apart(secrets),
        open_from=opened.start() if opened else None,
        open_digits=sum(map(str.isdigit, opened[0])) if opened else 0,
    )


def _cards(text: str) -> Iterator[Secret]:
    for run in _RUN.finditer(text):
        at = [run.start() + offset for offset, character in enumerate(run[0]) if character.isdigit()]
        digits = "".join(str(int(text[offset])) for offset in at)
        if 13 <= len(digits) <= 19 and luhn.is_valid(digits):
            yield Secret("card_number", at[0], at[-1] + 1, digits, ((at[0], at[-5] + 1),))


def _echoes(text: str, context: Context) -> Iterator[Secret]:
    if context.known:
        for run in _RUN.finditer(text):
            digits = "".join(character for character in run[0] if character.isdigit())
            if len(digits) >= 5 and any(digits in known for known in context.known):
                yield Secret("card_number", run.start(), run.end(), digits, (run.span(),))


def _emails(text: str) -> Iterator[Secret]:
    if "@" in text:
        for found in _EMAIL.finditer(text):
            yield Secret("email", found.start(), found.end(), "", (found.span(),))


def _patterns(text: str, policy: Policy) -> Iterator[Secret]:
    for pattern in policy.patterns:
        for found in pattern.finditer(text):
            if found.end() > found.start():
                yield Secret("pattern", found.start(), found.end(), "", (found.span(),))


def _apart(secrets: list[Secret]) -> tuple[Secret, ...]:
    """In order, without those that begin within another."""
    kept: list[Secret] = []
    for secret in sorted(secrets, key=lambda one: (one.start, -one.end)):
        if not kept or secret.start >= kept[-1].end:
            kept.append(secret)
    return tuple(kept)
