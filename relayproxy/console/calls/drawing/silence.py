"""Silence between two turns, drawn with its length and to scale.

Knows: from when until when nobody spoke; from which length on that is worth showing.
Must not know: HTML; which party was awaited.
"""

from dataclasses import dataclass

from relayproxy.console.http import times
from relayproxy.conversation.model import Turn

MIN_MS = 2000
"""Milliseconds; shorter silences belong to any conversation."""
PIXELS_A_SECOND = 8
MAX_HEIGHT = 160


@dataclass(frozen=True, slots=True)
class DrawnSilence:
    ms: int
    text: str
    height: int
    """Pixels: grows with the length, up to `MAX_HEIGHT`."""
    cut: bool
    """It is drawn shorter than to scale."""
    estimated: bool
    """One of its ends is not from an event."""


def silence(before: Turn, turn: Turn) -> DrawnSilence | None:
    """Between a turn and the next; None when it is short or its ends are not known."""
    quiet, begins = _quiet_from(before), _begins(turn)
    if quiet is None or begins is None:
        return None
    ms = (begins - quiet[0]) // 1_000_000
    if ms < MIN_MS:
        return None
    height = round(ms * PIXELS_A_SECOND / 1000)
    estimated = quiet[1] or turn.caller_estimated
    return DrawnSilence(ms, times.duration(ms), min(height, MAX_HEIGHT), height > MAX_HEIGHT, estimated)


def _quiet_from(turn: Turn) -> tuple[int, bool] | None:
    """The end of the last sound of the turn, and whether that is estimated."""
    heard = [turn.caller_done_at] if turn.caller_done_at is not None else []
    if not turn.played:
        spoke = turn.agent_at is not None or turn.greeting
        return None if spoke or not heard else (heard[-1], turn.caller_estimated)
    last = turn.played[-1]
    if any(one.end is None for one in turn.played):
        return None
    end = max(one.end for one in turn.played if one.end is not None)
    until = max([end, *heard])
    return until, last.estimated if until == end else turn.caller_estimated


def _begins(turn: Turn) -> int | None:
    """The beginning of the turn's first sound."""
    sounds = [one.start for one in turn.played[:1]]
    if turn.caller_begun_at is not None:
        sounds.append(turn.caller_begun_at)
    return min(sounds, default=None)
