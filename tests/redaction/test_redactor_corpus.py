"""The corpus as calls, from messages to messages."""

from tests.redaction.corpus import count, everything, outcome
from tests.redaction.corpus.calls import lines_stored, over_two_turns


def test_calls_keep_no_card_number_and_lose_little_else() -> None:
    figures = count([(item, outcome(item, lines_stored(item))) for item in everything()])

    assert figures.cards_missed <= 0.005 * figures.cards
    assert figures.plain_masked + figures.more_masked <= 0.02 * figures.items
    assert figures.secrets_missed <= 0.05 * figures.secrets


def test_a_card_number_over_two_turns_is_found_wherever_the_agent_speaks() -> None:
    found = []
    for nth, item in enumerate(everything()):
        cards = [mark for mark in item.lines[0].marks if mark.kind == "card_number"]
        if len(item.lines) == len(cards) == 1 and " " in item.lines[0].text[cards[0].start : cards[0].end]:
            found.append((item, outcome(item, over_two_turns(item, nth))))
    figures = count(found)

    assert figures.cards > 200
    assert figures.cards_missed <= 0.005 * figures.cards
