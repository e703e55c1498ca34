"""Usual messages: those that say one thing, and beside it what is no words.

Knows: which members hold no words; that a backend's messages mostly differ in nothing but what they say.
Must not know: what is secret in what is said.
"""

import re
from functools import lru_cache

PLAIN = frozenset[str | None](
    {"type", "lang", "last", "interruptible", "preemptible", "name", "durationUntilInterruptMs"}
)
"""Members without words."""
SAID = ("voicePrompt", "token", "digit", "digits")
"""Members that hold what one of the two says, presses or sends."""
ECHOED = ("value", "utteranceUntilInterrupt")
"""Members that hold what was heard of the agent."""

_SUSPICIOUS = re.compile(r"[0-9][^0-9]{0,3}[0-9][^0-9]{0,3}[0-9]|@|%40|\\")
_CLEAR = re.compile(r'[^0-9@%\\"]+')
"""Text in which nothing is suspicious, whatever stands beside it, and that JSON has as it is."""
_SLOT = "\0"
"""Stands in a frame for what is said."""


def _usual() -> re.Pattern[str]:
    names, said = "|".join(sorted(filter(None, PLAIN))), "|".join((*SAID, *ECHOED))
    plain = rf'\s*"(?:{names})"\s*:\s*(?:"[\w.-]{{0,40}}"|[\w.-]{{1,20}})\s*'
    field = rf'\s*"(?:{said})"\s*:\s*"([^"\\]*)"\s*'
    return re.compile(rf"\s*\{{(?:{plain},)*{field}(?:,{plain})*\}}\s*")


_USUAL = _usual()


def is_usual(text: str, said: str) -> bool:
    """Whether a message that says `said` has nothing else in its text that might be secret, and what it says nothing
    but words and few digits."""
    frame = text.replace(said, _SLOT, 1)
    if _CLEAR.fullmatch(said) and frame is not text and _is_clear(frame):
        return True
    return not _SUSPICIOUS.search(text) and _USUAL.fullmatch(text) is not None


@lru_cache(maxsize=1000)
def _is_clear(frame: str) -> bool:
    """Whether a text is usual, whatever clear text stands in its slot."""
    usual = _USUAL.fullmatch(frame)
    return usual is not None and usual[1] == _SLOT and _CLEAR.fullmatch(frame.replace('"', "")) is not None
