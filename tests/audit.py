"""`python -m tests.audit`: which of the pinned packages have known vulnerabilities.

Knows: pip-audit, the services that it can ask, and that a registry may answer everything but these questions.
Must not know: how packages are installed.

The exit code is 0 when every package was asked about and none has any, 1 when some have, 2 when nobody could be asked
about all of them. CI prints it and fails for none of it: what became known overnight is no fault of a change.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from relayproxy.plural import plural

ROOT = Path(__file__).parent.parent
PINNED = ("run", "build", "dev", "names")
SERVICES = ("pypi", "osv")
"""Asked in this order, the next one when one cannot be reached or knows none of the packages."""
PATIENCE = 120
"""Seconds for one service."""


def ask(service: str) -> list[dict[str, Any]]:
    """What the service says of each package; empty when it cannot be reached."""
    files = [part for name in PINNED for part in ("-r", str(ROOT / f"requirements/{name}.txt"))]
    command = [
        sys.executable,
        "-m",
        "pip_audit",
        *files,
        "--no-deps",
        "--disable-pip",
        f"--vulnerability-service={service}",
    ]
    try:
        done = subprocess.run(
            [*command, "--format=json", "--progress-spinner=off"], capture_output=True, text=True, timeout=PATIENCE
        )
        found: list[dict[str, Any]] = json.loads(done.stdout)["dependencies"]
    except (subprocess.TimeoutExpired, ValueError, KeyError):
        return []
    return found


def answered(packages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The packages that the service knows."""
    return [package for package in packages if "vulns" in package]


def report(packages: list[dict[str, Any]]) -> tuple[list[str], int]:
    """What is to be said of a service's answer, and the exit code."""
    known = answered(packages)
    if not known:
        return ["audit: no service could be asked, so nothing is known of any package"], 2
    lines = [
        f"{package['name']} {package['version']}: {flaw['id']}, "
        + (f"fixed in {', '.join(flaw['fix_versions'])}" if flaw["fix_versions"] else "no fix yet")
        for package in known
        for flaw in package["vulns"]
    ]
    unknown = [package["name"] for package in packages if package not in known]
    if unknown:
        lines.append(f"audit: nothing is known of {', '.join(unknown)}")
    found = sum(len(package["vulns"]) for package in known)
    flaws = plural(found, "known vulnerability", "known vulnerabilities")
    lines.append(f"audit: {plural(len(known), 'package')} asked about, {flaws}")
    return lines, 1 if found else 2 if unknown else 0


def main() -> int:
    """Asks, prints what was found, and gives the exit code."""
    packages: list[dict[str, Any]] = []
    for service in SERVICES:
        packages = ask(service)
        if answered(packages):
            break
    lines, code = report(packages)
    print(*lines, sep="\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
