"""Masking of strings that stand for themselves: parameters, handoff data, descriptions, headers, targets, any JSON.

Knows: where secrets hide in a string: in JSON within it, behind percent-encoding, told by the name of its member.
Must not know: utterances that go on in other messages; what becomes of the masked text.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from relayproxy.redaction.budget import BROKEN, effort, names_effort
from relayproxy.redaction.detection.announced import mentions
from relayproxy.redaction.detection.cards import issuer_lengths
from relayproxy.redaction.detection.detection import find
from relayproxy.redaction.detection.tokens import tokenize
from relayproxy.redaction.detection.vocabulary import IDENTITY
from relayproxy.redaction.masking.json_text import Edit, Literal, applied, is_json, literals, looks_like_json
from relayproxy.redaction.masking.siblings import Siblings, question, siblings
from relayproxy.redaction.values import Context, Kind, Policy, Secret
from relayproxy.text import mask

MAX_NESTED = 4
"""JSON within JSON strings is looked into so deep."""
OPEN_DIGITS = 3
"""Digits at the end of a text that was cut off which are masked, because the rest of them is not known."""
_RUN = re.compile(r"[^\W_]+")
_ENCODED = re.compile(
    r"%(?:25)+(?:[02][0-9a-fA-F]|3[a-fA-F]|40|5[b-fB-F])|(?:%[0-9a-fA-F]{2})+"
    r"|(?<!\\)\\++(?:u[0-9a-fA-F]{4}|[nrtbf])"
)
"""Characters of URLs, those that were encoded more than once among them, and of JSON that is quoted."""
_PLUS = re.compile(r"(?<=\w)\+(?=\w)")
_LABEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|[_\-.\s]+")
_PART_OF_DATE = re.compile(r"\d{1,4}")
_LONGEST_LABEL = 64
"""Characters of a name that are read as words: its last, as each value below it is searched together with them."""
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
    besides: int = 0
    """What it took besides, in characters: to search members together with others, and for names of people."""


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
    text: str,
    policy: Policy,
    context: Context,
    *,
    name: str | None = None,
    about: str | None = None,
    cut: bool = False,
    depth: int = 0,
) -> Masked:
    """Masks one string. `name`: the member that it is the value of. `about`: what else tells what it is. `cut`: its end
    is missing."""
    if not text or _ID.fullmatch(text):
        return Masked([], [])
    if name is not None and policy.fields and policy.masks_field(name):
        return Masked(masks(text, [(0, len(text))]), [SecretSeen("field", text)])
    nested = Masked([], [])
    if depth < MAX_NESTED and looks_like_json(text) and is_json(text):
        return mask_literals(literals(text), policy, context, cut=cut, depth=depth + 1)
    start = _json_from(text, depth)
    if start >= 0:
        # As the text is searched by itself, too, and each string in it so again: less deep than JSON.
        inside = mask_literals(literals(text, start), policy, context, cut=cut, depth=max(depth + 1, MAX_NESTED - 1))
        nested = inside._replace(besides=inside.besides + effort_as_json(text))
    plain = _plain(text, policy, context, _announcement(name, about), cut=cut)
    free = [one for one in plain.edits if not any(one.start < it.end and it.start < one.end for it in nested.edits)]
    secrets = nested.secrets + [one for one in plain.secrets if one not in nested.secrets]
    return Masked(nested.edits + free, secrets, nested.besides)


def search_effort(text: str, *, names: bool = False, depth: int = 0) -> int:
    """What it takes to mask a string, in characters, as far as that can be told beforehand."""
    needed = effort(text, names=names)
    if depth < MAX_NESTED and looks_like_json(text) and is_json(text):
        inside = (one.text for one in literals(text) if "{" in one.text or looks_like_json(one.text))
        return needed + sum(search_effort(one, depth=depth + 1) for one in inside)
    return needed + effort_as_json(text) if _json_from(text, depth) >= 0 else needed


def effort_as_json(text: str) -> int:
    """What it takes to search a text that is no JSON, or not all of it, as if it were."""
    return effort(text) * (1 if is_json(text, cut=True) else BROKEN)


def _json_from(text: str, depth: int) -> int:
    """Where what may be JSON begins in a text that is none; -1 where nothing does."""
    if depth >= MAX_NESTED:
        return -1
    return 0 if looks_like_json(text) else text.find("{")


def mask_literals(
    found: Iterable[Literal], policy: Policy, context: Context, *, cut: bool = False, depth: int = 0
) -> Masked:
    """Masks the strings and numbers of a JSON text."""
    return mask_members([*with_fields(found, policy)], policy, context, cut=cut, depth=depth)


def mask_members(
    members: Sequence[tuple[Literal, str | None]],
    policy: Policy,
    context: Context,
    *,
    cut: bool = False,
    depth: int = 0,
    terms: frozenset[str | None] = frozenset(),
) -> Masked:
    """Masks literals of a JSON text, each with the name that tells what it is: each by itself, and together with its
    siblings. `terms`: members of the outermost object whose values nobody says, so that they are no names of people."""
    inner: dict[Literal, list[Edit]] = {}
    besides = 0
    secrets: list[SecretSeen] = []
    numbers = policy.without_names()
    before: Literal | None = None
    for one, name in members:
        about = question(one, before) if name == one.name else None
        said = not (one.is_name or one.is_number or (one.depth == 1 and one.name in terms))
        own = policy if said else policy.without_names()
        besides += 0 if own.names is None else names_effort(one.text)
        besides += min(len(name or ""), _LONGEST_LABEL) + len(about or "")
        masked = mask_string(one.text, own, context, name=name, about=about, cut=cut or one.is_open, depth=depth)
        inner[one] = masked.edits
        secrets += masked.secrets
        besides += masked.besides
        before = before if one.is_name else one
    for group in siblings(one for one, _ in members):
        label = "" if group.name is None else _label(group.name)
        text = label + group.text
        besides += len(text)
        # What was asked for in the call is not answered by a list.
        found = find(text, language=None, policy=numbers, context=Context(known=context.known))
        behind = [secret for secret in found.secrets if secret.end > len(label)]
        if group.members[-1].goes_on and found.open_from is not None and found.open_digits >= OPEN_DIGITS:
            for one, first, last in group.split(max(found.open_from - len(label), 0), len(group.text)):
                inner[one] = _more(inner[one], one.text, first, last)
        if not all(secret.kind != "card_number" or _is_believed(secret, label, group) for secret in behind):
            continue
        for secret in behind:
            for start, end in secret.spans:
                for one, first, last in group.split(start - len(label), end - len(label)):
                    inner[one] = _more(inner[one], one.text, first, last)
            seen = secret_seen(text, secret)
            secrets += [seen] if seen not in secrets else []
    if any(secret.kind == "card_number" for secret in secrets):
        for one, name in members:
            edits = [] if inner[one] else _expiry(one.text, name, numbers)
            secrets += [SecretSeen("expiry", one.text)] * bool(edits)
            inner[one] = inner[one] or edits
    return Masked([edit for one, edits in inner.items() for edit in one.edits(edits)], secrets, besides)


def _expiry(text: str, name: str | None, policy: Policy) -> list[Edit]:
    """Masks the expiry, or a part of it, of a card whose number is in another member."""
    label = "" if name is None else _label(name)
    if not any(one.topic == "expiry" for one in mentions(tokenize(label + text))):
        return []
    if _PART_OF_DATE.fullmatch(text):
        return masks(text, [(0, len(text))])
    found = _plain(text, policy, Context(card=True), label, cut=False)
    return found.edits if {secret.kind for secret in found.secrets} == {"expiry"} else []


def _is_believed(secret: Secret, label: str, group: Siblings) -> bool:
    """Whether a card number that is spread over siblings is one: it is called so, or of a known issuer and, where they
    are all numbers, made of whole ones."""
    if any(one.topic == "card_number" for one in mentions(tokenize(label))):
        return True
    whole = group.words or group.has_ends(secret.start - len(label), secret.end - len(label))
    return whole and bool(issuer_lengths(secret.digits[:4]))


def _more(edits: list[Edit], text: str, start: int, end: int) -> list[Edit]:
    """These changes, and those that mask what else is in a stretch of the text."""
    at, free = start, []
    for one in sorted(edits):
        if one.end > start and one.start < end:
            free.append((at, max(at, one.start)))
            at = max(at, one.end)
    free.append((at, max(at, end)))
    return edits + masks(text, free)


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


def masked_text(text: str, policy: Policy, *, name: str | None = None) -> str:
    """The string, masked. `name`: as of `mask_string`."""
    return applied(text, mask_string(text, policy, Context(), name=name).edits)


def announces(name: str) -> bool:
    """Whether a member's name says that its value is secret."""
    return any(one.topic != "other" for one in mentions(tokenize(_label(name))))


def secret_seen(text: str, secret: Secret) -> SecretSeen:
    """A secret that was found in this text."""
    return SecretSeen(secret.kind, secret.digits or text[secret.start : secret.end].casefold())


def _announcement(name: str | None, about: str | None) -> str:
    """What is said of a member, as words in front of its value."""
    label = "" if name is None else _label(name)
    if about is None:
        return label
    return f"{about}\n{label}" if " " in about.strip() else f"{_label(about)}{label}"


def _plain(text: str, policy: Policy, context: Context, label: str, *, cut: bool) -> Masked:
    plain, offsets = _unquoted(text)
    found = find(label + plain, language=None, policy=policy, context=context)
    before = len(label)
    spans = [
        (max(start - before, 0), end - before) for one in found.secrets for start, end in one.spans if end > before
    ]
    secrets = [secret_seen(label + plain, one) for one in found.secrets if one.end > before]
    if cut and found.open_from is not None and found.open_digits >= OPEN_DIGITS:
        start = max(found.open_from - before, 0)
        spans.append((start, len(plain)))
        secrets += [] if secrets else [SecretSeen("number", plain[start:])]
    edits = masks(plain, spans)
    if offsets is not None:
        edits = [Edit(offsets[one.start], offsets[one.end], one.text) for one in edits]
    return Masked(edits, secrets)


def _label(name: str) -> str:
    """What a member's name says of its value, as words in front of it. A name such as `accountNumber` is a key of the
    operator's: its value is no secret, and no answer to what was asked for."""
    label = _LABEL.sub(" ", name[-_LONGEST_LABEL:]) + ": "
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
