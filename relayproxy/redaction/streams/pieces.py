"""Pieces of a stream: the part of each message in the joined text.

Knows: where a piece lies, what of it is masked, and what of its earlier versions then is.
Must not know: what is secret; when that is decided.
"""

from collections.abc import Sequence

from relayproxy.redaction.streams.queue import QueuedMessage


class Piece:
    """The part of one message in a stream's joined text; `start` is its offset there. `partials` are earlier versions
    of it, which leave with it."""

    __slots__ = ("held", "message", "partials", "spans", "start", "text")

    def __init__(
        self, message: QueuedMessage, text: str, start: int, *, held: bool = True, partials: "Sequence[Piece]" = ()
    ) -> None:
        self.message = message
        self.text = text
        self.start = start
        self.held = held
        """The message waits for the stream."""
        self.partials = partials
        self.spans: list[tuple[int, int]] = []
        if held:
            message.waits += 1

    @property
    def end(self) -> int:
        return self.start + len(self.text)

    def mask(self, start: int, end: int) -> bool:
        """Masks what lies in it of a stretch of the joined text; False when nothing does."""
        span = max(start - self.start, 0), min(end, self.end) - self.start
        if span[0] >= span[1]:
            return False
        self.spans.append(span)
        self.message.mask(*span)
        return True

    def release(self) -> None:
        """Lets its message go, and its partials: each masked as it is, or as a whole where it reads otherwise."""
        for partial in self.partials:
            if self.spans:
                for start, end in self.spans if begins(self.text, partial.text) else [(0, len(partial.text))]:
                    partial.mask(partial.start + start, partial.start + end)
                for kind in self.message.counts or ():
                    partial.message.count(kind, 0)
            partial.release()
        self.partials = ()
        if self.held:
            self.message.waits -= 1
            self.held = False


def begins(text: str, partial: str) -> bool:
    """Whether an utterance begins as its partial did."""
    return text.casefold().startswith(partial.casefold().rstrip(" .,;:!?…"))
