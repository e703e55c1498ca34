"""Asset folders: paths of templates, static files and migrations, installed or in the source tree.

Knows: that `web/` and `migrations/` sit inside the package in a wheel and beside it in a checkout.
Must not know: what is in them.
"""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def _locate(name: str) -> Path:
    inside = _PACKAGE / name
    return inside if inside.is_dir() else _PACKAGE.parent / name


def web_dir() -> Path:
    """The folder with `templates/` and `static/`."""
    return _locate("web")


def migrations_dir() -> Path:
    """The Alembic script folder (`env.py`, `versions/`)."""
    return _locate("migrations")
