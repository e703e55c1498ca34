"""The newest session of each route."""

from relayproxy.store.read.latest_by_route import AMONG, arrivals
from relayproxy.store.read.queries import Queries
from relayproxy.store.schema.rows import Batch
from relayproxy.store.write.archive import Archive
from tests.store.build import NOON, connection, session


def test_of_each_route_the_newest(archive: Archive, queries: Queries) -> None:
    assert arrivals(queries) == {}
    archive.commit(
        Batch(
            sessions=(
                session("old", route="sales", started_at=NOON),
                session("new", route="sales", started_at=NOON + 2),
                session("other", route="support", started_at=NOON + 1, ended_at=NOON + 9),
            ),
            connections=(
                connection("new", session="new", opened_at=NOON + 2, opening='{"first": true}'),
                connection("again", session="new", opened_at=NOON + 3, opening='{"first": false}'),
            ),
        )
    )
    found = arrivals(queries)
    assert {route: arrival.session.id for route, arrival in found.items()} == {"sales": "new", "support": "other"}
    assert found["sales"].opening == '{"first": true}'
    assert found["support"].opening is None


def test_a_route_that_was_not_called_for_long_is_not_searched_for(archive: Archive, queries: Queries) -> None:
    many = tuple(session(f"s{at}", started_at=NOON + at) for at in range(1, AMONG + 1))
    archive.commit(Batch(sessions=(session("long ago", route="sales", started_at=NOON), *many)))
    assert [*arrivals(queries)] == [many[0].route]
