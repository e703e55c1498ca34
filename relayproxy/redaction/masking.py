"""Masking of strings that stand for themselves: parameters, handoff data, descriptions, headers, targets, any JSON.

Knows: where secrets hide in a string: in JSON within it, behind percent-encoding, told by the name of its member.
Must not know: utterances that go on in other messages; what becomes of the masked text.
"""

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from relayproxy.redaction.announced import mentions
from relayproxy.redaction.detection import find
from relayproxy.redaction.json_text import Edit, Literal, applied, is_json, literals, looks_like_json
from relayproxy.redaction.tokens import tokenize
from relayproxy.redaction.values import Context, Kind, Policy, Secret
from relayproxy.redaction.vocabulary import IDENTITY
from relayproxy.text import mask

MAX_NESTED = 4
"""JSON within JSON strings is looked into so deep."""
OPEN_DIGITS = 3
"""Digits at the end of a text that was cut off which are masked, because the rest of them is not known."""
_RUN = re.compile(r"[^\W_]+")
_ENCODED = re.compile(
    r"%(?:25)+(?:[02][0-9a-fA-F]|3[a-fA-F]|40|5[b-fB-F])|(?:%[0-9a-fA-F]{2})+|\\+(?:u[0-9a-fA-F]{4}|[nrtbf])"
)
"""Characters of URLs, those that were encoded more than once among them, and of JSON that is quoted."""
_PLUS = re.compile(r"(?<=\w)\+(?=\w)")
_LABEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|[_\-.\s]+")
_KEY = "reference"
"""A word that announces something that is no secret."""
_ID = re.compile(r"[A-Z]{2}[0-9a-fA-F]{32}")
"""An id of Twilio's: its digits are nobody's number."""


class SecretSeen(NamedTuple):
    """A secret that was masked. `identity` tells it from others of its kind; never stored."""

    kind: Kind
    identity: str


class Masked(NamedTuple):
    """The changes that mask a text, and what they mask."""

    edits: list[Edit]
    secrets: list[SecretSeen]


def masks(text: str, spans: Iterable[tuple[int, int]]) -> list[Edit]:
    """The changes that mask all letters and digits of these stretches."""
    found: list[Edit] = []
    at = 0
    for start, end in sorted(spans):
        for run in _RUN.finditer(text, max(start, at), end):
            found.append(Edit(run.start(), run.end(), mask(run[0])))
        at = max(at, end)
    return found


def mask_string(
    text: str, policy: Policy, context: Context, *, name: str | None = None, cut: bool = False, depth: int = 0
) -> Masked:
    """Masks one string. `name`: the member that it is the value of. `cut`: its end is missing."""
    if not text or _ID.fullmatch(text):
        return Masked([], [])
    if name is not None and policy.fields and policy.masks_field(name):
        return Masked(masks(text, [(0, len(text))]), [SecretSeen("field", text)])
    nested = Masked([], [])
    start = text.find("{") if depth < MAX_NESTED else -1
    if start > 0 and not looks_like_json(text):
        nested = mask_literals(literals(text, start), policy, context, cut=cut, depth=depth + 1)
    elif depth < MAX_NESTED and looks_like_json(text):
        nested = mask_literals(literals(text), policy, context, cut=cut, depth=depth + 1)
        if is_json(text):
            return nested
    plain = _plain(text, policy, context, name, cut=cut)
    free = [one for one in plain.edits if not any(one.start < it.end and it.start < one.end for it in nested.edits)]
    return Masked(nested.edits + free, nested.secrets + [one for one in plain.secrets if one not in nested.secrets])


def mask_literals(
    found: Iterable[Literal], policy: Policy, context: Context, *, cut: bool = False, depth: int = 0
) -> Masked:
    """Masks the strings and numbers of a JSON text, each by itself."""
    edits: list[Edit] = []
    secrets: list[SecretSeen] = []
    for one, name in with_fields(found, policy):
        inner = mask_string(one.text, policy, context, name=name, cut=cut, depth=depth)
        edits += one.edits(inner.edits)
        secrets += inner.secrets
    return Masked(edits, secrets)


def with_fields(found: Iterable[Literal], policy: Policy) -> Iterator[tuple[Literal, str | None]]:
    """These literals of a JSON text, in order, each with the name that tells what it is: that of the outermost field
    around it which is masked whole, else its own; None for names."""
    outer: Literal | None = None
    for one in found:
        if outer is not None and one.depth <= outer.depth and (one.is_name or one.depth < outer.depth):
            outer = None
        if outer is None and one.is_name and policy.fields and policy.masks_field(one.text):
            outer = one
        yield one, None if one.is_name else one.name if outer is None else outer.text


def masked_text(text: str, policy: Policy, context: Context = Context()) -> str:  # noqa: B008 (an immutable value)
    """The string, masked."""
    return applied(text, mask_string(text, policy, context).edits)


def secret_seen(text: str, secret: Secret) -> SecretSeen:
    """A secret that was found in this text."""
    return SecretSeen(secret.kind, secret.digits or text[secret.start : secret.end].casefold())


def _plain(text: str, policy: Policy, context: Context, name: str | None, *, cut: bool) -> Masked:
    plain, offsets = _unquoted(text)
    label = "" if name is None else _label(name)
    found = find(label + plain, language=None, policy=policy, context=context)
    before = len(label)
    spans = [
        (max(start - before, 0), end - before) for one in found.secrets for start, end in one.spans if end > before
    ]
    if cut and found.open_from is not None and found.open_digits >= OPEN_DIGITS:
        spans.append((max(found.open_from - before, 0), len(plain)))
    edits = masks(plain, spans)
    if offsets is not None:
        edits = [Edit(offsets[one.start], offsets[one.end], one.text) for one in edits]
    return Masked(edits, [secret_seen(label + plain, one) for one in found.secrets if one.end > before])


def _label(name: str) -> str:
    """What a member's name says of its value, as words in front of it. A name such as `accountNumber` is a key of the
    operator's: its value is no secret, and no answer to what was asked for."""
    label = _LABEL.sub(" ", name) + ": "
    tokens = tokenize(label)
    for one in reversed(mentions(tokens)):
        words = tokens[one.first : one.last]
        if one.topic == "number" and tuple(token.word for token in words) not in IDENTITY:
            label = f"{label[: words[0].start]}{_KEY}{label[words[-1].end :]}"
    return label


def _unquoted(text: str) -> tuple[str, list[int] | None]:
    """The text without the percent-encoding of URLs and the escapes of JSON, and the offset of each of its characters
    (None: the same)."""
    if "+" in text:
        text = _PLUS.sub(" ", text)
    if "%" not in text and "\\" not in text:
        return text, None
    pieces: list[str] = []
    offsets: list[int] = []
    for piece, at, width in _decoded(text):
        pieces.append(piece)
        offsets += [at + width * number for number in range(len(piece))]
    return "".join(pieces), [*offsets, len(text)]


def _decoded(text: str) -> Iterator[tuple[str, int, int]]:
    """Stretches of the decoded text, each with where it lies in the text and how wide its characters are there."""
    at = 0
    for found in _ENCODED.finditer(text):
        yield text[at : found.start()], at, 1
        # One character for each byte: what is looked for in encoded text is ASCII.
        coded = found[0].lstrip("\\")
        if coded[0] == "u":
            yield chr(int(coded[1:], 16)), found.start(), len(found[0])
        elif coded[0] != "%":
            yield " ", found.start(), len(found[0])
        elif coded.startswith("%25") and coded.count("%") == 1 and len(coded) > 3:
            yield chr(int(coded[-2:], 16)), found.start(), len(coded)
        else:
            yield bytes.fromhex(coded.replace("%", "")).decode("latin-1"), found.start(), 3
        at = found.end()
    yield text[at:], at, 1
