"""Whether what the pages show is as it is now: a few words for a banner, and how everything is for the navigation.

Knows: from when on what is shown counts as old, and why that can be.
Must not know: HTML, paths; how the facts are come by.
"""

from collections.abc import Callable
from dataclasses import dataclass

from aiohttp import web

from relayproxy.console.checks import State
from relayproxy.console.condition import SILENT, Check, Facts, S, Verdict, age

KNOWN = 10 * S
"""Nanoseconds for which a look tells how things are."""


@dataclass(frozen=True, slots=True)
class Notice:
    """`state` is that of the worst check, `summary` the health page's sentence; `stale` says that and why what is shown
    is old, None when it is not."""

    state: State
    summary: str
    stale: str | None


def notice(facts: Facts, checks: tuple[Check, ...], found: Verdict) -> Notice:
    """What there is to say of the facts. A database into which no recorder has ever reported is shown as it is."""
    return Notice(found.state, found.sentence, _stale(facts, {check.name: check for check in checks}))


def _stale(facts: Facts, checks: dict[str, Check]) -> str | None:
    if facts.database_problem is not None:
        return "The database cannot be read: what you see may be old."
    if facts.missing:
        since = age(min(facts.age(report) for report in facts.missing))
        return f"Nothing new has been recorded for {since}: {_lower(checks['recorder'].title)}."
    late = max((report.vitals.lag_ms for report in facts.working), default=0)
    if late > SILENT * 1000:
        return f"What you see is {age(late / 1000)} old: recording is behind the calls."
    return None


def _lower(title: str) -> str:
    return title[:1].lower() + title[1:]


NOTICE: web.AppKey[Callable[[], Notice | None]] = web.AppKey("notice")
"""Gives what was found last, None when that was too long ago."""
