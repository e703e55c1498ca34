"""The speaking rate: how fast Twilio speaks in this call.

Knows: what was heard in which time.
Must not know: what was said, or what the rate is needed for.
"""

from relayproxy.text import MASKED_DIGIT

USUAL = 15.0
"""Characters a second where nothing was measured: 11 to 19 on recorded calls."""
MIN_CHARACTERS = 20
"""Characters after which the measured rate is used."""
SHORTEST_MS = 400
"""A shorter stretch is mostly the time it takes a voice to begin."""
PER_DIGIT = 5
"""Letters that a digit counts for: it is a word when it is spoken."""
PER_IDEOGRAPH = 3
"""Letters that a Chinese, Japanese or Korean character counts for: it is a syllable or more."""
_FIRST_IDEOGRAPH = "\u2e80"


def spoken_for(text: str) -> int:
    """Nanoseconds that it takes to say `text` at the usual rate."""
    digits = sum(map(str.isdigit, text)) + text.count(MASKED_DIGIT)
    ideographs = sum(character >= _FIRST_IDEOGRAPH for character in text)
    letters = len(text) + digits * (PER_DIGIT - 1) + ideographs * (PER_IDEOGRAPH - 1)
    return round(letters / USUAL * 1_000_000_000)


class SpeakingRate:
    """The speaking rate of one call, measured from `tokensPlayed` between speaker events, or from what interrupts say
    was heard."""

    def __init__(self) -> None:
        self._chars = 0
        self._ns = 0
        self._since: int | None = None

    @property
    def measured(self) -> float | None:
        """Characters a second; None before there is enough to tell."""
        return self._chars / (self._ns / 1e9) if self._chars >= MIN_CHARACTERS else None

    @property
    def value(self) -> float:
        """Characters a second, measured or usual."""
        return self.measured or USUAL

    def begin(self, at: int | None) -> None:
        """Speech began at this wall time (nanoseconds), or (None) has ended."""
        self._since = at

    def played(self, chars: int, at: int) -> None:
        """Adds `chars` characters that were played since the last call or `begin`."""
        if self._since is not None:
            self._observe(chars, at - self._since)
        self._since = at

    def interrupted(self, chars: int, ms: int) -> None:
        """Adds `chars` characters that an interrupt reports as heard in `ms`; not for what `played` has counted."""
        self._observe(chars, ms * 1_000_000)

    def _observe(self, chars: int, ns: int) -> None:
        if ns >= SHORTEST_MS * 1_000_000 and chars > 0:
            self._chars += chars
            self._ns += ns
