"""`make faults`: runs every case of the table, severe ones included, and prints which held.

Knows: what this machine can do, and how pytest tells how tests ended.
Must not know: any one fault.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

from tests.faults.cases import CASES, Case, Need


def has(need: Need) -> bool:
    """Whether this machine can do what a test needs."""
    match need:
        case "root":
            return os.geteuid() == 0
        case "cgroup v1":
            return os.access("/sys/fs/cgroup/cpu/cgroup.procs", os.W_OK)
        case "faketime":
            return any(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
        case _:
            return shutil.which(need) is not None


def lacks(case: Case) -> list[str]:
    """What the severe tests of a case need and this machine has not."""
    return [need for need in case.needs if not has(need)]


def run(tests: Sequence[str]) -> dict[str, bool]:
    """Runs tests and tells of each whether it held. A name without an example stands for all of its examples."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.xml")
        subprocess.run(
            [
                sys.executable,
                "-m",
                "pytest",
                "-q",
                "--no-header",
                "-p",
                "no:cacheprovider",
                f"--junitxml={report}",
                *tests,
            ]
        )
        found: dict[str, bool] = {}
        for one in ElementTree.parse(report).iter("testcase"):
            file = one.get("classname", "").replace(".", "/") + ".py"
            name = one.get("name", "")
            held = one.find("failure") is None and one.find("error") is None
            for id in {f"{file}::{name}", f"{file}::{name.partition('[')[0]}"}:
                found[id] = found.get(id, True) and held
        return found


def verdict(case: Case, found: dict[str, bool]) -> str:
    """What is to be said of a case."""
    missing = lacks(case)
    asked = [*case.tests, *(() if missing else case.severe)]
    failed = [test for test in asked if not found.get(test)]
    if failed:
        return f"NOT HELD by {', '.join(failed)}"
    lacking = f"; severe part not run: needs {', '.join(missing)}" if missing and case.severe else ""
    return ("held" if asked else "not tested") + lacking + (f". {case.note}" if case.note else "")


def main() -> int:
    """1 when a case that could be run did not hold."""
    parser = argparse.ArgumentParser(prog="make faults", description=__doc__)
    parser.add_argument("cases", nargs="*", help="run these alone, for example A6 D21")
    parser.add_argument("--severe", action="store_true", help="run the severe tests alone")
    arguments = parser.parse_args()
    cases = [case for case in CASES if not arguments.cases or case.id in arguments.cases]
    if arguments.severe:
        cases = [case for case in cases if case.severe]
    wanted = dict.fromkeys(
        test
        for case in cases
        for test in (*(() if arguments.severe else case.tests), *(() if lacks(case) else case.severe))
    )
    found = run(list(wanted)) if wanted else {}
    if arguments.severe:
        found |= {test: True for case in cases for test in case.tests}
    verdicts = {case: verdict(case, found) for case in cases}
    for case, words in verdicts.items():
        print(f"{case.id:>4}  {case.fault}: {words}")
    return int(any(words.startswith("NOT") for words in verdicts.values()))


if __name__ == "__main__":
    sys.exit(main())
