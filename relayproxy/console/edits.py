"""Changing a filter's text by one condition, for links that do so.

Knows: that values of one field are alternatives.
Must not know: addresses; what is linked.
"""

from collections.abc import Iterator
from dataclasses import replace

from relayproxy.console.query import TIMES, parse, read_name, write_criterion
from relayproxy.console.tokens import MOST, Token, joined, replaced, tokens
from relayproxy.store.criteria import Criterion


def chosen(text: str, field: str) -> tuple[str, ...]:
    """The values of the field that are asked for by name."""
    return tuple(str(value) for _, one in _equal(text, field) for value in one.values)


def toggled(text: str, field: str, value: str) -> str:
    """The text that asks for this value too, or no longer when it did."""
    for token, one in _equal(text, field):
        left = tuple(other for other in one.values if other != value)
        if len(left) < len(one.values):
            return replaced(text, token, write_criterion(replace(one, values=left)) if left else "")
        return replaced(text, token, write_criterion(replace(one, values=(*one.values, value))))
    return joined(text, write_criterion(Criterion(field, "=", (value,))))


def without(text: str, field: str) -> str:
    """The text without any condition on the field, but for those that leave something out."""
    for token in reversed(tokens(text)[:MOST]):
        if not token.negated and token.field is not None and field == _field(text, token):
            text = replaced(text, token, "")
    return text


def left_out(text: str, field: str, value: str) -> str:
    """The text that also asks for sessions without this value."""
    return joined(text, write_criterion(Criterion(field, "=", (value,), negated=True)))


def _equal(text: str, field: str) -> Iterator[tuple[Token, Criterion]]:
    for token in tokens(text)[:MOST]:
        one = _criterion(text, token)
        if one and one.field == field and one.op == "=" and not one.negated:
            yield token, one


def _criterion(text: str, token: Token) -> Criterion | None:
    every = parse(text[token.start : token.end], 0).criteria.every
    return every[0] if every else None


def _field(text: str, token: Token) -> str | None:
    name = read_name(token.field or "")
    one = _criterion(text, token)
    return name if name in TIMES else one.field if one else None
