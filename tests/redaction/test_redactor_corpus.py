"""The corpus as calls: partial prompts, tokens in pieces, dialogues over turns."""

from typing import Any

from relayproxy.connection import Side
from relayproxy.text import MASKED_DIGIT, MASKED_LETTER
from tests.redaction.conversation import call, prompt, stored, token, words
from tests.redaction.corpus import Item, count, everything, outcome
from tests.redaction.masks import MASK


def messages_of(item: Item) -> tuple[list[tuple[Side, dict[str, Any]]], list[int]]:
    """The messages of an item, and which of its lines each is of."""
    messages: list[tuple[Side, dict[str, Any]]] = []
    lines: list[int] = []
    for at, line in enumerate(item.lines):
        if line.sender == "caller":
            heard = line.text.split(" ")
            pieces = [prompt(" ".join(heard[:end]), last=False, lang=item.language) for end in range(4, len(heard), 5)]
            pieces.append(prompt(line.text, lang=item.language))
        else:
            cut = [line.text[first : first + 4] for first in range(0, len(line.text), 4)]
            pieces = [token(piece, last=nth == len(cut)) for nth, piece in enumerate(cut, 1)]
        messages += pieces
        lines += [at] * len(pieces)
    return messages, lines


def lines_stored(item: Item) -> tuple[list[str], list[str]]:
    """The lines of an item as they are stored, and its partial prompts."""
    messages, lines = messages_of(item)
    shown = [""] * len(item.lines)
    partials: list[str] = []
    for line, (sender, message), text in zip(lines, messages, words(stored(call(*messages))), strict=True):
        one_mask = text.replace(MASKED_LETTER, MASK).replace(MASKED_DIGIT, MASK)
        if sender == "backend":
            shown[line] += one_mask
        elif message["last"]:
            shown[line] = one_mask
        else:
            partials.append(one_mask)
    return shown, partials


def test_calls_keep_no_card_number_and_lose_little_else() -> None:
    figures = count([(item, outcome(item, lines_stored(item)[0])) for item in everything()])

    assert figures.cards_missed <= 0.005 * figures.cards
    assert figures.plain_masked + figures.more_masked <= 0.02 * figures.items
    assert figures.secrets_missed <= 0.05 * figures.secrets
