"""Silences: stretches without speech, and who was waited for.

Knows: when speech begins and ends, by speaker events or, without them, by prompts and expected playback.
Must not know: turns, what was said.

Times are wall nanoseconds; sums only are kept.
"""

from relayproxy.conversation.totals import Silence, WaitingFor, milliseconds

SECOND = 1_000_000_000
EPISODE: dict[WaitingFor, int] = {"backend": 3 * SECOND, "tts": 3 * SECOND, "caller": 8 * SECOND}
"""From here on a silence is an episode."""


class SilenceTracker:
    """The silences of one session: their lengths, by the party that was waited for."""

    def __init__(self) -> None:
        self._events = False
        """Speaker events come in this call."""
        self._agent_on = False
        self._asked = False
        """The caller has asked, and nothing was answered since."""
        self._since: tuple[WaitingFor, int] | None = None
        self._caller_at = 0
        """When the caller was last heard of."""
        self._sums: dict[WaitingFor, list[int]] = {}
        self._estimated: set[WaitingFor] = set()

    def caller_stops(self, at: int, *, event: bool) -> None:
        """Takes `clientSpeaking` off (`event`), or a final prompt or a key."""
        self._asked = True
        if not self._agent_on and (event or not self._events or self._since is None):
            self._end(at)
            self._since = "backend", at
        self._events = self._events or event

    def caller_begins(self, at: int, agent_until: int | None, *, event: bool = False) -> None:
        """Takes that the caller is heard: `clientSpeaking` on (`event`), a partial or final prompt, a key.
        `agent_until`: when the agent's speech is expected to have ended."""
        self._events = self._events or event
        if self._events and not event and self._since is not None and self._since[0] != "caller":
            return  # the words of what was said before
        known = agent_until is not None and self._caller_at < agent_until < at
        if self._since is None and not self._events and known:
            assert agent_until is not None
            self._since = "caller", agent_until
            self._estimated.add("caller")
        self._caller_at = at
        self._end(at)

    def answered(self, out: int) -> None:
        """Takes that speakable output, or keys, were written to Twilio."""
        self._asked = False
        if self._since is not None and self._since[0] == "backend":
            self._end(out)
            if self._events:
                self._since = "tts", out
            else:
                self._estimated.add("backend")

    def agent_begins(self, at: int) -> None:
        """Takes `agentSpeaking` on."""
        self._events = self._agent_on = True
        self._end(at)

    def agent_stops(self, at: int, *, streaming: bool) -> None:
        """Takes `agentSpeaking` off. `streaming`: more text of the reply is to come."""
        self._events, self._agent_on = True, False
        if self._since is not None and self._since[0] != "caller":
            self._since = None  # the agent has spoken, since when is not known
        if self._since is None:
            self._since = "backend" if self._asked or streaming else "caller", at

    def value(self, closed_at: int | None) -> dict[str, Silence]:
        """The silences by the party that was waited for. `closed_at`: the session is over since then, and so is what
        was open."""
        sums = {who: [*found] for who, found in self._sums.items()}
        if closed_at is not None and self._since is not None:
            _add(sums, self._since[0], closed_at - self._since[1])
        return {
            who: Silence(
                total_ms=milliseconds(total) or 0,
                longest_ms=milliseconds(longest) or 0,
                episodes=episodes,
                estimated=who in self._estimated or not self._events,
            )
            for who, (total, longest, episodes) in sums.items()
        }

    def _end(self, at: int) -> None:
        if self._since is not None:
            _add(self._sums, self._since[0], at - self._since[1])
            self._since = None


def _add(sums: dict[WaitingFor, list[int]], who: WaitingFor, ns: int) -> None:
    if ns > 0:
        found = sums.setdefault(who, [0, 0, 0])
        found[0] += ns
        found[1] = max(found[1], ns)
        found[2] += ns >= EPISODE[who]
