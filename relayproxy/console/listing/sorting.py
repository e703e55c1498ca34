"""Sorting of the session list: the order that a request asks for, and the links of the column headings.

Knows: `sort=duration` and `sort=-duration`; that the list as it is goes by the beginning, the newest first.
Must not know: SQL; how headings look.
"""

from dataclasses import dataclass

from aiohttp import web

from relayproxy.console.filters.fields import FILTER_FIELDS
from relayproxy.console.http.middleware import bad_request
from relayproxy.store.read.filters.criteria import SORTS, Sort

NEWEST = "-started"
"""The order without a `sort`: live sessions first, then the newest."""
_OLDEST = "started"
NAMES = {
    NEWEST: "Newest first",
    _OLDEST: "Oldest first",
    **{
        f"{sign}{field}": name
        for field in SORTS
        if field != _OLDEST
        for sign, name in zip(("-", ""), FILTER_FIELDS[field].orders, strict=True)
    },
}
"""The values of `sort`, in words."""


@dataclass(frozen=True, slots=True)
class Sorting:
    """The order that an address asks for, as it is written there."""

    text: str = NEWEST

    @property
    def sort(self) -> Sort | None:
        """None for the list as it is."""
        if self.text == NEWEST:
            return None
        return Sort(self.text.removeprefix("-"), ascending=not self.text.startswith("-"))

    def of(self, field: str) -> str | None:
        """The direction of the list by this field, as a value of `aria-sort`; None when it is sorted by another."""
        if self.text.removeprefix("-") != field:
            return None
        return "descending" if self.text.startswith("-") else "ascending"

    def following(self, field: str) -> str:
        """The `sort` of this field's heading: the largest first, and then the other way round."""
        return field if self.text == f"-{field}" else f"-{field}"


def sorting_of(request: web.Request) -> Sorting:
    """`sort` of a request. Raises a 400 Problem."""
    text = request.query.get("sort") or NEWEST
    if text.removeprefix("-") not in SORTS:
        expected = ", ".join(SORTS)
        raise bad_request(f"sort={text[:32]}: one of {expected} is expected, with - in front for the largest first.")
    return Sorting(text)
