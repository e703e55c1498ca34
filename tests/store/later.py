"""A later version of relayproxy: the same with one more migration."""

import shutil
from pathlib import Path

import pytest

from relayproxy.assets import migrations_dir
from relayproxy.store.schema import migrate as migrations
from relayproxy.store.schema import revisions

REVISION = """
from alembic import op

revision = "{number}"
down_revision = "{before}"
branch_labels = None
depends_on = None
additive = {additive}


def upgrade() -> None:
    op.execute("{statement}")
"""


def become_later(monkeypatch: pytest.MonkeyPatch, folder: Path, statement: str, *, additive: bool) -> str:
    """From now on this process is that of the next version, whose migration is this statement; again, of the one
    after it. Gives its revision."""
    earlier = max(folder.glob("[0-9]" * 4), default=migrations_dir())
    before = max(file.name[:4] for file in (earlier / "versions").glob("[0-9]*_*.py"))
    number = f"{int(before) + 1:04}"
    shutil.copytree(earlier, folder / number)
    file = folder / number / "versions" / f"{number}_later.py"
    file.write_text(REVISION.format(number=number, before=before, additive=additive, statement=statement))
    for module in (migrations, revisions):
        monkeypatch.setattr(module, "migrations_dir", lambda: folder / number)
    revisions.revisions.cache_clear()
    return number


def become_present(monkeypatch: pytest.MonkeyPatch) -> None:
    """This process is that of this version again."""
    for module in (migrations, revisions):
        monkeypatch.setattr(module, "migrations_dir", migrations_dir)
    revisions.revisions.cache_clear()
