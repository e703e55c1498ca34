"""Sparklines: a call in miniature, drawn with the caller above, the agent below and waits between them.

Knows: the shape of each bit of a stored sparkline, the least visible width, and the description in words.
Must not know: colours; templates.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from aiohttp import web

from relayproxy.console.http.render import add_global
from relayproxy.conversation.measures.sparkline import AGENT, CALLER, INTERRUPTED, SLOW, UNANSWERED, WAITING, read_strip
from relayproxy.plural import plural

WIDTH, HEIGHT = 200, 20
_LEAST = 2.0
# What: bits that must be set, bits that must not, from the top, height.
_SHAPES: tuple[tuple[str, int, int, float, float], ...] = (
    ("caller", CALLER, 0, 1, 6),
    ("agent", AGENT, 0, 13, 6),
    ("wait", WAITING, SLOW | UNANSWERED, 9.5, 1),
    ("late", SLOW, UNANSWERED, 8, 4),
    ("lost", UNANSWERED, 0, 8.5, 3),
    ("cut", INTERRUPTED, 0, 0, HEIGHT),
)
_WORDS = {"late": "slow answer", "lost": "unanswered prompt", "cut": "interruption"}


@dataclass(frozen=True, slots=True)
class Drawing:
    """Paths in a box of `WIDTH` by `HEIGHT`, later ones over earlier ones, each with the name of what it shows; and
    all of it in words."""

    paths: tuple[tuple[str, str], ...]
    label: str
    bin_ms: int
    width: ClassVar[int] = WIDTH
    height: ClassVar[int] = HEIGHT


def set_up(app: web.Application) -> None:
    """Makes `draw_sparkline` known to the templates."""
    add_global(app, "draw_sparkline", draw)


def draw(text: str) -> Drawing | None:
    """The drawing of a stored sparkline; None while there is nothing to draw."""
    bin_ms, bins = read_strip(text)
    if not bins:
        return None
    scale = WIDTH / len(bins)
    paths: list[tuple[str, str]] = []
    told: list[str] = []
    for name, bits, never, top, height in _SHAPES:
        runs = list(_runs(bins, bits, never))
        if not runs:
            continue
        paths.append((name, "".join(_path(name, begin * scale, end * scale, top, height) for begin, end in runs)))
        if name in _WORDS:
            told.append(plural(len(runs), _WORDS[name]))
    label = "Who spoke when" + (f"; {', '.join(told)}" if told else "; no slow answers, no interruptions")
    return Drawing(tuple(paths), label, bin_ms)


def _runs(bins: tuple[int, ...], bits: int, never: int) -> Iterator[tuple[int, int]]:
    start: int | None = None
    for at, value in enumerate((*bins, 0)):
        there = bool(value & bits) and not value & never
        if there and start is None:
            start = at
        elif not there and start is not None:
            yield start, at
            start = None


def _path(name: str, left: float, right: float, top: float, height: float) -> str:
    if name == "cut":
        # A flag, so that it is told from bars by its shape.
        at = min((left + right) / 2, WIDTH - 4)
        return f"M{at:.5g} 0h4.5l-3 3v{HEIGHT - 3}h-1.5z"
    width = max(right - left, _LEAST)
    left = min(left, WIDTH - width)
    return f"M{left:.5g} {top:g}h{width:.4g}v{height:g}h-{width:.4g}z"
