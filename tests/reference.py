"""`docs/numbers.md`, made of the code: `python -m tests.reference` prints it.

Knows: the page's words around the catalogues of numbers and findings.
Must not know: how anything is derived.
"""

import textwrap
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from relayproxy.conversation.checks.findings import CATALOGUE, SEVERITIES
from relayproxy.conversation.measures.number import Number
from relayproxy.conversation.measures.numbers import TABLES, NumberLevel
from relayproxy.conversation.words import CONFIDENCES, HEARD_BASES, NULL_REASONS, OUTCOMES, Words

_HEAD = """\
# Numbers and findings

What relayproxy says about a call, in plain words. Everything is derived from the recorded messages alone, so a call
that is live, finished, or derived anew with `relayproxy rebuild` (and the same settings) gives the same.

Durations in the API end in `_ms` and are whole milliseconds; on spans they are seconds. Absent is `null` with a reason,
never 0 or -1; a span leaves it out. Percentiles are nearest ranks and come with `n` and with how many turns are not in
it, and why. A number with several values (`.p50`, `.max`, `.total` …) has one attribute for each on a span.

**Tier A** is the plain protocol, all that a Studio widget can switch on. **Tier B** needs
`events="speaker-events tokens-played"` in the TwiML. Every headline number works in tier A.

A **turn** is opened by the setup (turn 0, the greeting), a final prompt, keys that no prompt follows, or speech of the
agent that nobody asked for. It ends with the next opener, `end`, or the call. A prompt that comes before any answer
joins the open turn. A **response** is text up to `last: true`.
"""
_LEVELS: dict[NumberLevel, str] = {
    "turn": "In `turns[]`",
    "interruption": "In `turns[].interruptions[]`",
    "session": "In `totals`",
}


def page() -> str:
    """The page as it should be, Markdown."""
    parts = [_HEAD]
    for level, title in _LEVELS.items():
        parts += [f"## {title}\n", *_numbers(TABLES[level])]
    parts += [
        _list("Why a number is absent", NULL_REASONS),
        _list("How `heard_text` is known (`heard_basis`)", HEARD_BASES),
        _list("Outcomes", OUTCOMES),
        _list("Confidence in the outcome", CONFIDENCES),
        "## Findings\n",
        _wrapped(
            " ".join(f"`{name}`: {meaning}." for name, meaning in SEVERITIES.items()) + " "
            "When a turn is slow and a pause a stall can be set (`slow_turn`, `stall`), for each route too."
        ),
    ]
    for code, entry in CATALOGUE.items():
        parts.append(f"### `{code}` ({entry.severity})\n")
        parts += [_wrapped(f"**{entry.title}.** {entry.meaning}"), _wrapped(entry.action)]
    return "\n".join(parts)


def _numbers(numbers: Iterable[Number[Any]]) -> Iterator[str]:
    for number in numbers:
        yield f"### `{number.name}` (tier {number.tier})\n"
        yield _wrapped(f"**{number.title}.** {number.meaning}")
        if number.edges:
            yield _wrapped(number.edges)
        if number.attribute:
            yield f"OpenTelemetry: `{number.attribute}`, unit `{number.unit}`\n"


def _list(title: str, words: Mapping[Any, Words]) -> str:
    lines = "".join(_wrapped(f"* `{name}`: {each.meaning}", "  ") for name, each in words.items())
    return f"## {title}\n\n{lines}"


def _wrapped(text: str, indent: str = "") -> str:
    return textwrap.fill(text, 120, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False) + "\n"


if __name__ == "__main__":
    print(page(), end="")
