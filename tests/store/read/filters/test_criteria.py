"""What lists are filtered and sorted by: every field that there is can be asked for."""

from typing import get_args

import pytest

from relayproxy.store.read.filters.conditions import SORTED_BY, conditions
from relayproxy.store.read.filters.criteria import (
    FIELDS,
    SORTS,
    STATES,
    Criteria,
    Criterion,
    FieldKind,
    kind_of_field,
)


@pytest.mark.parametrize(
    ("name", "kind"),
    [("duration", "seconds"), ("turns", "number"), ("tag", "label"), ("is", "is"), ("param.plan", "label")],
)
def test_a_field_is_known_by_its_name(name: str, kind: FieldKind) -> None:
    assert kind_of_field(name) == kind


@pytest.mark.parametrize("name", ["", "param", "param.", "params.plan", "Turns", "seconds"])
def test_there_is_no_field_of_another_name(name: str) -> None:
    assert kind_of_field(name) is None


def test_no_field_takes_the_place_of_a_custom_parameter() -> None:
    assert not [name for name in FIELDS if "." in name]
    assert {field.kind for field in FIELDS.values()} <= set(get_args(FieldKind))


@pytest.mark.parametrize("name", [*FIELDS, "param.plan"])
@pytest.mark.parametrize("negated", [False, True])
def test_every_field_can_be_asked_of_the_database(name: str, negated: bool) -> None:
    values: dict[FieldKind | None, tuple[str | int, ...]] = {"number": (1, 2), "seconds": (1000,), "is": tuple(STATES)}
    criterion = Criterion(name, "=", values.get(kind_of_field(name), ("a", "b")), negated)

    condition = conditions(Criteria((criterion,)), "sqlite")[0]

    assert "sessions." in str(condition)


def test_a_field_that_is_none_is_no_condition() -> None:
    with pytest.raises(ValueError, match="colour is no field"):
        conditions(Criteria((Criterion("colour", "=", ("red",)),)), "sqlite")


def test_what_lists_are_sorted_by_is_a_number_of_theirs_or_their_beginning() -> None:
    assert SORTS[0] == "started"
    assert {kind_of_field(name) for name in SORTS[1:]} == {"number", "seconds"}
    assert tuple(SORTED_BY) == SORTS


@pytest.mark.parametrize(
    "criteria",
    [
        Criteria(every=(Criterion("turns", ">", (1,)),)),
        Criteria(words=("refund",)),
        Criteria(since=0),
        Criteria(until=0),
    ],
)
def test_without_any_condition_all_sessions_are_wanted_and_else_not(criteria: Criteria) -> None:
    assert criteria
    assert not Criteria()
