"""The load generator `generator.cpp`: compiles it, and runs one measurement.

Knows: its command line and its answer; the other programs that a comparison needs.
Must not know: what stands between its two ends, and what is compared.
"""

import os
import shutil
import subprocess
from pathlib import Path

import msgspec

from tests.bench.subjects import Subject, Tls

SOURCE = Path(__file__).with_name("generator.cpp")
PROGRAMS = ("g++", "nginx", "haproxy")
"""What a comparison needs besides Python and libssl-dev; Debian's packages have the same names."""


class Measured(msgspec.Struct):
    """What the generator tells of one measurement: times in microseconds, memory in KiB, by process where it is of the
    others. `own_share` is the part of its processor that it took itself."""

    seconds: float
    messages: int
    p50: float
    p99: float
    p999: float
    handshakes: int
    handshake_p99: float
    spent: dict[int, float]
    grown: dict[int, int]
    own_share: float


class Generator:
    """The generator, compiled in `folder`; its processes stay on the processors `cores`. Raises SystemExit, with what
    to install, when a program is missing."""

    def __init__(self, folder: Path, cores: set[int]) -> None:
        missing = [program for program in PROGRAMS if not shutil.which(program)]
        if missing:
            raise SystemExit(f"make bench needs {', '.join(missing)}: apt-get install {' '.join(missing)} libssl-dev")
        self._program = folder / "generator"
        self._cores = cores
        command = ["g++", "-O2", "-std=c++17", "-o", str(self._program), str(SOURCE), "-lssl", "-lcrypto"]
        compiled = subprocess.run(command, capture_output=True, text=True)
        if compiled.returncode:
            raise SystemExit(
                "the load generator could not be compiled: apt-get install g++ libssl-dev, and see\n"
                f"{compiled.stderr[:2000]}"
            )

    def measure(self, mode: str, subject: Subject, backend: int, tls: Tls | None, **options: float) -> Measured:
        """One measurement of what listens on the subject's port. Raises SystemExit when a call could not be made."""
        command = [
            str(self._program),
            mode,
            *(part for name, value in options.items() for part in (f"--{name}", str(value))),
            *("--backend", str(backend), "--port", str(subject.port)),
            *(("--tls", str(tls.chain), "--key", str(tls.chain)) if tls else ()),
            *(("--pids", ",".join(map(str, subject.pids))) if subject.pids else ()),
        ]
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=300,
            preexec_fn=lambda: os.sched_setaffinity(0, self._cores),
        )
        if done.returncode:
            raise SystemExit(f"{subject.name}: {done.stderr.strip()}")
        return msgspec.json.decode(done.stdout, type=Measured, strict=False)
