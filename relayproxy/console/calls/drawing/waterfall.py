"""Waterfall of a turn: the parts of the time between the caller's last word and the agent's first.

Knows: the five parts of the budget in their order, and how they are written so that they visibly sum to the total.
Must not know: HTML; how the parts were measured.

Positions and widths are in `WIDTH` units, so that they can be attributes of a drawing of any size.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter

from relayproxy.conversation.model import Budget

WIDTH = 1000
MIN_WIDTH = 4
"""The least width of a part that took any time."""
THRESHOLD = 400
"""The place of the mark for a slow answer in the short form: every turn is drawn to the same scale."""
_TENTH = 100_000
"""Nanoseconds: the precision in which parts are written."""

_PARTS = (
    ("input_delay", "Input delay"),
    ("proxy_in", "relayproxy, in"),
    ("backend", "Backend"),
    ("proxy_out", "relayproxy, out"),
    ("output_delay", "Output delay"),
)
_lengths = attrgetter(*(name for name, _ in _PARTS))
BACKEND = 2
"""The place of the backend's part among these."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One part. `text` is its length; the texts of all bars sum to the total's."""

    name: str
    label: str
    text: str
    x: int
    width: int


@dataclass(frozen=True, slots=True)
class Waterfall:
    """`total` sums all bars. Without speaker events the two outer parts are unknown, and `outer` is False."""

    bars: tuple[Bar, ...]
    short: tuple[Bar, ...]
    """The same on the scale that all turns share."""
    response: str
    """The response latency: relayproxy's two parts and the backend's."""
    total: str
    outer: bool
    over: bool
    """Too long for the common scale: `short` fills the whole width."""
    slow: bool
    length: int
    """Nanoseconds that the bars are drawn over."""
    before_backend: int
    """Those of them before the backend's bar."""


def waterfall(budget: Budget, slow_ms: int) -> Waterfall | None:
    """The bars of a turn; None when it has no response latency."""
    latency = budget.response_latency
    if latency is None:
        return None
    parts = [(part, value) for part in _PARTS if (value := getattr(budget, part[0])) is not None]
    lengths = [value for _, value in parts]
    tenths = [tenth for tenth in in_tenths(budget) if tenth is not None]
    response = sum(tenth for (part, _), tenth in zip(parts, tenths, strict=True) if not part[0].endswith("_delay"))
    starts = [sum(lengths[:place]) for place in range(len(lengths))]
    # A prompt that came before the caller was quiet makes the first part negative: it then reaches back.
    left = min(0, *(start + min(0, length) for start, length in zip(starts, lengths, strict=True)))
    right = max(start + max(0, length) for start, length in zip(starts, lengths, strict=True))
    whole = max(1, right - left)
    common = round(slow_ms * 1_000_000 * WIDTH / THRESHOLD)

    def bars(scale: int) -> tuple[Bar, ...]:
        drawn: list[Bar] = []
        for (part, length), start, tenth in zip(parts, starts, tenths, strict=True):
            begin = start + min(0, length) - left
            x = round(begin * WIDTH / scale)
            width = max(round(abs(length) * WIDTH / scale), MIN_WIDTH if length else 0)
            drawn.append(Bar(*part, in_milliseconds(tenth), min(x, WIDTH - width), width))
        return tuple(drawn)

    return Waterfall(
        bars=bars(whole),
        short=bars(max(common, whole)),
        response=in_milliseconds(response),
        total=in_milliseconds(sum(tenths)),
        outer=budget.user_bot_latency is not None,
        over=whole > common,
        slow=latency >= slow_ms * 1_000_000,
        length=whole,
        before_backend=starts[[part[0] for part, _ in parts].index("backend")] - left,
    )


def in_tenths(budget: Budget) -> tuple[int | None, ...]:
    """The five parts as they are shown, in tenths of a millisecond: they sum to the rounded sum."""
    lengths = _lengths(budget)
    known = [length for length in lengths if length is not None]
    if len(known) == len(lengths):
        return tuple(rounded(known))
    kept = iter(rounded(known))
    return tuple([None if length is None else next(kept) for length in lengths])


def rounded(lengths: Sequence[int]) -> list[int]:
    """Nanoseconds in tenths of a millisecond, so that they sum to the rounded sum: what is left goes to the largest
    remainders."""
    floors = [length // _TENTH for length in lengths]
    missing = (sum(lengths) + _TENTH // 2) // _TENTH - sum(floors)
    if not missing:
        return floors
    short_of = [-(length % _TENTH) for length in lengths]
    for place in sorted(range(len(lengths)), key=short_of.__getitem__)[:missing]:
        floors[place] += 1
    return floors


def in_milliseconds(tenths: int) -> str:
    """Tenths of a millisecond as they are shown."""
    sign = "−" if tenths < 0 else ""
    return f"{sign}{abs(tenths) // 10:,}.{abs(tenths) % 10} ms"
