"""Reading the caller's acts off the messages of a recorded call: what was said, which keys were pressed, where the
connection was lost.

Knows: how acts look on the wire, and which messages are Twilio's own answers to them.
Must not know: what the agent did before each; how acts are done again.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from relayproxy.conversation.message import Message
from relayproxy.conversation.model import Interruption
from relayproxy.conversation.protocol.decoding import decode_text
from relayproxy.conversation.protocol.messages import Dtmf, Event, Info, Interrupt, Prompt
from relayproxy.lab.replay.deeds import Deed, Drop, Key, Partial, Reconnect, Utterance
from relayproxy.lab.twilio.speech import MS_PER_CHARACTER
from relayproxy.recordings.call import RecordedCall

MS = 1_000_000
"""Nanoseconds."""
BARGE_IN_MS = 1500
"""So soon after the caller begins to speak or presses a key, what Twilio calls an interruption is by that."""
NOISE_MS = 500
"""A noise takes as long, where nothing tells."""
FINAL_MS = 3000
"""So soon after the caller is silent the final prompt comes, if one does."""


_Place = tuple[str | None, int | None]
"""The id of a connection, and the number of a message in it."""


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """A message of the recorded call."""

    at: int
    """Wall nanoseconds."""
    connection: int
    """Its place, from 0."""
    message: Message
    event: Event


class Begun(NamedTuple):
    """An act, and when it began and was over, wall nanoseconds."""

    deed: Deed
    at: int
    over: int
    interrupt: Seen | None = None


def seen(call: RecordedCall) -> tuple[Seen, ...]:
    """The text messages of a call, in the order in which they happened."""
    found = [
        Seen(part.opening.opened_at + message.t, place, message, decode_text(message.text, message.sender).event)
        for place, part in enumerate(call.connections)
        for message in part.messages
        if message.kind == "text"
    ]
    return tuple(sorted(found, key=lambda one: one.at))


def spoken(call: RecordedCall, messages: Sequence[Seen]) -> Iterator[Begun]:
    """What the caller said and pressed, in order."""
    by_key = _cut_by_keys(call, messages)
    nothing_said = _interruptions(call, lambda cut: cut.false_interruption is True)
    cuts = set(by_key.values())
    voice: _Voice | None = None
    for one in messages:
        if one.message.sender != "twilio":
            continue
        match one.event:
            case Prompt() as prompt:
                voice = voice or _Voice(one.at)
                if prompt.final:
                    yield voice.said(one, prompt)
                    voice = None
                else:
                    voice.partials.append((one.at, prompt))
            case Info("clientSpeaking", "on"):
                if voice is not None and voice.left(one.at):
                    if voice.tells:
                        yield voice.noise()
                    voice = None
                voice = voice or _Voice(one.at)
            case Info("clientSpeaking", "off") if voice is not None:
                voice.silent_at = one.at
            case Interrupt() if one not in cuts:
                if voice is None and _place(call, one) in nothing_said:
                    yield Begun(Utterance((), None, None, NOISE_MS), one.at, one.at + NOISE_MS * MS, one)
                    continue
                voice = voice or _Voice(one.at)
                voice.interrupt = voice.interrupt or one
            case Dtmf(digit):
                yield Begun(Key(digit), one.at, one.at, by_key.get(one))
    if voice is not None and voice.tells:
        yield voice.noise()


def _cut_by_keys(call: RecordedCall, messages: Sequence[Seen]) -> dict[Seen, Seen]:
    """By key which interrupted the agent, the interruption: soon after it, and the fold does not lay to speech."""
    by_speech = _interruptions(call, lambda cut: cut.kind == "caller_speech")
    found: dict[Seen, Seen] = {}
    key: Seen | None = None
    for one in messages:
        if isinstance(one.event, Dtmf):
            key = one
        elif isinstance(one.event, Interrupt) and key is not None and one.at <= key.at + BARGE_IN_MS * MS:
            found |= {} if _place(call, one) in by_speech or key in found else {key: one}
    return found


def _interruptions(call: RecordedCall, which: Callable[[Interruption], bool]) -> set[_Place]:
    """Where those interruptions are that the fold takes for some kind."""
    return {(cut.connection, cut.seq) for turn in call.conversation.turns for cut in turn.interruptions if which(cut)}


def _place(call: RecordedCall, one: Seen) -> _Place:
    return call.connections[one.connection].opening.connection_id, one.message.seq


class _Voice:
    """An utterance while it is read."""

    def __init__(self, at: int) -> None:
        self.at = at
        self.partials: list[tuple[int, Prompt]] = []
        self.interrupt: Seen | None = None
        self.silent_at: int | None = None

    @property
    def tells(self) -> bool:
        """Whether the backend learns of it from more than speaker events."""
        return self.interrupt is not None or bool(self.partials)

    def left(self, at: int) -> bool:
        """Whether a voice that is heard now is another utterance: no final prompt came of the first one."""
        return self.silent_at is not None and (not self.partials or at > self.silent_at + FINAL_MS * MS)

    def said(self, one: Seen, prompt: Prompt) -> Begun:
        at = self.at
        if at == one.at:  # neither a partial prompt nor an event told when it began
            at -= len(prompt.voice_prompt) * MS_PER_CHARACTER * MS
        return self._begun(at, one.at, prompt.voice_prompt, prompt.lang)

    def noise(self) -> Begun:
        over = self.silent_at or max([self.at, *(at for at, _ in self.partials)])
        return self._begun(self.at, over, None, None)

    def _begun(self, at: int, over: int, text: str | None, lang: str | None) -> Begun:
        partials = tuple(Partial(milliseconds(t - at), one.voice_prompt, one.lang) for t, one in self.partials)
        return Begun(Utterance(partials, text, lang, milliseconds(over - at)), at, over, self.interrupt)


def reconnections(call: RecordedCall) -> Iterator[Begun]:
    """Where the session's connection was lost and made again."""
    for before, after in pairwise(call.connections):
        again = after.opening.opened_at
        if before.ending is not None:
            lost = before.opening.opened_at + before.ending.t
            if before.ending.first != "backend":
                yield Begun(Drop(), min(lost, again - 1), min(lost, again - 1))
        yield Begun(Reconnect(), again, again)


def lost(call: RecordedCall) -> int | None:
    """When the last connection was lost on Twilio's side, wall nanoseconds; None when it ended otherwise."""
    last = call.connections[-1]
    if last.ending is None or last.ending.first != "twilio" or last.ending.twilio != "reset":
        return None
    return last.opening.opened_at + last.ending.t


def milliseconds(nanoseconds: int) -> int:
    return max(0, nanoseconds // MS)
