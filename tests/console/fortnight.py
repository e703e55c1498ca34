"""Two weeks of made-up calls as rows, always the same ones: busy days, quiet nights, a slow afternoon, and a release in
the middle that made answers slower.

Knows: which numbers a call would come with.
Must not know: the fold; what is made of the rows.
"""

import math
import random
from collections.abc import Iterator
from typing import Any

from relayproxy.store.schema.rows import Batch, JournalRow, SessionLabels, SessionRow, TurnRow
from relayproxy.store.write.archive import Archive
from tests.store import build

HOUR = 3_600_000_000_000
DAY = 24 * HOUR
ROUTES = ("bookings", "support", "default")


def record(archive: Archive, now: int, a_day: int = 40, days: int = 14) -> int:
    """Writes the calls of the days before `now` (wall nanoseconds); returns how many."""
    made = list(calls(now, a_day, days))
    for start in range(0, len(made), 500):
        some = made[start : start + 500]
        archive.commit(
            Batch(
                journals=(JournalRow("fortnight", 1, start + 1),),
                sessions=tuple(session for session, _, _ in some),
                turns=tuple(turn for _, turns, _ in some for turn in turns),
                labels=tuple(labels for _, _, labels in some),
            )
        )
    return len(made)


def calls(now: int, a_day: int, days: int) -> Iterator[tuple[SessionRow, tuple[TurnRow, ...], SessionLabels]]:
    chance = random.Random(42)
    for day in range(days):
        for number in range(a_day):
            hour = min(23.99, max(0.0, chance.gauss(13.5, 4.0)))
            at = now - (days - day) * DAY + round(hour * HOUR)
            yield _call(chance, f"c{day:02d}-{number:04d}", at, now)


def _call(chance: random.Random, id: str, at: int, now: int) -> tuple[SessionRow, tuple[TurnRow, ...], SessionLabels]:
    route = chance.choices(ROUTES, (5, 3, 2))[0]
    release = "42" if now - at < 7 * DAY else "41"
    median = {"bookings": 780, "support": 1050, "default": 620}[route] * (1.3 if release == "42" else 1.0)
    if DAY * 3 < now - at < DAY * 3 + 5 * HOUR:
        median *= 2.2
    turns = [_turn(chance, id, number, at, median) for number in range(chance.randint(3, 12))]
    values = sorted(turn.response_latency_ms for turn in turns if turn.response_latency_ms is not None)
    unanswered = sum(turn.unanswered for turn in turns)
    interrupted = sum(turn.interrupted for turn in turns)
    live = now - at < HOUR and chance.random() < 0.5
    outcome, transition = chance.choices(
        (("ended_by_backend", "success"), ("caller_hangup", "none"), ("backend_disconnect", "failed")),
        (62, 30, 9 if release == "42" else 4),
    )[0]
    ended: dict[str, Any] = {
        "ended_at": at + len(turns) * 9_000_000_000,
        "outcome": outcome,
        "studio_transition": transition,
    }
    session = build.session(
        id,
        started_at=at,
        route=route,
        from_number=f"+1555010{chance.randint(0, 40):04d}",
        to_number=f"+1555020{ROUTES.index(route):04d}",
        backend=f"wss://{route}.example.com/ws",
        backend_version=f"2.{release}.0",
        turns=len(turns),
        responses=len(values),
        interrupted_responses=interrupted,
        interruptions=interrupted,
        unanswered=unanswered,
        stale_chunks=interrupted and chance.choice((0, 0, 0, 3, 8)),
        errors=unanswered + (outcome == "backend_disconnect"),
        warnings=sum(value >= 2000 for value in values),
        response_n=len(values),
        response_max_ms=values[-1] if values else None,
        **({} if live else ended),
    )
    labels: tuple[tuple[str, str], ...] = (
        ("param.release", release),
        ("param.campaign", chance.choice(("autumn", "search"))),
        ("lang", "en-US"),
    )
    if chance.random() < 0.05:
        labels += (("finding", "stale_speech"),)
    return session, tuple(turns), SessionLabels(id, at, labels)


def _turn(chance: random.Random, session: str, number: int, at: int, median: float) -> TurnRow:
    began = at + number * 9_000_000_000
    if number == 0:
        return build.turn(
            session, 0, opened_by="setup", started_at=began, response_latency_ms=None, null_reason="no_prompt"
        )
    lost = chance.random()
    if lost < 0.02:
        reason = chance.choice(("no_response", "no_response", "session_closed", "speculative"))
        return build.turn(
            session,
            number,
            started_at=began,
            response_latency_ms=None,
            null_reason=reason,
            unanswered=reason == "no_response",
        )
    ms = round(median * math.exp(chance.gauss(0, 0.38)))
    if chance.random() < 0.012:
        ms = chance.randint(4000, 14_000)
    return build.turn(session, number, started_at=began, response_latency_ms=ms, interrupted=chance.random() < 0.09)
