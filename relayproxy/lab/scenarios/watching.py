"""Watching a call: whether the events come that a turn expects, and in time.

Knows: the event log of a call; what makes an event the expected one; how failing is put into words.
Must not know: what the caller does; what is expected of the whole call.
"""

import re
import time
from collections.abc import Callable, Sequence

from relayproxy.lab.scenarios.model import Expectation
from relayproxy.lab.twilio.call import SimulatedCall
from relayproxy.lab.twilio.events import Event, EventName
from relayproxy.matching import shown

MAX_TOLD = 5
"""At most so many events are told of what came instead."""


class Watch:
    """The events of a call as its turns see them: each expectation looks at those after the one that came true last,
    or after the caller's last act."""

    def __init__(self, call: SimulatedCall) -> None:
        self._call = call
        self._acted, self._next = 0, 0
        self._since = time.monotonic_ns()

    def act(self) -> None:
        """The caller begins to act: what came before is of no interest any more."""
        self._acted = self._next = len(self._call.events.events)
        self.restart()

    def restart(self) -> None:
        """Times count from now."""
        self._since = time.monotonic_ns()

    async def wait(self, name: EventName) -> None:
        """Wait for an event since the caller's last act, or until patience is at an end."""
        search = _Search(self._call.events.events, self._acted, lambda event: event.name == name)
        await self._until(lambda: search.found() is not None, self._patience)

    async def expect(self, expected: Expectation) -> str | None:
        """Wait for an event; what came instead, in words, or None when all is as expected."""
        return await (self._present(expected) if expected.present else self._absent(expected))

    async def _present(self, expected: Expectation) -> str | None:
        wanted = _Wanted(expected, self._since)
        search = _Search(self._call.events.events, self._next, wanted.fits)
        found = search.found

        def growing() -> bool:
            return search.growing is not None and wanted.begun_by(search.growing)

        passed = (time.monotonic_ns() - self._since) / 1e9
        limit = self._patience if expected.within_ms is None else max(0.0, expected.within_ms / 1000 - passed)
        await self._until(lambda: found() is not None, limit)
        if found() is None and growing():
            await self._until(lambda: found() is not None or not growing(), self._patience)
        event = found()
        if event is None:
            return self._told(waited=passed + limit)
        self._next = self._call.events.events.index(event) + 1
        return None

    async def _absent(self, expected: Expectation) -> str | None:
        call = self._call
        found = _Search(call.events.events, self._next, _Wanted(expected, None).fits).found

        await self._until(lambda: found() is not None or call.session.playback.idle, self._patience)
        await self._until(lambda: found() is not None, (expected.within_ms or 0) / 1000 / call.line.speed)
        event = found()
        return None if event is None else self._event(event)

    async def _until(self, holds: Callable[[], bool], seconds: float) -> None:
        await self._call.events.notifier.until(lambda: holds() or self._over, seconds)

    @property
    def _over(self) -> bool:
        """Nothing can come any more."""
        return self._call.session.over and not self._call.connected

    @property
    def _patience(self) -> float:
        return self._call.line.patience

    def _events(self, start: int) -> Sequence[Event]:
        return self._call.events.events[start:]

    def _told(self, waited: float) -> str:
        told = [self._event(event) for event in self._events(self._next) if not event.name.startswith("speech_")]
        more = len(told) - MAX_TOLD
        if more > 0:
            told[MAX_TOLD:] = [f"{more} more"]
        if self._over:
            return f"{', '.join(told) or 'nothing'} before the call was over"
        return ", ".join(told) or f"nothing within {waited * 1000:.0f} ms"

    def _event(self, event: Event) -> str:
        text = f" {shown(event.text)}" if event.text else ""
        growing = "" if event.over else " (without last: true so far)"
        return f"{event.name}{text}{growing} after {max(0, event.at - self._since) / 1e6:.0f} ms"


class _Search:
    """A search for the first event that fits, from a place on. What is over is looked at once, as there can be very
    many; a reply fits as soon as it has grown so far."""

    def __init__(self, events: Sequence[Event], start: int, fits: Callable[[Event], bool]) -> None:
        self._events, self._place, self._fits = events, start, fits
        self._found: Event | None = None
        self._growing: Event | None = None

    @property
    def growing(self) -> Event | None:
        """The reply that can still grow, and does not fit so far."""
        return self._growing if self._growing is not None and not self._growing.over else None

    def found(self) -> Event | None:
        """The event, once there is one."""
        if self._found is None and self._growing is not None:
            self._look_at(self._growing)
        while self._found is None and self._place < len(self._events):
            self._place += 1
            self._look_at(self._events[self._place - 1])
        return self._found

    def _look_at(self, event: Event) -> None:
        if self._fits(event):
            self._found = event
        elif not event.over:
            self._growing = event
        elif self._growing is event:
            self._growing = None


class _Wanted:
    """An expected event. `since`: from when on time counts, None: it does not."""

    def __init__(self, expected: Expectation, since: int | None) -> None:
        self._name = expected.event
        self._parts = [part.casefold() for part in contained(expected)]
        self._pattern = None if expected.text_matches is None else re.compile(expected.text_matches)
        limited = since is not None and expected.within_ms is not None
        self._latest = (since or 0) + (expected.within_ms or 0) * 1_000_000 if limited else None

    def begun_by(self, event: Event) -> bool:
        return event.name == self._name and (self._latest is None or event.at <= self._latest)

    def fits(self, event: Event) -> bool:
        if not self.begun_by(event):
            return False
        if self._pattern is not None and not (event.over and self._pattern.search(event.text)):
            return False
        text = event.text.casefold()
        return all(part in text for part in self._parts)


def contained(expected: Expectation) -> tuple[str, ...]:
    """What the text is to contain."""
    return (expected.text_contains,) if isinstance(expected.text_contains, str) else expected.text_contains


def described(expected: Expectation) -> str:
    """An expectation in words."""
    words = [expected.event if expected.present else f"no {expected.event}"]
    if parts := contained(expected):
        words.append("that contains " + " and ".join(map(shown, parts)))
    if expected.text_matches is not None:
        words.append(f"that matches {expected.text_matches!r}")
    if expected.within_ms is not None:
        words.append(f"within {expected.within_ms} ms")
    return " ".join(words)
