"""Leases: one process has one at a time, on either kind of database."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Engine

from relayproxy.store.engine import open_engine
from relayproxy.store.write.annotation_writer import AnnotationWriter
from relayproxy.store.write.leases import Name, give_up_lease, take_lease


@pytest.fixture
def writers(engine: Engine, url: str) -> Iterator[tuple[AnnotationWriter, ...]]:
    """Those of four consoles."""
    made = tuple(AnnotationWriter(open_engine(url, create=False)) for _ in range(4))
    yield made
    for writer in made:
        writer.close()


def take(writer: AnnotationWriter, owner: str, now: int, until: int, name: Name = "alerts") -> bool:
    with writer.writing() as db:
        return take_lease(db, name, owner, now, until)


def give_up(writer: AnnotationWriter, owner: str) -> None:
    with writer.writing() as db:
        give_up_lease(db, "alerts", owner)


def test_of_several_that_ask_at_once_one_gets_it(writers: tuple[AnnotationWriter, ...]) -> None:
    with ThreadPoolExecutor(4) as threads:
        for now in (0, 10, 20):

            def try_it(number: int, now: int = now) -> bool:
                return take(writers[number], f"{now}-{number}", now, now + 10)

            took = [*threads.map(try_it, range(4))]
            assert sorted(took) == [False, False, False, True]


def test_it_is_renewed_by_its_owner_and_taken_by_others_once_it_is_over_or_given_up(
    writers: tuple[AnnotationWriter, ...],
) -> None:
    one, other, *_ = writers
    assert take(one, "one", 0, 10)
    assert take(one, "one", 5, 15)
    assert not take(other, "other", 14, 24)
    assert take(other, "other", 15, 25)
    give_up(one, "one")
    assert not take(one, "one", 20, 30)
    give_up(other, "other")
    assert take(one, "one", 20, 30)


def test_each_name_is_a_lease_of_its_own(writers: tuple[AnnotationWriter, ...]) -> None:
    one, other, *_ = writers
    assert take(one, "one", 0, 10)
    assert take(other, "other", 0, 10, "recordings")
    assert not take(one, "one", 5, 15, "recordings")
