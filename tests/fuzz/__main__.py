"""`make fuzz`: a coverage-guided fuzzer (atheris) on every target in turn, within one budget of time.

Knows: how atheris is run, one target a process, and what it leaves behind.
Must not know: what a target does.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.fuzz.seeds import SEEDS
from tests.fuzz.targets import TARGETS

FAILURES = Path(".fuzz")
"""Where inputs that broke a target are kept."""


def child(name: str, arguments: list[str]) -> None:
    """Fuzzes one target in this process until libFuzzer's own options say that it is enough."""
    import atheris  # type: ignore[import-untyped,import-not-found,unused-ignore]  # only there where `make fuzz` has installed it

    with atheris.instrument_imports(include=["relayproxy"]):
        for module in [name for name in sys.modules if name.startswith(("relayproxy", "tests"))]:
            del sys.modules[module]
        from tests.fuzz.targets import TARGETS as instrumented

    atheris.Setup([sys.argv[0], *arguments], instrumented[name])
    atheris.Fuzz()


def fuzz(name: str, seconds: float) -> tuple[int, int, float]:
    """Fuzzes one target; the number of inputs, the number that broke it, and the seconds that it took."""
    FAILURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as corpus:
        for number, seed in enumerate(SEEDS[name]):
            Path(corpus, str(number)).write_bytes(seed)
        prefix = FAILURES / f"{name}-"
        began = time.monotonic()
        done = subprocess.run(
            [
                *(sys.executable, "-m", "tests.fuzz", "--child", name, corpus),
                *(f"-max_total_time={max(1, int(seconds))}", "-timeout=30", "-rss_limit_mb=2048", "-max_len=4096"),
                *(f"-artifact_prefix={prefix}", "-print_final_stats=1"),
            ],
            capture_output=True,
            text=True,
            errors="replace",
            env={**os.environ, "PYTHONHASHSEED": "0"},
        )
    counts = re.findall(r"(?:stat::number_of_executed_units: *|^#)(\d+)", done.stderr, re.M)
    broken = done.returncode != 0
    if broken:
        print(done.stdout[-3000:] + done.stderr[-3000:], flush=True)
    return max(map(int, counts), default=0), int(broken), time.monotonic() - began


def main() -> int:
    """1 when an input broke a target; it is kept in `.fuzz`."""
    if sys.argv[1:2] == ["--child"]:
        child(sys.argv[2], sys.argv[3:])
        return 0
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30, help="for all targets together")
    parser.add_argument("targets", nargs="*", choices=[*TARGETS, []], help="these alone")
    arguments = parser.parse_args()
    names = arguments.targets or list(TARGETS)
    each, failed = arguments.minutes * 60 / len(names), 0
    for name in names:
        runs, broken, took = fuzz(name, each)
        failed += broken
        print(
            f"{name}: {runs:,} inputs in {took / 60:.1f} minutes, {'BROKEN' if broken else 'none broke it'}", flush=True
        )
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
