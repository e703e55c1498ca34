"""Two machines with two relays each on one PostgreSQL, whose processes are killed and replaced under calls."""

from pathlib import Path

from tests.peers.postgres import Server
from tests.soak.chaos import chaos

HAPPENS = ("end a relay", "kill a recorder", "kill serve", "kill a console", "replace all", "kill a relay")


async def test_no_message_is_lost_or_doubled_whatever_is_killed_or_replaced(postgres: Server, tmp_path: Path) -> None:
    url = postgres.migrated()
    outcome = await chaos(url, tmp_path, HAPPENS, seed=1, callers=4)

    assert outcome.problems == []
    assert outcome["connections whole"] > 10
    postgres.give_back(url)
