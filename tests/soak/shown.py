"""What the API shows of calls, held against what they sent.

Knows: which answer tells what, how calls that end in some way are judged, what a relay that is killed may take with it.
Must not know: how calls are made; the database.
"""

import asyncio
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import cycle
from typing import Any

import aiohttp

from tests.soak.calls import Ending, Sent

LOSS = 1.0
"""Seconds before the end of a relay that is killed from which on what it carried may be missing: a fortieth of that is
what it keeps to itself, the rest is for a machine that does much else."""
AT_ONCE = 8
OUTCOMES: dict[Ending, set[str]] = {
    "caller": {"caller_hangup"},
    "backend": {"backend_disconnect"},
    "caller gone": {"unknown"},
    "backend gone": {"backend_disconnect"},
    "odd": {"backend_disconnect", "protocol_error", "caller_hangup"},
}
UNTOLD: dict[Ending, int] = {"caller": 0, "backend": 0, "caller gone": 0, "backend gone": 0, "odd": 7}
"""Texts beyond those that a caller knows of: some that are no messages, and what was answered to them."""
CUT = {"unknown", "proxy_error"}


class Shown:
    """Asks the API, on consoles at these URLs in turn."""

    def __init__(self, http: aiohttp.ClientSession, urls: Iterable[str]) -> None:
        self._http = http
        self._urls = cycle(urls)
        self.counts: Counter[str] = Counter()
        """Connections by what is shown of them, sessions, messages."""
        self.outcomes: Counter[str] = Counter()
        """Sessions by ending and outcome."""
        self.longest_loss = 0.0
        """Seconds between the first thing that a relay took with it, and its end."""

    async def once_over(self, ended: Iterable[Sent], patience: float, say: Callable[[str], None]) -> None:
        """Returns once nothing is live any more of these connections, or has changed for so many seconds."""
        await self._once_over(_by_session(ended), patience, say)

    async def check_all(self, ended: Iterable[Sent], patience: float, say: Callable[[str], None]) -> list[str]:
        """What is wrong with these connections. Returns `once_over`, when all has been looked at."""
        by_session = _by_session(ended)
        there = await self._once_over(by_session, patience, say)
        problems = [f"{one}: nobody called so" for one in there.keys() - by_session.keys() - {None}]
        self.counts["sessions without an id"] = len(there[None])
        waiting = list(by_session.items())

        async def work() -> None:
            while waiting:
                session, connections = waiting.pop()
                found = await self._check(there[session], connections)
                problems.extend(f"{session}: {one}" for one in found)
                if waiting and len(waiting) % 500 == 0:
                    say(f"{len(waiting):,} sessions are still to be looked at, {len(problems):,} problems")

        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(work())
        return problems

    async def _once_over(
        self, by_session: Mapping[str, Sequence[Sent]], patience: float, say: Callable[[str], None]
    ) -> defaultdict[str | None, list[dict[str, Any]]]:
        """All sessions by their ids, once those that are expected are there and over, or nothing changes any more. None
        may be live for a moment although journals hold more."""
        expected = {name for name, its in by_session.items() if any(one.answered for one in its)}
        clock = asyncio.get_running_loop().time
        before, since = (-1, -1), clock()
        while True:
            there: defaultdict[str | None, list[dict[str, Any]]] = defaultdict(list)
            for one in await self._items("/api/sessions", "before", limit="500"):
                there[one["session_id"]].append(one)
            live = sum(one["live"] for its in there.values() for one in its)
            missing = len(expected - there.keys())
            if (live, missing) != before:
                say(f"{live:,} sessions are still live in the database, {missing:,} are not there")
                before, since = (live, missing), clock()
            if not (live or missing) or clock() - since > patience:
                return there
            await asyncio.sleep(2)

    async def _get(self, path: str, **query: str) -> Any:
        async with self._http.get(next(self._urls) + path, params=query) as answer:
            body = await answer.text()
            assert answer.status == 200, f"{path}: {answer.status} {body}"
            return json.loads(body)

    async def _items(self, path: str, cursor: str, **query: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        while True:
            page = await self._get(path, **query)
            found += page["items"]
            if not page["next"]:
                return found
            query[cursor] = page["next"]

    async def _check(self, sessions: Sequence[dict[str, Any]], sent: Sequence[Sent]) -> list[str]:
        if any(one["live"] for one in sessions):
            return ["it has not ended"]
        problems: list[str] = []
        there: defaultdict[str, list[list[dict[str, Any]]]] = defaultdict(list)
        for session in sessions:
            messages = await self._items(f"/api/sessions/{session['id']}/messages", "after", limit="500")
            problems += self._counts(session, messages)
            if len(sessions) == 1:
                problems += self._judges(session, messages, max(sent, key=lambda connection: connection.dial))
            for own in _by_connection(messages):
                first = next((one["text"] for one in own if one["kind"] == "text" and one["from"] == "twilio"), "")
                there[first].append(own)
        self.counts["sessions"] += len(sessions)
        if len(sessions) > 1:
            self.counts["sessions beside another of their id"] += len(sessions) - 1
        for connection in sent:
            found = there.pop(connection.messages[0][1], []) if connection.messages else []
            if wrong := self._differs(connection, found):
                problems.append(f"connection {connection.dial}: {wrong}")
        if there:
            problems.append(f"{len(there)} connections that nobody made: {[*there]!r:.300}")
        return problems

    def _counts(self, session: dict[str, Any], messages: Sequence[dict[str, Any]]) -> Iterator[str]:
        """What is wrong with the numbers of a session."""
        gaps = sum(one["kind"] == "gap" for one in messages)
        told = sum(one["kind"] in ("text", "binary") for one in messages)
        self.counts["messages"] += len(messages)
        self.counts["gaps"] += gaps
        if session["totals"]["gaps"] != gaps:
            yield f"it has {gaps} gaps, and counts {session['totals']['gaps']}"
        if session["totals"]["messages"] != told:
            yield f"it has {told} texts and binary messages, and counts {session['totals']['messages']}"

    def _judges(self, session: dict[str, Any], messages: Sequence[dict[str, Any]], last: Sent) -> Iterator[str]:
        """What is wrong with how a session is said to have ended, whose last connection was this."""
        outcome = session["outcome"]
        self.outcomes[f"{'cut' if last.cut else last.ending}: {outcome}"] += 1
        if outcome not in OUTCOMES[last.ending] | (CUT if last.cut else set()):
            found = [(one["from"], one["kind"], one["code"]) for one in messages[-4:]]
            how = "cut" if last.cut else last.ending
            yield f"{how}: its outcome is {outcome} ({session['end_reason']}), and the last messages are {found}"

    def _differs(self, sent: Sent, found: Sequence[list[dict[str, Any]]]) -> str | None:
        if len(found) > 1:
            return f"it is there {len(found)} times"
        stored = found[0] if found else []
        if [one["seq"] for one in stored] != list(range(len(stored))):
            return "its messages are not numbered one by one"
        said = [(one["from"], one["text"]) for one in stored if one["kind"] == "text"]
        gaps = [one for one in stored if one["kind"] == "gap"]
        for at, one in enumerate(sent.messages):
            if at < len(said):
                if said[at] != one and not gaps:
                    return f"message {at} of {len(sent.messages)} was {one!r:.200} and is {said[at]!r:.200}"
                continue
            age = sent.over_at - sent.at[at]
            if sent.cut and at >= sent.answered:
                break
            if sent.cut and age < LOSS:
                self.longest_loss = max(self.longest_loss, age)
                self.counts["connections cut, with their last moments missing"] += 1
                return None
            if not gaps:
                left = f", the first missing one {age:.2f} s before it was cut" if sent.cut else ""
                return f"of {len(sent.messages)} messages {len(said)} are there{left}"
        extra = len(said) - len(sent.messages)
        if extra > UNTOLD[sent.ending] + (4 if sent.cut else 0):
            return f"{extra} messages more than were sent: {said[-extra:]!r:.300}"
        self.counts["connections cut, with all that was answered" if sent.cut else "connections whole"] += 1
        return None


def _by_session(ended: Iterable[Sent]) -> dict[str, list[Sent]]:
    found: defaultdict[str, list[Sent]] = defaultdict(list)
    for sent in ended:
        found[sent.session].append(sent)
    return found


def _by_connection(messages: Iterable[dict[str, Any]]) -> Iterable[list[dict[str, Any]]]:
    found: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for one in messages:
        found[one["connection"]].append(one)
    return found.values()
