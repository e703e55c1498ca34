"""The lease of alerts: one console has it at a time, on either kind of database."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Engine

from relayproxy.store.engine import open_engine
from relayproxy.store.write.alert_lease import give_up_lease, take_lease
from relayproxy.store.write.annotation_writer import AnnotationWriter


@pytest.fixture
def writers(engine: Engine, url: str) -> Iterator[tuple[AnnotationWriter, ...]]:
    """Those of four consoles."""
    made = tuple(AnnotationWriter(open_engine(url, afresh=True)) for _ in range(4))
    yield made
    for writer in made:
        writer.close()


def test_of_several_that_ask_at_once_one_gets_it(writers: tuple[AnnotationWriter, ...]) -> None:
    with ThreadPoolExecutor(4) as threads:
        for now in (0, 10, 20):

            def take(number: int, now: int = now) -> bool:
                return take_lease(writers[number], f"{now}-{number}", now, now + 10)

            took = [*threads.map(take, range(4))]
            assert sorted(took) == [False, False, False, True]


def test_it_is_renewed_by_its_owner_and_taken_by_others_once_it_is_over_or_given_up(
    writers: tuple[AnnotationWriter, ...],
) -> None:
    one, other, *_ = writers
    assert take_lease(one, "one", 0, 10)
    assert take_lease(one, "one", 5, 15)
    assert not take_lease(other, "other", 14, 24)
    assert take_lease(other, "other", 15, 25)
    give_up_lease(one, "one")
    assert not take_lease(one, "one", 20, 30)
    give_up_lease(other, "other")
    assert take_lease(one, "one", 20, 30)
