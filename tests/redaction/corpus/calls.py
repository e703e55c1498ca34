"""The corpus as calls: partial prompts, tokens in pieces, dialogues over turns.

Knows: in which messages an utterance comes.
Must not know: what is secret in it; how it is masked.
"""

from functools import cache
from typing import Any

from relayproxy.connection import Side
from relayproxy.text import MASKED_DIGIT, MASKED_LETTER
from tests.redaction.conversation import call, prompt, stored, token, words
from tests.redaction.corpus import Item
from tests.redaction.masks import MASK

_TOKEN = 4
"""Characters."""
_QUESTIONS = {
    "en": "May I have your card number?",
    "es": "¿Me dice el número de la tarjeta?",
    "fr": "Quel est votre numéro de carte ?",
    "de": "Wie lautet Ihre Kartennummer?",
    "pt": "Qual é o número do cartão?",
    "it": "Mi dice il numero della carta?",
    "nl": "Wat is uw kaartnummer?",
}
_GO_ON = {"en": "Go on.", "es": "Siga.", "fr": "Oui ?", "de": "Weiter.", "pt": "Sim.", "it": "Prego.", "nl": "Ja."}


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
            cut = [line.text[first : first + _TOKEN] for first in range(0, len(line.text), _TOKEN)]
            pieces = [token(piece, last=nth == len(cut)) for nth, piece in enumerate(cut, 1)]
        messages += pieces
        lines += [at] * len(pieces)
    return messages, lines


@cache
def lines_stored(item: Item) -> tuple[str, ...]:
    """The lines of an item as they are stored of a call."""
    messages, lines = messages_of(item)
    shown = [""] * len(item.lines)
    for line, (sender, message), text in zip(lines, messages, words(stored(call(*messages))), strict=True):
        one_mask = text.replace(MASKED_LETTER, MASK).replace(MASKED_DIGIT, MASK)
        if sender == "backend":
            shown[line] += one_mask
        elif message["last"]:
            shown[line] = one_mask
    return tuple(shown)


def over_two_turns(item: Item, nth: int) -> tuple[str, ...]:
    """The one line of an item as it is stored of a call in which it is said in two turns: the card number is asked for,
    and the agent speaks within it, in front of a word that `nth` chooses."""
    (line,) = item.lines
    card = next(mark for mark in line.marks if mark.kind == "card_number")
    spaces = [at for at in range(card.start, card.end) if line.text[at] == " "]
    cut = spaces[nth % len(spaces)]
    question, first, answer, second = words(
        stored(
            call(
                token(_QUESTIONS[item.language], last=True),
                prompt(line.text[:cut], lang=item.language),
                token(_GO_ON[item.language], last=True),
                prompt(line.text[cut + 1 :], lang=item.language),
            )
        )
    )
    assert (question, answer) == (_QUESTIONS[item.language], _GO_ON[item.language])
    return (f"{first} {second}".replace(MASKED_LETTER, MASK).replace(MASKED_DIGIT, MASK),)
