"""What the API answers about calls that never change, so that a change of its code shows whether it changed an answer.

Knows: the recorded calls, one of each simulated scenario, the made-up calls of other tests and two weeks of them; which
paths there are.
Must not know: how an answer is made.

`python -m tests.golden` writes the answers anew; what has changed belongs in the commit's message.
"""

import gzip
import json
from collections.abc import AsyncIterator, Iterator
from itertools import count
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import msgspec
from aiohttp import web
from aiohttp.test_utils import TestClient

from relayproxy.connection import Ending
from relayproxy.conversation.message import Message, read_lines
from relayproxy.store.write.archive import Archive
from tests.console import fortnight, samples
from tests.recordings import EPOCH, NAMES, recording

HERE = Path(__file__).parent
ANSWERS = HERE / "answers.jsonl.gz"
SCENARIOS = HERE / "scenarios.jsonl.gz"
MINUTE = 60 * samples.S
DAYS = "since:2026-08-14T00:00Z until:2026-08-30T00:00Z"
FILTERS = (
    "",
    "outcome:failed",
    "unanswered:>0",
    "latency:>1000",
    "table",
    "route:bookings -finding:*",
    "interruptions:>0 turns:>2",
    "studio:success",
    DAYS,
    "outcom:failed",
)
SORTS = ("started", "-started", "duration", "-turns", "-latency", "-wait", "interruptions")


class Answer(NamedTuple):
    """What came for a path."""

    path: str
    status: int
    body: str


def record(archive: Archive) -> list[samples.Call]:
    """Puts all of them into an empty database; those with messages."""
    numbers, offsets = samples._numbers, samples._offsets
    samples._numbers, samples._offsets = count(1000), count(1)
    try:
        fortnight.record(archive, EPOCH - 100 * MINUTE, a_day=2)
        made = [
            make(archive, EPOCH - (90 - 5 * place) * MINUTE)
            for place, make in enumerate(
                (samples.booking, samples.failing, samples.refused, samples.odd, samples.long_names)
            )
        ]
        return [call.commit() for call in (*made, *_recorded(archive), *_simulated(archive))]
    finally:
        samples._numbers, samples._offsets = numbers, offsets


def _recorded(archive: Archive) -> Iterator[samples.Call]:
    for name in NAMES:
        for session in recording(name).sessions:
            call = samples.Call(archive, EPOCH + session.opened_ms * 1_000_000, route=name)
            yield call.replay(session.messages(), session.ending())


def _simulated(archive: Archive) -> Iterator[samples.Call]:
    lines = gzip.decompress(SCENARIOS.read_bytes()).splitlines(keepends=True)
    place = 0
    while lines:
        head = json.loads(lines.pop(0))
        messages, lines = lines[: head["messages"]], lines[head["messages"] :]
        place += 1
        call = samples.Call(archive, EPOCH + place * 10 * MINUTE, route=head["scenario"])
        yield call.replay(_read(messages), msgspec.convert(head["ending"], Ending))


def _read(lines: list[bytes]) -> list[Message]:
    return list(read_lines(b"".join(lines)))


def paths(made: list[samples.Call]) -> Iterator[str]:
    """Every path whose answer depends on nothing but what is recorded."""
    parts = ("", "/turns", "/turns?first=2&limit=3", "/messages", "/messages?type=prompt", "/timeline", "/tags")
    yield from (f"/api/sessions/{call.id}{part}" for call in made for part in parts)
    yield f"/api/calls/CA{made[0].number:032x}"
    for q in map(quote, FILTERS):
        yield f"/api/sessions?limit=20&q={q}"
        yield f"/api/facets?q={q}"
        # Without a range they show the last days.
        yield from (f"/api/{what}?q={quote(DAYS)}%20{q}" for what in ("overview", "insight"))
    yield from (f"/api/sessions?limit=7&sort={sort}" for sort in SORTS)
    for by in ("route", "backend", "version"):
        yield f"/api/insight?q={quote(DAYS)}&by={by}"
    a, b = (quote(f"{route} {DAYS}") for route in ("route:bookings", "route:support"))
    yield f"/api/insight?a={a}&b={b}"
    typed = ("", "out", "outcome:", "route:b", "param.")
    yield from (f"/api/complete?q={quote(text)}&at={len(text)}" for text in typed)
    yield from ("/api/tags", "/api/live", "/api/sessions/none", "/api/calls/none", "/api/sessions?limit=x", "/api/none")


async def answers(client: TestClient[web.Request, web.Application], made: list[samples.Call]) -> AsyncIterator[Answer]:
    """What is answered now, and to what the pages of an answer lead on to."""
    for path in paths(made):
        following: str | None = ""
        while following is not None:
            page = f"{path}&before={quote(following)}" if following else path
            async with client.get(page) as response:
                answer = Answer(page, response.status, await response.text())
            yield answer
            following = json.loads(answer.body).get("next") if path.startswith("/api/sessions?limit=") else None


def known() -> list[Answer]:
    """What was answered when they were written."""
    return [Answer(*json.loads(line)) for line in gzip.decompress(ANSWERS.read_bytes()).splitlines()]


def write(found: list[Answer]) -> None:
    """Keeps them as what is to be answered."""
    text = "".join(json.dumps(answer) + "\n" for answer in found)
    ANSWERS.write_bytes(gzip.compress(text.encode(), 9, mtime=0))
