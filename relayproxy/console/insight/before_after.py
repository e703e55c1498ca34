"""Comparison of a period with the one before it.

Knows: how long both sides are, and how their filters are written.
Must not know: HTTP, HTML, SQL; what is compared.
"""

from dataclasses import dataclass
from datetime import tzinfo
from typing import Any
from urllib.parse import urlencode

from relayproxy.console.filters.values import stamp
from relayproxy.console.http.times import NS
from relayproxy.console.insight.charts import step_name
from relayproxy.console.insight.selection import WEEK, PeriodOrigin, Selection, without_times
from relayproxy.store.read.insight.figures import Reach

_MINUTE = 60 * NS
MAX_PERIOD = WEEK
"""Nanoseconds on each side of a moment, at most."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Filters of two times side by side of equal length, the earlier first."""

    a: str
    b: str
    length: str
    """Of each, in words."""

    def link(self, q: str) -> str:
        """URL of the comparison of both periods' calls that meet the filter."""
        given = {"q": without_times(q), "a": self.a, "b": self.b}
        return f"/insight?{urlencode({name: text for name, text in given.items() if text})}"


def around(at: int, now: int, zone: tzinfo) -> Comparison:
    """The periods before and after a moment, of equal length, a week at most. All are wall
    nanoseconds."""
    at = at // NS * NS
    since = now - at
    length = min(MAX_PERIOD, since // _MINUTE * _MINUTE or _MINUTE)
    return _comparison(at, length, zone)


def by_time(chosen: Selection, span: PeriodOrigin, reach: Reach) -> dict[str, Any]:
    """For a page of charts: `with_before`, the comparison of its range with as long before, None where there was
    nothing before; and `around`, which gives for a moment what was before it and since."""
    since, until = reach.since // NS * NS, -(-reach.until // NS) * NS
    bounded = span == "week" or (span == "given" and chosen.criteria.since is not None)
    enough = bounded and 2 * since > until
    return {
        "with_before": _comparison(since, until - since, chosen.zone) if enough else None,
        "around": lambda at: around(at, chosen.now, chosen.zone),
    }


def _comparison(at: int, length: int, zone: tzinfo) -> Comparison:
    before, middle, after = (stamp(one, zone) for one in (at - length, at, at + length))
    return Comparison(f"since:{before} until:{middle}", f"since:{middle} until:{after}", _words(length))


def _words(length: int) -> str:
    """A whole number of a unit, rounded where that says enough."""
    for unit in (24 * 60, 60, 1):
        if length >= 10 * unit * _MINUTE:
            return step_name(round(length / (unit * _MINUTE)) * unit * _MINUTE)
    return step_name(length)
