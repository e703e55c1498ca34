"""The corpus as calls, from messages to messages."""

from tests.redaction.corpus import count, everything, outcome
from tests.redaction.corpus.calls import lines_stored


def test_calls_keep_no_card_number_and_lose_little_else() -> None:
    figures = count([(item, outcome(item, lines_stored(item))) for item in everything()])

    assert figures.cards_missed <= 0.005 * figures.cards
    assert figures.plain_masked + figures.more_masked <= 0.02 * figures.items
    assert figures.secrets_missed <= 0.05 * figures.secrets
