"""Two machines with two relays each on one PostgreSQL, whose processes are killed and replaced under calls."""

from pathlib import Path

from tests.peers.postgres import Server
from tests.soak.machines import EVENTS, chaos, shuffled


async def test_no_message_is_lost_or_doubled_whatever_is_killed_or_replaced(postgres: Server, tmp_path: Path) -> None:
    url = postgres.migrated()
    events = iter(shuffled(seed=1))
    outcome = await chaos(url, tmp_path, events, seed=1, callers=4)

    assert outcome.problems == []
    assert [outcome[event] for event in EVENTS] == [1] * len(EVENTS)
    assert outcome["calls whole"] > 10
    postgres.give_back(url)
