"""When the caller is heard to speak, from the first sound to the final prompt.

Knows: speaker events, partial prompts, and how long it takes to say something.
Must not know: turns, replies.

Times are wall nanoseconds.
"""

from relayproxy.conversation.hearing.playback import SECOND
from relayproxy.conversation.hearing.speaking_rate import spoken_for
from relayproxy.conversation.timings import Spoken

MAX_SPOKEN = 10 * SECOND
"""Longest estimate of how long a prompt took to say."""
PAUSE = 2 * SECOND
"""Pause after which the sound before it is not part of the prompt."""


class CallerSpeech:
    """The caller's speech since the last final prompt."""

    def __init__(self) -> None:
        self._heard: list[Spoken] = []
        self._on_at: int | None = None
        self._partial_at: int | None = None
        self._prompt_at: int | None = None

    def on(self, at: int) -> None:
        """`clientSpeaking` on."""
        self._on_at = at

    def off(self, at: int) -> None:
        """`clientSpeaking` off."""
        if self._on_at is not None:
            self._heard.append(Spoken(self._on_at, at))
            self._on_at = None

    def partial(self, at: int) -> None:
        """A partial prompt came."""
        self._partial_at = at if self._partial_at is None else self._partial_at

    def prompt(self, text: str, at: int) -> tuple[Spoken, ...]:
        """Returns the stretches in which a final prompt was said, at least one. Without speaker events it is one, from
        the first partial prompt or, without any, by the length of the text."""
        heard, self._heard = self._heard, []
        begun = self._partial_at
        if self._on_at is not None:
            # Still speaking: what comes from here on belongs to the next prompt, or ends this one (`finish`).
            heard.append(Spoken(self._on_at, at, estimated=True))
            self._on_at = at
        elif not heard:
            if begun is None:
                begun = max(at - min(spoken_for(text), MAX_SPOKEN), self._prompt_at or 0)
            heard.append(Spoken(min(begun, at), at, estimated=True))
        self._partial_at, self._prompt_at = None, at
        first = len(heard) - 1
        while first and heard[first].start - heard[first - 1].end < PAUSE:
            first -= 1
        return tuple(heard[first:])

    def finish(self, spoken: tuple[Spoken, ...], at: int) -> tuple[Spoken, ...]:
        """Ends the stretches of the last final prompt (`spoken`) at the `clientSpeaking` off that came right after
        it."""
        self._on_at, self._heard = None, []
        return (*spoken[:-1], Spoken(spoken[-1].start, at)) if spoken else ()
