"""Filter edits: change one condition in the text of a filter, for links.

Knows: that values of one field are alternatives.
Must not know: addresses; what is linked.
"""

from dataclasses import dataclass, replace

from relayproxy.console.filters.fields import TIMES
from relayproxy.console.filters.language import Query, parse, read_name, write_criterion
from relayproxy.console.filters.tokens import joined, replaced, within
from relayproxy.store.read.filters.criteria import Criterion, kind_of_field


class Edits:
    """Edited versions of a filter's text, which is parsed once for all of them."""

    def __init__(self, text: str) -> None:
        self._text, tokens, _ = within(text)
        read = [(token, _criterion(self._text[token.start : token.end])) for token in tokens]
        self._equal = [(token, one) for token, one in read if one and one.op == "=" and not one.negated]
        self._numbers = [(token, write_criterion(one)) for token, one in read if one and not one.negated]
        self._fields = [
            (token, name if name in TIMES else one.field if one else None)
            for token, one in read
            if token.field is not None and not token.negated
            for name in (read_name(token.field),)
        ]

    def chosen(self, field: str) -> tuple[str, ...]:
        """The values of the field that are asked for by name; of a number, also what it is compared with, as `>0`."""
        if _is_number(field):
            return tuple(text.removeprefix(f"{field}:") for _, text in self._numbers if text.startswith(f"{field}:"))
        return tuple(str(value) for _, one in self._equal if one.field == field for value in one.values)

    def toggled(self, field: str, value: str) -> str:
        """The text that asks for this value too, or no longer when it did."""
        if _is_number(field):
            for token, text in self._numbers:
                if text == f"{field}:{value}":
                    return replaced(self._text, token, "")
            return joined(self.without(field), f"{field}:{value}")
        for token, one in self._equal:
            if one.field != field:
                continue
            left = tuple(other for other in one.values if other != value)
            if len(left) < len(one.values):
                return replaced(self._text, token, write_criterion(replace(one, values=left)) if left else "")
            return replaced(self._text, token, write_criterion(replace(one, values=(*one.values, value))))
        return joined(self._text, write_criterion(Criterion(field, "=", (value,))))

    def without(self, *fields: str) -> str:
        """The text without any condition on these fields, but for those that leave something out."""
        text = self._text
        for token, field in reversed(self._fields):
            if field in fields:
                text = replaced(text, token, "")
        return text

    def left_out(self, field: str, value: str) -> str:
        """The text that also asks for sessions without this value."""
        if _is_number(field):
            return joined(self._text, f"-{field}:{value}")
        return joined(self._text, write_criterion(Criterion(field, "=", (value,), negated=True)))


def _is_number(field: str) -> bool:
    return kind_of_field(field) in ("number", "seconds")


@dataclass(frozen=True, slots=True)
class Preset:
    """A range of time that can be chosen by its name, and the filter with it in place of any other range."""

    name: str
    q: str
    chosen: bool


_RANGES = {
    "": "Any time",
    "since:1h": "Last hour",
    "since:24h": "Last 24 hours",
    "on:today": "Today",
    "on:yesterday": "Yesterday",
    "since:7d": "Last 7 days",
    "since:30d": "Last 30 days",
}


def presets(query: Query) -> tuple[Preset, ...]:
    """The ranges of time that a list of calls offers; none is chosen when the filter has another."""
    rest = Edits(query.text).without(*TIMES)
    timed = " ".join(term.token for term in query.terms if term.token.partition(":")[0].lower() in TIMES)
    return tuple(Preset(name, joined(rest, token), token == timed) for token, name in _RANGES.items())


def _criterion(written: str) -> Criterion | None:
    every = parse(written, 0).criteria.every
    return every[0] if every else None
