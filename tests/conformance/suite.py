"""Autobahn's test suite for WebSocket, which runs on Python 2.7 alone.

Knows: how a Python 2.7 is found, how the suite is set up for it, how it is run and where it writes its reports.
Must not know: what is tested with it.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
REQUIREMENTS = ROOT / "requirements/autobahn.txt"
FOLDER = Path(sys.prefix) / "autobahn"
NO_PYTHON = (
    "Autobahn's test suite runs on Python 2.7 alone, and none is found: neither python2.7 on the path, nor one of "
    "pyenv, nor at PYTHON27. Install one (pyenv install 2.7.18) and say where it is: make conformance "
    "PYTHON27=/path/to/python2.7"
)
CASES = [f"{group}.*" for group in (1, 2, 3, 4, 5, 6, 7, 9, 10)]
"""All but the cases of compression (12 and 13)."""
COUNT = 301
Reports = dict[str, dict[str, Any]]
"""By name of the tested side and by case: what the suite says of it."""

_RUN = "import site; site.addsitedir({folder!r}); from autobahntestsuite.wstest import run; run()"


def python27() -> str | None:
    """An interpreter of Python 2.7 that runs; None when there is none."""
    named = os.environ.get("PYTHON27")
    places = [named] if named else [shutil.which("python2.7"), *_of_pyenv()]
    return next((str(place) for place in places if place and _runs(str(place))), None)


def _of_pyenv() -> Iterator[str]:
    root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    yield from map(str, sorted(root.glob("versions/2.7*/bin/python2.7")))


def _runs(python: str) -> bool:
    try:
        done = subprocess.run([python, "-c", "import sys, pip; print(sys.version_info[:2])"], capture_output=True)
    except OSError:
        return False
    return done.stdout.strip() == b"(2, 7)"


class Suite:
    """The suite, installed. `python` is that of Python 2.7."""

    def __init__(self, python: str) -> None:
        self.python = python
        if not (FOLDER / "autobahntestsuite").is_dir():
            print(f"setting up Autobahn's test suite with {python}", flush=True)
            pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
            subprocess.run([*pip, "--require-hashes", "-r", str(REQUIREMENTS), "--target", str(FOLDER)], check=True)

    def fuzz_servers(self, cases: Sequence[str], servers: Mapping[str, str], folder: Path) -> Reports:
        """Runs the cases against each server, given as name and URL."""
        spec = self._spec(folder, cases, servers=[{"agent": name, "url": url} for name, url in servers.items()])
        with (folder / "log").open("wb") as log:
            subprocess.run(self._command("fuzzingclient", spec), check=True, stdout=log, stderr=log, cwd=folder)
        return reports(folder)

    @contextmanager
    def fuzzing_server(self, cases: Sequence[str], port: int, folder: Path) -> Iterator[None]:
        """The suite as a server on this port of 127.0.0.1: clients ask it case by case."""
        spec = self._spec(folder, cases, url=f"ws://127.0.0.1:{port}")
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [*self._command("fuzzingserver", spec), "--webport=0"], stdout=log, stderr=log, cwd=folder
            )
            try:
                yield
            finally:
                process.terminate()
                process.wait(60)

    def _command(self, mode: str, spec: Path) -> list[str]:
        return [self.python, "-c", _RUN.format(folder=str(FOLDER)), f"--mode={mode}", f"--spec={spec}"]

    @staticmethod
    def _spec(folder: Path, cases: Sequence[str], **more: Any) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        spec = folder / "spec.json"
        spec.write_text(
            json.dumps({"outdir": str(folder / "reports"), "cases": list(cases), "exclude-cases": [], **more})
        )
        return spec


def reports(folder: Path) -> Reports:
    """What the suite has written."""
    index = json.loads((folder / "reports/index.json").read_text())
    return {
        name: {case: json.loads((folder / "reports" / one["reportfile"]).read_text()) for case, one in cases.items()}
        for name, cases in index.items()
    }
