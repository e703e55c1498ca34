from pathlib import Path

from tests.bench.recording import TALK, cost
from tests.databases import migrated


def test_what_recording_costs_is_told_of_all_that_was_recorded(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/relayproxy.db"
    migrated(url)
    found = cost(url, TALK, 2, calls=20, size=True)
    assert found.messages > 0
    assert found.play > 0
    assert found.commit > 0
    assert 0 < found.rows < 10
    assert found.bytes_a_minute is not None
    assert found.bytes_a_minute > 0
    assert found.moved is not None
    assert min(found.moved) > 0
    assert str(found).endswith(" there")
