"""Played stretches: when the speech of a turn was heard.

Knows: which times of a stretch were reported and which are estimated.
Must not know: what was said, or how much of it was heard.
"""

from collections.abc import Iterable

from relayproxy.conversation.hearing.speech import Speech
from relayproxy.conversation.model import Played

MAX_PLAYED = 64
"""Most stretches that are kept of one turn."""
_APART = 60_000_000
"""Longest pause between stretches that sound like one, nanoseconds."""


def played(speeches: Iterable[Speech], ended_at: int | None, silent_at: int | None) -> tuple[Played, ...]:
    """The stretches in order, wall nanoseconds; nothing is heard from `silent_at` on. Media of unknown length is drawn
    until what follows it begins, or until `ended_at`, the end of its turn."""
    found: list[Played] = []
    for speech in speeches:
        one = _one(speech, ended_at, silent_at)
        if one is None:
            continue
        if found and found[-1].end is None:
            found[-1] = Played(found[-1].start, max(found[-1].start, one.start), estimated=True)
        before = found[-1] if found else None
        if before is not None and before.end is not None and one.start - before.end <= _APART:
            end = None if one.end is None else max(before.end, one.end)
            found[-1] = Played(before.start, end, before.estimated or one.estimated)
        elif len(found) < MAX_PLAYED:
            found.append(one)
    if found and found[-1].end is None and silent_at is not None:
        found[-1] = Played(found[-1].start, silent_at, estimated=True)
    return tuple(found)


def _one(speech: Speech, ended_at: int | None, silent_at: int | None) -> Played | None:
    start = speech.sound_at if speech.sound_at is not None else speech.begin_at
    if not start or speech.unsounded or (silent_at is not None and start >= silent_at):
        return None
    known = speech.cut.at if speech.cut is not None else speech.off_at
    end = known if known is not None else (ended_at if speech.media else speech.end_at)
    if known is None and speech.media and end is not None and end <= start:
        end = None
    if end is not None and silent_at is not None:
        end = min(end, silent_at)
    if end is not None and end <= start:
        return None
    return Played(start, end, speech.sound_at is None or known is None)
