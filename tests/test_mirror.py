"""The tests mirror the packages: what tests a module stands in the file of its name."""

from collections.abc import Sequence
from pathlib import Path

TESTS = Path(__file__).parent
PACKAGE = TESTS.parent / "relayproxy"

LONG = 80
"""A module of more lines has a test file of its name: `test_x.py`, or `test_x_browser.py`. What there is too much of
for one file stands beside it in `test_x_<subject>.py`."""
WHOLE = (
    "bench",
    "faults",
    "fuzz",
    "docker",
    "golden",
    "peers",
    "system",
    "console/test_browser.py",
    "console/test_every_page_browser.py",
    "console/test_postgres.py",
    "console/test_waits.py",
    "test_audit.py",
    "test_docs.py",
    "test_mirror.py",
)
"""Tests of the whole system, or of a whole room of it, which are named for their subject."""


def without_tests(package: Path, tests: Path) -> list[str]:
    """The modules of more than `LONG` lines that have no test file of their name."""
    found = []
    for module in sorted(package.rglob("*.py")):
        room = tests / module.parent.relative_to(package)
        named = any((room / f"test_{module.stem}{end}.py").exists() for end in ("", "_browser"))
        if module.name != "__init__.py" and not named and len(module.read_text("utf-8").splitlines()) > LONG:
            found.append(module.relative_to(package).as_posix())
    return found


def without_modules(package: Path, tests: Path, whole: Sequence[str]) -> list[str]:
    """The test files that are neither of a module or package nor among those of the whole system."""
    found = []
    for test in sorted(tests.rglob("test_*.py")):
        place = test.relative_to(tests)
        room, words = package / place.parent, place.stem.split("_")[1:]
        names = {"_".join(words[:length]) for length in range(1, len(words) + 1)}
        of_one = any((room / f"{name}.py").exists() or (room / name).is_dir() for name in names)
        if not of_one and not any(place.is_relative_to(one) for one in whole):
            found.append(place.as_posix())
    return found


def test_a_long_module_has_a_test_file_of_its_name() -> None:
    assert without_tests(PACKAGE, TESTS) == []


def test_a_test_file_is_that_of_a_module() -> None:
    assert without_modules(PACKAGE, TESTS, WHOLE) == []


def test_whatever_is_named_for_its_subject_is_there() -> None:
    assert [one for one in WHOLE if not (TESTS / one).exists()] == []


def test_what_is_missing_on_either_side_is_named(tmp_path: Path) -> None:
    package, tests = tmp_path / "package", tmp_path / "tests"
    for file, lines in {
        "package/room/short.py": LONG,
        "package/room/long.py": LONG + 1,
        "package/room/seen.py": LONG + 1,
        "package/room/drawn.py": LONG + 1,
        "package/room/__init__.py": LONG + 1,
        "tests/room/test_seen.py": 1,
        "tests/room/test_seen_from_afar.py": 1,
        "tests/room/test_drawn_browser.py": 1,
        "tests/room/test_gone.py": 1,
        "tests/room/test_see.py": 1,
        "tests/test_seen.py": 1,
        "tests/test_room.py": 1,
        "tests/system/test_journeys.py": 1,
    }.items():
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text("\n" * lines)

    assert without_tests(package, tests) == ["room/long.py"]
    assert without_modules(package, tests, ("system",)) == ["room/test_gone.py", "room/test_see.py", "test_seen.py"]
