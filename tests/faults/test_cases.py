"""The table of faults is whole, names tests that there are, and is what the documentation says."""

import re
from pathlib import Path

import pytest

from tests.faults.cases import CASES, GROUPS, Case
from tests.faults.page import page

ROOT = Path(__file__).parents[2]
NUMBERS = {
    "A": (1, 2, 3, 4, 5, 6, 8, 9, 10, 11, 12, 13, 14, 15, 16, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28),
    "B": tuple(range(1, 21)),
    "C": (1, 2, 3, 4, 5, 6, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 19, 20, 21, 22, 23, 24),
    "D": (1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 13, 14, 15, 16, 17, 18, 19, 20, 21),
    "E": (1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13, 14, 15, 16, 18),
    "F": tuple(range(1, 15)),
}


def test_every_case_is_in_the_table_once() -> None:
    assert [case.id for case in CASES] == [f"{group}{number}" for group in GROUPS for number in NUMBERS[group]]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_a_case_names_tests_that_there_are_or_says_why_there_is_none(case: Case) -> None:
    assert case.tests or case.severe or case.note
    for test in (*case.tests, *case.severe):
        file, name, example = re.fullmatch(r"(.+)::(\w+)(?:\[(.+)\])?", test).groups()  # type: ignore[union-attr]
        source = (ROOT / file).read_text("utf-8")
        assert f"def {name}(" in source
        assert example is None or f'"{example}"' in source
    assert all(test.startswith("tests/faults/severe_") for test in case.severe)
    assert not case.needs or case.severe


def test_the_page_of_faults_says_what_the_table_says() -> None:
    written = (ROOT / "docs/faults.md").read_text("utf-8")
    assert written == page(), "python -m tests.faults.page > docs/faults.md"
