"""Random calls of a Twilio whose queue, voice and purges are known: what the conversation tells of them is true.

Twilio plays each text `lag` after it came, at 15 characters a second, and throws away at an interrupt what has come by
then; what was on its way is played. With events all of it must be told; without them nothing else may be.
"""

import random
import re
from dataclasses import dataclass, field

import pytest

from relayproxy.conversation.model import Turn
from tests.script import script

ONE_WAY = 0.03
"""Seconds between Twilio and the relay."""
RATE = 15
WORDS = ["open", "nine", "five", "every", "day", "but", "holidays", "we", "close", "noon", "please", "call", "table"]
EVENTS = {
    "events": [],
    "no events": [" info "],
    "speaker events": ["tokensPlayed"],
    "tokens played": ["agentSpeaking", "clientSpeaking"],
}


@dataclass
class Asked:
    """One prompt of the call, and what became of its answer."""

    prompt: str
    sent: list[str] = field(default_factory=list)
    interrupted: bool = False
    doubtful: bool = False
    """Interrupted before its first sound."""
    heard: str = ""


class Call:
    """A greeting and some prompts with their answers, as lines of a script."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._lines: list[tuple[float, str]] = [(0, "twilio setup sessionId=VX1")]
        self._twilio(0.3, "info agentSpeaking on")
        self._twilio(1.2, 'info tokensPlayed "Welcome there."')
        self._twilio(1.201, "info agentSpeaking off")
        self.asked: list[Asked] = []
        at = 2 + self._random.random()
        for number in range(self._random.randint(2, 6)):
            at = self._exchange(number, at)
        self._lines += [(at + 20, "twilio close 1000"), (at + 20, "- gone first=twilio")]

    def script(self, without: list[str]) -> str:
        lines = [f"{at:.4f} {line}" for at, line in sorted(self._lines, key=lambda one: one[0])]
        return "\n".join(line for line in lines if not any(word in line for word in without))

    def _twilio(self, at: float, what: str) -> None:
        self._lines.append((at + ONE_WAY, f"twilio {what}"))

    def _exchange(self, number: int, at: float) -> float:
        """A prompt at this time of Twilio's, and all until the caller speaks again at the time that is given back."""
        among, asked = self._random, Asked(f"question{number} please")
        if not (self.asked and self.asked[-1].interrupted):
            self._twilio(at - 0.8, "info clientSpeaking on")
        self._twilio(at - 0.0005, "info clientSpeaking off")
        self._twilio(at, f'prompt "{asked.prompt}" last')
        self.asked.append(asked)
        parts = [f"Reply{number}{part} {self._words()}. " for part in range(among.randint(1, 4))]
        first = at + ONE_WAY + among.uniform(0.05, 1.2)
        times = sorted(first + part * among.uniform(0.02, 0.25) for part in range(len(parts)))
        lag = among.uniform(0.19, 0.36)
        begin, end = self._spoken(times, parts, lag)[0][0], self._spoken(times, parts, lag)[-1][1]
        stop = among.choice([None, among.uniform(at + 0.02, begin + 0.1), among.uniform(begin, end)])
        if stop is None:
            self._send(times, parts, whole=True)
            self._play(times, parts, lag)
            asked.sent, asked.heard = parts, "".join(parts)
            return end + among.uniform(1.8, 4.8)
        asked.interrupted = True
        arrived = [(sent, part) for sent, part in zip(times, parts, strict=True) if sent <= stop + ONE_WAY]
        asked.sent = [part for _, part in arrived]
        self._send(times[: len(arrived)], asked.sent, whole=len(arrived) == len(parts))
        if arrived and len(arrived) < len(parts):
            self._lines.append((stop + ONE_WAY + 0.01, 'backend text "" last'))
        self._twilio(stop - 0.001, "info clientSpeaking on")
        if stop > begin:
            asked.heard = self._cut(self._spoken(times, parts, lag)[: len(arrived)], stop)
            self._twilio(stop + 0.002, "info agentSpeaking off")
        else:
            asked.doubtful = bool(arrived)
            self._twilio(stop, 'interrupt "" 0')
            crossed = [(sent, part) for sent, part in arrived if sent + ONE_WAY > stop]
            asked.heard = "".join(part for _, part in crossed)
            if crossed:
                stop = self._play([sent for sent, _ in crossed], [part for _, part in crossed], lag)
        return stop + among.uniform(0.7, 3.5)

    def _words(self) -> str:
        return " ".join(self._random.choice(WORDS) for _ in range(self._random.randint(2, 8)))

    def _send(self, times: list[float], parts: list[str], *, whole: bool) -> None:
        for number, (at, part) in enumerate(zip(times, parts, strict=True), 1):
            last = " last" if whole and number == len(parts) else ""
            self._lines.append((at, f'backend text "{part}"{last}'))

    def _spoken(self, times: list[float], parts: list[str], lag: float) -> list[tuple[float, float, str]]:
        spoken, until = [], 0.0
        for sent, part in zip(times, parts, strict=True):
            begin = max(until, sent + ONE_WAY + lag)
            until = begin + len(part) / RATE
            spoken.append((begin, until, part))
        return spoken

    def _play(self, times: list[float], parts: list[str], lag: float) -> float:
        spoken = self._spoken(times, parts, lag)
        self._twilio(spoken[0][0], "info agentSpeaking on")
        for _, until, part in spoken:
            self._twilio(until, f'info tokensPlayed "{part}"')
        self._twilio(spoken[-1][1] + 0.0005, "info agentSpeaking off")
        return spoken[-1][1]

    def _cut(self, spoken: list[tuple[float, float, str]], stop: float) -> str:
        """Speech until it is interrupted; what was heard of it."""
        self._twilio(spoken[0][0], "info agentSpeaking on")
        heard = fragment = ""
        ms = 1
        for begin, until, part in spoken:
            if until <= stop:
                self._twilio(until, f'info tokensPlayed "{part}"')
                heard += part
            elif begin < stop:
                fragment = part[: int((stop - begin) * RATE)].rpartition(" ")[0]
                ms = max(1, int((stop - begin) * 1000))
        if fragment:
            self._twilio(stop - 0.0005, f'info tokensPlayed "{fragment}"')
        self._twilio(stop, f'interrupt "{fragment}" {ms}')
        return heard + fragment


@pytest.mark.parametrize("events", EVENTS)
@pytest.mark.parametrize("seed", range(50))
def test_what_is_told_of_a_call_is_what_happened(seed: int, events: str) -> None:
    played = Call(seed)
    call = script(played.script(EVENTS[events]))

    assert not call.turns[0].interruptions
    for turn in call.turns[1:]:
        told = [asked for asked in played.asked if asked.prompt in turn.caller_text]
        assert len(turn.interruptions) == sum(asked.interrupted for asked in told)
        assert turn.agent_text == "".join(part for asked in told for part in asked.sent)
        answered = [asked for asked in told if asked.sent]
        if answered:
            _heard_truly(turn, answered[0], reports="tokensPlayed" not in EVENTS[events] and events != "no events")


def _heard_truly(turn: Turn, asked: Asked, *, reports: bool) -> None:
    if turn.heard_basis == "unknown":
        assert asked.doubtful
    elif turn.heard_basis != "estimated":
        assert _plain(turn.heard_text) == _plain(asked.heard)
    if reports:
        assert turn.heard_basis == "tokens_played"


def _plain(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())
