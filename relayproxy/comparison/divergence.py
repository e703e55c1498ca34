"""Divergence: whether the agent now asks for something else, so that the recorded caller's next words are no answer.

Knows: what a reply asks for, and how much two of them have in common.
Must not know: how a call goes; what else differs between two calls.

The rule, in one sentence: a reply diverges when it or the recorded one asks for something and they share too few of the
words that say what. It cannot know meanings: another wording without a common word diverges, and `below` says how few
are too few.
"""

import re
from typing import Protocol

from relayproxy.conversation.checks.language import LANGUAGES, is_function_word
from relayproxy.text import MASKED_DIGIT, MASKED_LETTER, shortened

BELOW = 0.4
"""The share of common words below which replies ask for different things."""
SHOWN = 80
"""Characters of a reply in a reason."""

_SENTENCE = re.compile(r"[^.?!。？！؟]+[.?!。？！؟]*")
_QUESTION = re.compile(r"[?？؟]")
_REQUEST = re.compile(
    r"\b(?:(?:tell|give|let|send|show) (?:me|us)|press|enter|dial|type|spell|state|provide|repeat|confirm"
    r"|d[ií]game|d[ée]me|pulse|marque|indique|dites|donnez|appuyez|tapez|saisissez|sagen sie|nennen sie|geben sie"
    r"|dr[üu]cken|diga|digite|pressione|informe|mi dica|prema|digiti|toets|noem|geef)\b",
    re.IGNORECASE,
)
_MASKED = re.compile(f"[{MASKED_DIGIT}{MASKED_LETTER}]")
_WORD = re.compile(r"\w+(?:['’]\w+)*")
_SPACELESS = re.compile("[\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff]")
_POLITE = frozenset(
    re.findall(
        r"\w+",
        "like want wish need may might must should let tell give say please come get know any some okay well now then "
        "help assist anything something else more today "
        "gustaría quiere desea puedo quisiera ayudar ayudarle algo souhaitez voulez aimeriez puis aider autre chose "
        "möchten möchte darf hätten gern bitte helfen etwas noch sonst gostaria deseja quer posso ajudar mais "
        "vorrebbe desidera vuole aiutare aiutarla altro wilt willen mag graag helpen nog iets anders",
    )
)
"""Words with which anything is asked for: a question without other ones is an open one."""


class Reply(Protocol):
    """What the agent sent from one act of the caller to the next."""

    @property
    def text(self) -> str: ...

    @property
    def other(self) -> tuple[str, ...]:
        """Types of its messages besides texts that the caller notices: `play`, `sendDigits`, `end`."""
        ...


def divergence(before: Reply, now: Reply, below: float = BELOW) -> str | None:
    """Why the caller's next words are no answer to what the agent says now; None when they may be one."""
    if not before.text or below <= 0:
        return None
    if not now.text:
        return None if now.other else f"it said nothing, where it had said {_quoted(before.text)}"
    asked, asks = request(before.text), request(now.text)
    if asked is None and asks is None:
        return None
    both = asked is not None and asks is not None
    if common(asked if asked and both else before.text, asks if asks and both else now.text) >= below:
        return None
    if not both and asked and common(asked, now.text) >= below:
        return None
    if asks is None:
        return f"it no longer asked {_quoted(asked or '')}; it said {_quoted(now.text)}"
    return f"it asked {_quoted(asks)}, where it had " + (
        f"asked {_quoted(asked)}" if asked else f"said {_quoted(before.text)}"
    )


def request(text: str) -> str | None:
    """The sentences of a reply that ask the caller for something; None when none does."""
    found = [one.strip() for one in _SENTENCE.findall(text) if _QUESTION.search(one)]
    found = found or [one.strip() for one in _SENTENCE.findall(text) if _REQUEST.search(one)]
    return " ".join(found) or None


def common(one: str, other: str) -> float:
    """How many of the telling words of the shorter of two texts are in the other, from 0 to 1: those that are neither
    small nor polite. Two texts without any have all in common. What is masked counts for neither."""
    words, others = _telling(one), _telling(other)
    if not words or not others:
        return float(words == others or _MASKED.search(one + other) is not None)
    return len(words & others) / min(len(words), len(others))


def _telling(text: str) -> set[str]:
    words: set[str] = set()
    for found in text.split():
        if not _MASKED.search(found):
            for word in _WORD.findall(found.casefold()):
                words |= (
                    {word[at : at + 2] for at in range(max(1, len(word) - 1))} if _SPACELESS.search(word) else {word}
                )
    return {one for one in words if one not in _POLITE and not any(is_function_word(one, of) for of in LANGUAGES)}


def _quoted(text: str) -> str:
    return f"“{shortened(text, SHOWN)}”"
