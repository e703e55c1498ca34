"""Values of redaction: what is looked for, what was found and how it is masked.

Knows: kinds of secrets, where one lies in a text, what a stretch of text leaves for the next.
Must not know: how a secret is found; messages and streams.
"""

from collections.abc import Callable, Iterable
from typing import Any, Literal

import msgspec
import re2

Kind = Literal["card_number", "expiry", "security_code", "pin", "number", "email", "keys", "field", "pattern", "name"]
"""`number`: six or more digits after words such as code, account or social security. `keys`: a run of pressed keys.
`field`, `pattern`, `name`: by the settings `redact_fields`, `redact_patterns` and `redact_names`."""
BESIDE: frozenset[Kind] = frozenset({"pattern", "name"})
"""Kinds of which one beside a number says nothing of it: whether it is what was asked for, or goes on."""
NameFinder = Callable[[str], Iterable[tuple[int, int]]]
"""Gives the stretches of a text that are names of people. The text has no halves of surrogate pairs."""

Record = Literal["full", "redacted", "metadata", "none"]
"""What is recorded of a call: `full`, everything as it came; `redacted`, without secrets; `metadata`, without words;
`none`, nothing."""
KeyPolicy = Literal["keep", "mask", "mask-all"]
"""What becomes of keys. `mask`: runs of three or more are masked, shorter ones are menu choices and stay."""


Harmless = Literal["phone", "other"]
"""Something that is no secret and has digits: a telephone number; an order, a price, a date."""


class Secret(msgspec.Struct, frozen=True):
    """Something in a text that must not be stored."""

    kind: Kind
    start: int
    """Offset of its first character."""
    end: int
    """Offset behind its last character."""
    digits: str = ""
    """What it reads as, for kinds that are digits, so that echoes are recognised; never stored."""
    spans: tuple[tuple[int, int], ...] = ()
    """The stretches of the text, in order, whose letters and digits are masked. Between them lies what stays readable:
    the last four digits of a card number, words between its groups."""
    echo: bool = False
    """More of a secret that was found before, here or earlier in the connection: masked, but not counted again."""


class Context(msgspec.Struct, frozen=True):
    """What the conversation has left for the text that comes next."""

    card: bool = False
    """A card number was found a short while ago, on either side: its expiry and security code may follow."""
    asked: frozenset[Kind] = frozenset()
    """What the text before spoke of and did not give yet ("your PIN, please?"), on this side or the other."""
    harmless: Harmless | None = None
    """The same, of what is no secret; None where a secret was spoken of as well."""
    known: tuple[str, ...] = ()
    """Digits of secrets that were found in this connection: five or more of them in a row are masked again."""
    forgot: bool = False
    """Digits of secrets were found in this session that are not known any more: any number may be one of them."""
    mail: bool = False
    """An e-mail address was spoken of and not given yet."""
    mailboxes: tuple[str, ...] = ()
    """Local parts of addresses that were found in this connection."""
    names: tuple[str, ...] = ()
    """Names that were found in this connection, as `str.casefold` writes them: as a whole they are masked again."""

    @property
    def of_secrets(self) -> bool:
        """Whether numbers may be secret by it."""
        return bool(self.asked or self.card or self.known or self.forgot)


class Detection(msgspec.Struct, frozen=True):
    """What was found in a text."""

    secrets: tuple[Secret, ...] = ()
    """In order of `start`; they do not overlap."""
    open_from: int | None = None
    """From here to its end the text may be the beginning of a secret, when more text is joined to it. None: whatever
    comes, nothing in this text becomes a secret by it. A word that is cut ("four on") is open too."""
    open_digits: int = 0
    """How many digits the open end has so far, at most; 0 when nothing but a piece of a word is open."""
    asked: frozenset[Kind] = frozenset()
    """`Context.asked` for the text that comes next, on this side and the other."""
    harmless: Harmless | None = None
    """`Context.harmless` for it."""
    mail: bool = False
    """`Context.mail` for it."""
    address_from: int | None = None
    """From here to its end the text may be the beginning of an address."""

    def behind(self, offset: int) -> "Detection":
        """What of it lies behind this offset, counted from there."""
        if not self.secrets and self.open_from is None and self.address_from is None:
            return self
        secrets = [
            msgspec.structs.replace(
                secret,
                start=max(secret.start - offset, 0),
                end=secret.end - offset,
                spans=tuple((max(start - offset, 0), end - offset) for start, end in secret.spans if end > offset),
            )
            for secret in self.secrets
            if secret.end > offset
        ]
        open_from, address_from = (
            None if place is None else max(place - offset, 0) for place in (self.open_from, self.address_from)
        )
        return msgspec.structs.replace(self, secrets=tuple(secrets), open_from=open_from, address_from=address_from)


class Policy(msgspec.Struct, frozen=True):
    """What is looked for besides the built-in kinds. Made by `policy`."""

    fields: frozenset[str] = frozenset()
    """Names of custom parameters and handoff fields, as `str.casefold` writes them."""
    patterns: tuple[Any, ...] = ()
    """Compiled by re2, which takes linear time."""
    names: NameFinder | None = None
    """None: names of people are not looked for."""

    @property
    def waits(self) -> bool:
        """Whether any stretch of an answer may be secret, so that it is searched once its end has come."""
        return bool(self.patterns) or self.names is not None

    def without_names(self) -> "Policy":
        """The same for a text in which names of people are not looked for."""
        return self if self.names is None else msgspec.structs.replace(self, names=None)

    def masks_field(self, name: str) -> bool:
        """Whether the value of a parameter or field of this name is masked whole."""
        return name.casefold() in self.fields


def policy(fields: Iterable[str] = (), patterns: Iterable[str] = (), names: NameFinder | None = None) -> Policy:
    """The policy of these settings; ValueError says which pattern is wrong and why."""
    return Policy(
        fields=frozenset(field.strip().casefold() for field in fields),
        patterns=tuple(_compiled(pattern) for pattern in patterns),
        names=names,
    )


def redact_pattern(value: str) -> str:
    """Validator of one of `redact_patterns`: the value; ValueError says what is wrong with it."""
    _compiled(value)
    return value


def _compiled(pattern: str) -> Any:
    try:
        compiled = re2.compile(pattern, _OPTIONS)
    except re2.error as error:
        reason = error.args[0] if error.args else "unknown reason"
        reason = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
        raise ValueError(
            f"a regular expression as RE2 reads it is expected (no look-around, no back-references): {reason}"
        ) from None
    if compiled.search(""):
        raise ValueError("a regular expression that does not match the empty text is expected")
    return compiled


def _options() -> Any:
    options = re2.Options()
    options.log_errors = False  # it would write to stderr
    return options


_OPTIONS = _options()
