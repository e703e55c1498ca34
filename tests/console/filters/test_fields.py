"""A field of the registry can be filtered by, completed, listed and looked up, without anything elsewhere."""

import re
from collections.abc import Iterator

import pytest

from relayproxy.console.filters.completion import complete
from relayproxy.console.filters.fields import (
    ALIASES,
    CLOSED,
    FACETS,
    FILTER_FIELDS,
    GROUPS,
    TIMES,
    closed_values,
)
from relayproxy.console.filters.language import parse
from relayproxy.console.insight.insight_page import BY
from relayproxy.console.listing.facets import sidebar
from relayproxy.console.listing.sorting import NAMES
from relayproxy.console.operations import FILTER
from relayproxy.store.engine import open_engine, open_reader
from relayproxy.store.read import facets
from relayproxy.store.read.filters.criteria import FIELDS, SORTS, STATES, Criteria, kind_of_field
from relayproxy.store.read.insight.numbers import can_group
from relayproxy.store.read.queries import Queries
from relayproxy.store.write.archive import Archive
from tests.console import samples
from tests.console.conftest import Client
from tests.databases import migrated

NOW = 1_800_000_000_000_000_000


@pytest.fixture(scope="module")
def booked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Queries]:
    """One call, for all tests that only read."""
    url = f"sqlite:///{tmp_path_factory.mktemp('booked')}/relayproxy.db"
    migrated(url)
    engine, reader = open_engine(url), open_reader(url)
    samples.booking(Archive(engine), samples.ago(100)).commit()
    yield Queries(reader)
    engine.dispose()
    reader.dispose()


def test_the_store_answers_the_fields_that_people_can_write() -> None:
    assert list(FIELDS) == list(FILTER_FIELDS)


@pytest.mark.parametrize("name", FILTER_FIELDS)
def test_every_field_is_filtered_by_as_its_example_says(name: str, booked: Queries) -> None:
    read = parse(f"{name}:{FILTER_FIELDS[name].example}", NOW)
    assert read.problems == ()
    (criterion,) = read.criteria.every
    assert criterion.field == name
    assert booked.sessions(10, None, read.criteria).sessions is not None


@pytest.mark.parametrize("name", [*FILTER_FIELDS, *TIMES])
def test_every_field_is_completed_by_its_name_and_has_help(name: str, booked: Queries) -> None:
    help = {**FILTER_FIELDS, **TIMES}[name].help
    for text in ("", name):
        (found,) = (one for one in complete(booked, text, len(text)).items if one.insert == f"{name}:")
        assert found.hint == help


@pytest.mark.parametrize("name", [name for name in FILTER_FIELDS if kind_of_field(name) in ("number", "seconds", "is")])
def test_what_is_suggested_for_a_field_can_be_read(name: str, booked: Queries) -> None:
    suggested = [one.insert for one in complete(booked, f"{name}:", len(name) + 1).items]
    assert suggested
    assert [text for text in suggested if parse(text, NOW).problems] == []


@pytest.mark.parametrize(("alias", "name"), ALIASES.items())
def test_other_names_stand_for_the_field(alias: str, name: str) -> None:
    assert alias not in FILTER_FIELDS
    assert parse(f"{alias}:{FILTER_FIELDS[name].example}", NOW).criteria.every[0].field == name


def test_values_that_are_all_known_are_suggested_and_no_others_are_taken(queries: Queries, archive: Archive) -> None:
    samples.booking(archive, samples.ago(100)).commit()
    assert {*CLOSED} == {name for name, each in FILTER_FIELDS.items() if each.values}
    assert tuple(closed_values("is")) == tuple(STATES)
    for name in CLOSED:
        for value in closed_values(name):
            assert parse(f"{name}:{value}", NOW).problems == ()
            assert f"{name}:{value}" in [one.insert for one in complete(queries, f"{name}:{value}", 99).items]
        assert parse(f"{name}:nonsense", NOW).problems
    assert closed_values("route") == closed_values("param.plan") == {}


def test_every_field_of_the_sidebar_is_counted_and_has_a_title(queries: Queries, archive: Archive) -> None:
    samples.failing(archive, samples.ago(2000)).commit()
    samples.booking(archive, samples.ago(100)).commit()
    assert {*FACETS} == {name for name, each in FILTER_FIELDS.items() if each.facet}
    assert facets.facets(queries, Criteria(), FACETS).values.keys() == {*FACETS}
    shown = {one.field: one.title for one in sidebar(queries, parse("", NOW)).facets if not one.parameter}
    assert shown.items() <= {name: FILTER_FIELDS[name].facet for name in FACETS}.items()
    assert "outcome" in shown


def test_every_field_that_calls_are_grouped_by_has_a_title_and_an_answer() -> None:
    assert {*GROUPS} == {name for name, each in FILTER_FIELDS.items() if each.title}
    assert {*GROUPS} == {name for name in FILTER_FIELDS if can_group(name)}
    assert list(BY) == list(GROUPS)
    assert can_group("param.plan")
    assert not can_group("turns")
    assert not can_group("nonsense")


def test_every_order_has_words() -> None:
    sorted_by = {name for name, each in FILTER_FIELDS.items() if any(each.orders)}
    assert sorted_by == {*SORTS} - {"started"}
    assert {name.removeprefix("-") for name in NAMES} == {*SORTS}
    assert all(NAMES.values())
    assert len({*NAMES.values()}) == 2 * len(SORTS)


async def test_every_field_is_told_of_on_the_page_and_in_the_api(client: Client, archive: Archive) -> None:
    samples.booking(archive, samples.ago(100)).commit()
    page = await (await client.get("/sessions")).text()
    listed = re.findall(r'<th scope="row"><code>([\w.]+):', page)
    assert listed == [*FILTER_FIELDS, "param.plan", *TIMES]
    assert re.findall(r"^\* `([\w.<>]+)`: ", FILTER, re.MULTILINE) == [*FILTER_FIELDS, "param.<name>", *TIMES]
