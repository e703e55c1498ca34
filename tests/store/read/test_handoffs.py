"""Handoffs of each route, the newest."""

from relayproxy.store.read.handoffs import MOST, handoffs_by_route
from relayproxy.store.read.queries import Queries
from relayproxy.store.schema.rows import Batch
from relayproxy.store.write.archive import Archive
from tests.store.build import NOON, session


def test_of_each_route_the_newest(archive: Archive, queries: Queries) -> None:
    assert handoffs_by_route(queries) == {}
    many = (
        session(f"s{n}", route="sales", started_at=NOON + n, handoff=f"[{n}]", handoff_reason="")
        for n in range(MOST + 1)
    )
    archive.commit(
        Batch(
            sessions=(
                *many,
                session("none", route="sales", started_at=NOON + MOST),
                session("other", route="support", started_at=NOON, handoff="{}", handoff_reason="done"),
                session("third", route="third", started_at=NOON),
            )
        )
    )

    found = handoffs_by_route(queries)

    assert {route: sorted(each) for route, each in found.items()} == {
        "sales": sorted(f"[{n}]" for n in range(1, MOST + 1)),
        "support": ["{}"],
    }
