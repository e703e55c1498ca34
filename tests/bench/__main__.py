"""`make bench`: what stands between Twilio and the backend, compared in one run; then the fold, counting,
and recording many calls at once.
A full run writes the tables into docs/performance.md. `ONLY='paced storm'` makes these alone and
writes nothing.

Absolute figures drift from machine to machine and hour to hour; the ratios within one run are what counts.
"""

import argparse
import os
import platform
import re
import subprocess
from importlib.metadata import version
from pathlib import Path

from tests.bench import big_times, counting, fold, recording
from tests.bench.comparison import MEASUREMENTS, compare, tables

PAGE = Path(__file__).parent.parent.parent / "docs/performance.md"
BEGIN, END = "<!-- written by make bench -->\n", "<!-- end of what make bench writes -->\n"
OTHERS = {"fold": fold.report, "counting": counting.report, "recording": recording.report}
CONSOLE = "console"


def machine() -> str:
    """What it was measured on, in a sentence."""
    model = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    peers = {name: subprocess.run([name, "-v"], capture_output=True, text=True) for name in ("nginx", "haproxy")}
    versions = {name: re.search(r"\d+\.\d+", done.stdout + done.stderr) for name, done in peers.items()}
    return (
        f"Measured on {model[1] if model else platform.machine()}, {os.cpu_count()} processors, "
        f"Linux {'.'.join(platform.release().split('.')[:2])}, Python {platform.python_version()}, "
        f"uvloop {version('uvloop')}, "
        + ", ".join(f"{name} {found[0] if found else ''}" for name, found in versions.items())
        + "."
    )


def write(report: str) -> None:
    """Puts the report in its place in the page."""
    before, _, rest = PAGE.read_text("utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    PAGE.write_text(f"{before}{BEGIN}\n{report}\n\n{END}{after}", "utf-8")


def main() -> None:
    names = (*MEASUREMENTS, *OTHERS, CONSOLE)
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("only", nargs="*", help=f"of {', '.join(names)}; without, all but {CONSOLE}")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--calls", type=int, default=1_000_000, help="sessions in the console's database")
    options = parser.parse_args()
    unknown = set(options.only) - set(names)
    if unknown:
        parser.error(f"{', '.join(sorted(unknown))}: one of {', '.join(names)} is expected")
    wanted = options.only or (*MEASUREMENTS, *OTHERS)
    parts = [machine()]
    if results := compare([name for name in MEASUREMENTS if name in wanted], options.rounds):
        parts.append(tables(results))
    parts += [report() for name, report in OTHERS.items() if name in wanted]
    if CONSOLE in wanted:
        parts.append(big_times.report(options.calls))
    report = "\n\n".join(parts)
    print(f"\n{report}")
    if not options.only:
        write(report)
        print(f"\nwritten into {PAGE.relative_to(PAGE.parent.parent)}")


if __name__ == "__main__":
    main()
