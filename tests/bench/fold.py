"""How fast recorded messages become a conversation, and what the fold holds of a call that lasts a day.

Knows: the fold as the recorder uses it: asked now and then, told to forget what is settled.
Must not know: sockets, the journal, the database.
"""

import gc
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from time import process_time
from types import BuiltinFunctionType, FunctionType, ModuleType

from relayproxy.conversation.fold.fold import Fold
from relayproxy.conversation.message import Message, read_lines, write_lines
from tests.bench.long_call import OPENING, long_call

ASKED_EVERY = 200
"""Messages between two looks; a busy recorder commits far less often."""


@dataclass(frozen=True, slots=True)
class Speed:
    """`messages_a_second` of processor time: reading lines, decoding, folding, asking for the result."""

    messages: int
    messages_a_second: float


def played(messages: Iterable[Message]) -> Fold:
    """A fold that was fed them as the recorder does."""
    fold = Fold()
    fold.open(OPENING)
    for number, message in enumerate(messages, 1):
        fold.feed(OPENING.connection_id, message)
        if number % ASKED_EVERY == 0:
            fold.forget(fold.conversation().settled_turns)
    return fold


def speed(turns: int = 3000, rounds: int = 3) -> Speed:
    """The best of some rounds."""
    lines = write_lines(long_call(turns))
    count = lines.count(b"\n")
    best = 0.0
    for _ in range(rounds):
        begun = process_time()
        fold = played(read_lines(lines))
        fold.conversation()
        best = max(best, count / (process_time() - begun))
    return Speed(count, best)


def held_after(hours: float, *, pause: float = 14.0) -> int:
    """Bytes that a fold holds after so many hours of a call, about three turns a minute."""
    turns = round(hours * 3600 / (pause + 6))
    before = _reachable(None)
    fold = played(long_call(turns, pause=pause, chunks=10))
    held = _reachable(fold) - before
    assert fold.conversation().totals.turns == turns + 1
    return held


def _reachable(fold: Fold | None) -> int:
    """Bytes of all objects, but for code and classes, that a fold and what its modules keep lead to."""
    found: dict[int, object] = {}
    todo: list[object] = [fold]
    todo += (vars(module) for name, module in sys.modules.items() if name.startswith("relayproxy.conversation"))
    while todo:
        one = todo.pop()
        if id(one) not in found and not isinstance(one, type | ModuleType | FunctionType | BuiltinFunctionType):
            found[id(one)] = one
            todo += gc.get_referents(one)
    return sum(map(sys.getsizeof, found.values()))


def report() -> str:
    """What `make bench` says of the fold."""
    fast = speed()
    early, late = held_after(1), held_after(24)
    return (
        f"fold: {fast.messages_a_second:,.0f} messages/s on one processor "
        f"({fast.messages:,} messages read from a recording, decoded and folded)\n"
        f"fold: holds {early / 1024:.0f} KiB after 1 hour of a call, {late / 1024:.0f} KiB after 24 hours"
    )
