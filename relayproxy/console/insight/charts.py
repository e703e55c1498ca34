"""Chart data: summaries as series for charts.js.

Knows: which series a chart has, their names, units and colours.
Must not know: how anything is drawn; HTML.
"""

from typing import Any

from relayproxy.console.http.times import NS, latency
from relayproxy.console.insight.statistics import EDGES, Latencies
from relayproxy.console.insight.summary import ENDINGS, CallsSummary
from relayproxy.plural import plural

Chart = dict[str, Any]

WEIGHTY = 20
"""Of fewer turns, the 95th percentile is the slowest one."""

_UNITS = ((86_400, "day"), (3600, "hour"), (60, "minute"))
ENDING_NAMES = {"failed": "Failed", "success": "Success", "other": "Other ending", "live": "Live"}


def latency_over_time(one: CallsSummary, slow_ms: int) -> Chart:
    """Median and 95th percentile of each step, and how many turns they stand on."""
    return {
        **_times(one),
        "series": [
            _percentile("95th percentile", "p95", one, 0.95),
            _percentile("Median", "p50", one, 0.5),
            _turns("Turns (n)", "n", one),
        ],
        "rule": {"at": slow_ms, "name": "slow"},
        **_top([step.latencies for step in one.steps], 0.95, slow_ms),
    }


def calls_over_time(one: CallsSummary) -> Chart:
    """Calls by how they ended, on top of each other."""
    series = [
        {
            "name": ENDING_NAMES[ending],
            "draw": "bar",
            "colour": ending,
            "unit": "",
            "values": [step.endings[ending] for step in one.steps],
        }
        for ending in ENDINGS
    ]
    return {**_times(one), "stacked": True, "series": series}


def histogram(one: CallsSummary) -> Chart:
    """Turns by latency."""
    values = list(one.latencies.histogram())
    bars = {"name": "Turns", "draw": "bar", "colour": "p50", "unit": "", "values": values}
    return {"edges": edge_names(), "series": [bars]}


def percentile_compared(a: CallsSummary, b: CallsSummary, share: float, slow_ms: int) -> Chart:
    """A percentile of both sides in one chart, step by step from where each begins."""
    steps = max(len(a.steps), len(b.steps))
    longer = b if len(b.steps) == steps else a
    chart: Chart = {
        **_times(longer),
        "series": [
            {**_percentile("A", "a", a, share, steps), "dash": True},
            _percentile("B", "b", b, share, steps),
            _turns("Turns of A (n)", "a", a, steps),
            _turns("Turns of B (n)", "b", b, steps),
        ],
        "rule": {"at": slow_ms, "name": "slow"},
        **_top([step.latencies for side in (a, b) for step in side.steps], share, slow_ms),
    }
    if a.steps[0].at != b.steps[0].at:
        shift = a.steps[0].at - b.steps[0].at
        chart["times"] = [(b.steps[0].at + at * b.step) // NS for at in range(steps)]
        chart["before"] = [(b.steps[0].at + shift + at * b.step) // NS for at in range(steps)]
    return chart


def histogram_compared(a: CallsSummary, b: CallsSummary) -> Chart:
    """Shares of each side's turns, so that sides of different size can be compared."""
    shares = [_shares(one.latencies.histogram(), one.latencies.n) for one in (a, b)]
    return {
        "edges": edge_names(),
        "series": [
            {"name": "A", "draw": "bar", "colour": "a", "unit": "%", "dash": True, "values": shares[0]},
            {"name": "B", "draw": "bar", "colour": "b", "unit": "%", "narrow": True, "values": shares[1]},
        ],
    }


def edge_names() -> list[str]:
    """The upper edges of the histogram, for people."""
    return [latency(edge) if edge < 1000 else f"{edge / 1000:g} s" for edge in EDGES]


def _times(one: CallsSummary) -> Chart:
    return {
        "times": [step.at // NS for step in one.steps],
        "step": one.step // NS,
        "marks": [{"at": release.at / NS, "name": release.version} for release in one.releases],
    }


def _percentile(name: str, colour: str, one: CallsSummary, share: float, steps: int = 0) -> Chart:
    values = [step.latencies.percentile(share) for step in one.steps]
    values += [None] * (steps - len(values))
    return {"name": name, "draw": "line", "colour": colour, "unit": "ms", "values": values}


def _top(steps: list[Latencies], share: float, slow_ms: int) -> Chart:
    """The top of a scale, which shows what is slow: one slow turn in a quiet hour is not to flatten everything
    else. `clipped`: a line leaves the chart."""
    weighty = [one for one in steps if one.n >= WEIGHTY] or steps
    top, most = (max((one.percentile(share) or 0 for one in some), default=0) for some in (weighty, steps))
    top = max(round(top * 1.06), round(slow_ms * 1.1))
    return {"top": top, "clipped": most > top}


def _turns(name: str, colour: str, one: CallsSummary, steps: int = 0) -> Chart:
    values = [step.latencies.n for step in one.steps] + [0] * (steps - len(one.steps))
    return {"name": name, "draw": "faint", "colour": colour, "unit": "", "values": values}


def _shares(counts: tuple[int, ...], n: int) -> list[float]:
    return [round(100 * count / n, 2) if n else 0 for count in counts]


def compared_rows(chart: Chart) -> list[tuple[Any, ...]]:
    """The data of `percentile_compared` as rows of (time, a, b, turns of a, turns of b) where there are turns."""
    rows = zip(chart["times"], *(one["values"] for one in chart["series"]), strict=True)
    return [row for row in rows if row[3] or row[4]]


def step_name(ns: int) -> str:
    """The length of a step: `hour`, `6 hours`, `day`."""
    seconds = ns // NS
    size, name = next((unit for unit in _UNITS if seconds % unit[0] == 0), (1, "second"))
    return name if seconds == size else plural(seconds // size, name)
