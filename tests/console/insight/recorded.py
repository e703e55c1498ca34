"""Calls of which only the numbers matter."""

import time
from typing import Any

from relayproxy.store.schema.rows import Batch, JournalRow, SessionLabels
from relayproxy.store.write.archive import Archive
from tests.store import build

HOUR = 3_600_000_000_000


def call(archive: Archive, id: str, ago_h: float, latencies: list[int], **known: Any) -> None:
    """A call that began so many hours ago, with a turn for each latency."""
    at = time.time_ns() - round(ago_h * HOUR)
    labels = tuple(known.pop("labels", {}).items())
    row = build.session(
        id,
        started_at=at,
        **{
            "ended_at": at + HOUR // 60,
            "outcome": "caller_hangup",
            "studio_transition": "none",
            "turns": len(latencies),
            "responses": len(latencies),
            "response_n": len(latencies),
            "response_max_ms": max(latencies, default=None),
            **known,
        },
    )
    turns = tuple(
        build.turn(id, number, started_at=at + number, response_latency_ms=ms) for number, ms in enumerate(latencies)
    )
    archive.commit(
        Batch(
            journals=(JournalRow("j1", 1, at),), sessions=(row,), turns=turns, labels=(SessionLabels(id, at, labels),)
        )
    )
