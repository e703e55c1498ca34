"""The tables of `docs/metrics.md`, made of the table of metrics: `python -m tests.metric_reference` writes them.

Knows: where they stand in the page.
Must not know: how anything is counted.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

from relayproxy.telemetry.metrics import metrics
from relayproxy.telemetry.metrics.metric import Metric
from relayproxy.telemetry.metrics.metrics import METRICS

MARK = "<!-- The tables are made of the code: python -m tests.metric_reference -->\n"
"""What divides the page: the words before it are written by hand."""
PAGE = Path(__file__).parent.parent / "docs/metrics.md"


def page() -> str:
    """The page as it should be, Markdown."""
    calls = [metric for pairs in (metrics.OF_TURNS, metrics.OF_INTERRUPTIONS) for _, metric in pairs]
    sections = {
        "Turns and interruptions": [*calls, *_between(metrics.TURNS_ENDED, metrics.FALSE_INTERRUPTIONS)],
        "Sessions": [*(metric for _, metric in metrics.OF_SESSIONS), *_between(metrics.SESSIONS, metrics.FINDINGS)],
        "Connections, messages and what is missing": _between(metrics.HANDSHAKES, metrics.REDACTION_FAILURES),
        "The recorder, its journals and its disk": _between(metrics.LIVE, metrics.RECORDINGS_FAILING),
        "The console, and what it sees of the others": _between(metrics.BUILD, metrics.CONSOLE_MEMORY),
        "Receivers of backends' spans": _between(metrics.RECEIVER_UP, metrics.RECEIVER_FAILING),
    }
    assert sum(map(len, sections.values())) == len(METRICS)
    words = PAGE.read_text("utf-8").partition(MARK)[0]
    lines = [f"{words}{MARK}"]
    for title, some in sections.items():
        lines += [f"## {title}\n", *_table(some)]
    return "\n".join(lines)


def _between(first: Metric, last: Metric) -> list[Metric]:
    everything = [*METRICS.values()]
    return everything[everything.index(first) : everything.index(last) + 1]


def _table(some: Iterable[Metric]) -> Iterator[str]:
    rows = ["| Prometheus | OpenTelemetry, unit | labels | meaning |", "| --- | --- | --- | --- |"]
    for metric in some:
        name = metric.family + ("_total" if metric.kind == "counter" else "")
        kind = f" ({metric.kind})" if metric.kind != "counter" else ""
        unit = f", `{metric.unit}`" if metric.unit else ""
        labels = ", ".join(f"`{label}`" for label in metric.labels)
        meaning = metric.meaning.replace("|", "\\|")
        rows.append(f"| `{name}`{kind} | `{metric.name}`{unit} | {labels} | {meaning} |")
    yield "\n".join(rows) + "\n"
    bounds = {metric.bounds: metric.unit for metric in some if metric.bounds}
    yield "".join(
        f"Buckets of {_which(some, found)}: {', '.join(f'{bound:g}' for bound in found)}.\n" for found in bounds
    )


def _which(some: Iterable[Metric], bounds: tuple[float, ...]) -> str:
    if bounds == metrics.VOICE:
        return "latencies"
    return ", ".join(f"`{metric.name.removeprefix('relayproxy.')}`" for metric in some if metric.bounds == bounds)


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
