"""The figures of docs/redaction.md: `python -m tests.redaction.corpus` prints them.

Knows: the tables' form.
Must not know: how figures come about.
"""

from collections.abc import Iterator, Sequence

from tests.redaction.corpus import LANGUAGES, Figures, Item, count, everything, figures, outcome
from tests.redaction.corpus.calls import lines_stored

NAMES = {
    "en": "English",
    "es": "Spanish",
    "fr": "French",
    "de": "German",
    "pt": "Portuguese",
    "it": "Italian",
    "nl": "Dutch",
}
_HEAD = """\
| | utterances and dialogues | card numbers | missed | other secrets | missed | wrongly masked |
| --- | --- | --- | --- | --- | --- | --- |
"""


def tables() -> str:
    """Both tables, Markdown."""
    held_out = everything(held_out=True)
    return (
        f"{_HEAD}{''.join(_rows(everything()))}\n"
        f"Of these, every third, on which nothing was tuned:\n\n{_HEAD}{''.join(_rows(held_out))}"
    )


def _rows(chosen: Sequence[Item]) -> Iterator[str]:
    for language in LANGUAGES:
        yield _row(NAMES[language], figures([item for item in chosen if item.language == language]))
    yield _row("**all**", figures(chosen))
    yield _row("all, language not known", figures(chosen, hint=False))
    yield _row("all, as whole calls", count([(item, outcome(item, lines_stored(item))) for item in chosen]))


def _row(name: str, one: Figures) -> str:
    wrong = one.plain_masked + one.more_masked
    cells = [
        name,
        str(one.items),
        str(one.cards),
        _share(one.cards_missed, one.cards),
        str(one.secrets),
        _share(one.secrets_missed, one.secrets),
        _share(wrong, one.items),
    ]
    return f"| {' | '.join(cells)} |\n"


def _share(part: int, whole: int) -> str:
    return f"{part} ({part / whole:.1%})" if part else "0"


if __name__ == "__main__":
    print(tables(), end="")
