"""JSON text: its strings and numbers where they stand, and replacing parts of them while all else stays as it is.

Knows: where strings, numbers and members begin and end in JSON, well-formed or not; escapes.
Must not know: which of them is secret; types of messages.

Time and space grow linearly with the text.
"""

import json
import re
from collections.abc import Iterable
from itertools import pairwise

import msgspec

_TOKEN = re.compile(r'"((?:[^"\\]++|\\.)*+)(?:"|\\?\Z)|[^\s{}\[\]:,"]++|[{}\[\]:,]', re.DOTALL)
_CHARACTER = re.compile(
    r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\.|.", re.DOTALL
)
_COUNT = re.compile(r"[\W_]*(?:\d+|first|second|third|fourth|(?<![^\W_])[A-Za-z])[\W_]*$", re.IGNORECASE)
"""What a name is counted with: a number, a letter, an ordinal."""
_LONGEST_NAME = 64
_BEGUN_ESCAPE = re.compile(r"(?<!\\)(?:\\\\)*(\\(?:u[0-9a-fA-F]{0,3})?)\Z")
"""An escape at the end of a text that was cut off within it."""
_TRUNCATED = "Input data was truncated"
"""What msgspec says of text that is JSON as far as it goes."""
_SIMPLE = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}


class Edit(msgspec.Struct, frozen=True, order=True):
    """A stretch of a text and what is written in its place."""

    start: int
    end: int
    text: str


class Literal:
    """A string or a bare word (a number) of a JSON text, decoded. Offsets of `text` are those of its characters."""

    __slots__ = (
        "_offsets",
        "_quoted",
        "column",
        "container",
        "depth",
        "end",
        "goes_on",
        "is_name",
        "is_open",
        "name",
        "start",
        "text",
    )

    def __init__(
        self,
        raw: str,
        start: int,
        end: int,
        *,
        name: str | None,
        depth: int,
        container: int = 0,
        column: int = 0,
        quoted: bool = True,
        is_open: bool = False,
    ) -> None:
        self.start, self.end = start, end
        """Where it lies in the JSON text, without its quotes."""
        self.name = name
        """The member that it is the value of, or whose array or object it is in; None where there is none."""
        self.depth = depth
        """The number of objects and arrays around it."""
        self.container = container
        """Tells its object or array from all others of the text."""
        self.column = column
        """The same for values that stand in the same place of their arrays, or whose names differ by a count."""
        self.is_name = False
        self.is_open = is_open
        """The text ends within it."""
        self.goes_on = is_open
        """The text ends before what it is in does: it may go on in the next value."""
        self._quoted = quoted
        self._offsets: list[int] | None = None
        self.text = raw[start:end]
        if quoted and "\\" in self.text:
            pieces = [*_CHARACTER.finditer(self.text)]
            self._offsets = [start + piece.start() for piece in pieces] + [end]
            self.text = "".join([_decoded(piece[0]) for piece in pieces])

    @property
    def stem(self) -> str | None:
        """Its name without a count ("card_1" is "card")."""
        return None if self.name is None else _stem(self.name)

    @property
    def is_number(self) -> bool:
        """A bare word: a number, true, false, null or what is no JSON."""
        return not self._quoted

    def edits(self, changes: Iterable[Edit]) -> list[Edit]:
        """Changes of `text` as changes of the JSON text. A number that is changed becomes a string."""
        at = self._offsets
        found = [
            Edit(
                self.start + change.start if at is None else at[change.start],
                self.start + change.end if at is None else at[change.end],
                json.dumps(change.text, ensure_ascii=False)[1:-1],
            )
            for change in changes
        ]
        if found and not self._quoted:
            return [Edit(self.start, self.end, f'"{applied(self.text, [_moved(one, -self.start) for one in found])}"')]
        return found


def whole(text: str, *, is_open: bool = False) -> Literal:
    """A text that is no JSON, as if it were one string, without escapes."""
    literal = Literal("", 0, 0, name=None, depth=0, is_open=is_open)
    literal.text, literal.end = text, len(text)
    return literal


def literals(text: str, start: int = 0) -> list[Literal]:
    """The strings and bare words of a JSON text, in order, its names among them. Where the text is no JSON, as near as
    possible; the last string may be cut off. Reading begins at `start`."""
    found: list[Literal] = []
    names: list[str | None] = [None]
    containers, columns, count = [0], [0], 0
    last: Literal | None = None

    def literal(first: int, end: int, *, quoted: bool, is_open: bool) -> Literal:
        column = hash((columns[-1], names[-1] and _stem(names[-1])))
        return Literal(
            text, first, end,
            name=names[-1], depth=len(names) - 1, container=containers[-1], column=column, quoted=quoted,
            is_open=is_open,
        )  # fmt: skip

    for token in _TOKEN.finditer(text, start):
        first = text[token.start()]
        if first == '"':
            closed = token.end() > token.end(1) and text[token.end() - 1] == '"'
            begun = None if closed else _BEGUN_ESCAPE.search(text, token.start(1))
            end = token.end(1) if begun is None else begun.start(1)
            last = literal(token.start(1), end, quoted=True, is_open=not closed)
            found.append(last)
        elif first in "{[":
            count += 1
            containers.append(count)
            columns.append(hash((columns[-1], names[-1] and _stem(names[-1]), first)))
            names.append(names[-1])
        elif first in "}]":
            if len(names) > 1:
                names.pop()
                containers.pop()
                columns.pop()
        elif first == ":":
            if last is not None:
                last.is_name = True
                names[-1] = last.text
        elif first != ",":
            found.append(literal(*token.span(), quoted=False, is_open=token.end() == len(text)))
    if found and len(names) > 1:
        found[-1].goes_on = True
    return found


def is_json(text: str, *, cut: bool = False) -> bool:
    """Whether the text is well-formed; `cut`: as far as it goes."""
    try:
        msgspec.json.decode(text, type=msgspec.Raw)
    except (ValueError, RecursionError) as problem:
        return cut and str(problem) == _TRUNCATED
    return True


def looks_like_json(text: str) -> bool:
    """Whether the text begins as an object, an array or a string does."""
    return text.lstrip(" \t\r\n")[:1] in ("{", "[", '"')


def applied(text: str, edits: Iterable[Edit]) -> str:
    """The text with these changes, none of which overlap."""
    ordered = sorted(edits)
    if not ordered:
        return text
    assert all(one.end <= other.start for one, other in pairwise(ordered)), "edits overlap"
    pieces, at = [], 0
    for edit in ordered:
        pieces += [text[at : edit.start], edit.text]
        at = edit.end
    return "".join([*pieces, text[at:]])


def _stem(name: str) -> str:
    return name if len(name) > _LONGEST_NAME else _COUNT.sub("", name)


def _moved(edit: Edit, by: int) -> Edit:
    return Edit(edit.start + by, edit.end + by, edit.text)


def _decoded(piece: str) -> str:
    if piece[0] != "\\" or len(piece) == 1:
        return piece
    if piece[1] != "u":
        return _SIMPLE.get(piece[1], piece[1])
    if len(piece) == 6:
        return chr(int(piece[2:], 16))
    if len(piece) == 12:
        return chr(0x10000 + ((int(piece[2:6], 16) - 0xD800) << 10) + int(piece[8:], 16) - 0xDC00)
    return piece[1:]
