"""Detection on the corpus: what the documents promise."""

from pathlib import Path

import pytest

from tests.redaction.corpus import LANGUAGES, everything, figures, items
from tests.redaction.corpus.__main__ import tables

DOCUMENT = Path(__file__).parents[3] / "docs" / "redaction.md"


def test_the_corpus_has_enough_of_every_language() -> None:
    counts = {language: len(items(language)) for language in LANGUAGES}

    assert sum(counts.values()) >= 400
    assert min(counts.values()) >= 80


@pytest.mark.parametrize("held_out", [None, True])
@pytest.mark.parametrize("hint", [True, False])
def test_card_numbers_are_found_and_little_else_is_masked(hint: bool, held_out: bool | None) -> None:
    found = figures(everything(held_out=held_out), hint=hint)

    assert found.cards_missed <= (0.005 if held_out is None else 0.02) * found.cards
    assert found.plain_masked + found.more_masked <= 0.02 * found.items
    assert found.secrets_missed <= 0.05 * found.secrets


def test_the_document_says_the_figures() -> None:
    assert tables() in DOCUMENT.read_text("utf-8"), "put what python -m tests.redaction.corpus prints there"
