"""Rows of tables of settings."""

import pytest

from relayproxy.settings.tables import Route


@pytest.mark.parametrize(
    ("own", "kept"),
    [({}, (30, 400)), ({"keep_content": 0}, (0, 400)), ({"keep_numbers": 0}, (30, 0)), ({"keep_content": 7}, (7, 400))],
)
def test_a_route_keeps_calls_for_its_own_time_or_for_that_of_all(own: dict[str, float], kept: object) -> None:
    assert Route(backend="ws://a/", **own).kept_days(30, 400) == kept  # type: ignore[arg-type]
