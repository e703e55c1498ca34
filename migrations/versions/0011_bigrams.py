"""What was said in scripts without spaces between words, indexed by pairs of characters.

Knows: the column, the indexes and the triggers that revision 0011 adds, and how what is stored gets its pairs.
Must not know: what later revisions make of them.
"""

import sqlalchemy as sa
from alembic import op

from relayproxy.store.schema.bigrams import bigrams

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

AT_ONCE = 2_000
COLUMN = "ALTER TABLE turns ADD COLUMN bigrams TEXT DEFAULT '' NOT NULL"
SQLITE = (
    "CREATE VIRTUAL TABLE turns_bigrams USING fts5(bigrams, content='turns', content_rowid='id', tokenize='ascii')",
    "CREATE TRIGGER turns_bigrams_insert AFTER INSERT ON turns WHEN new.bigrams != '' BEGIN "
    "INSERT INTO turns_bigrams(rowid, bigrams) VALUES (new.id, new.bigrams); END",
    "CREATE TRIGGER turns_bigrams_delete AFTER DELETE ON turns WHEN old.bigrams != '' BEGIN "
    "INSERT INTO turns_bigrams(turns_bigrams, rowid, bigrams) VALUES ('delete', old.id, old.bigrams); END",
    "CREATE TRIGGER turns_bigrams_update AFTER UPDATE OF bigrams ON turns WHEN old.bigrams != new.bigrams BEGIN "
    "INSERT INTO turns_bigrams(turns_bigrams, rowid, bigrams) "
    "SELECT 'delete', old.id, old.bigrams WHERE old.bigrams != ''; "
    "INSERT INTO turns_bigrams(rowid, bigrams) SELECT new.id, new.bigrams WHERE new.bigrams != ''; END",
)
POSTGRESQL = (
    "CREATE INDEX ix_turns_bigrams ON turns USING gin (array_to_tsvector(string_to_array(bigrams, ' '))) "
    "WHERE bigrams != ''"
)
READ = "SELECT id, caller_text, agent_text FROM turns WHERE id > :last ORDER BY id LIMIT :n"


def upgrade() -> None:
    op.execute(COLUMN)
    sqlite = op.get_bind().dialect.name == "sqlite"
    if sqlite:
        for statement in SQLITE:
            op.execute(statement)
    _fill()
    if not sqlite:
        op.execute(POSTGRESQL)


def downgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        for name in ("insert", "delete", "update"):
            op.execute(f"DROP TRIGGER turns_bigrams_{name}")
        op.execute("DROP TABLE turns_bigrams")
    else:
        op.execute("DROP INDEX ix_turns_bigrams")
    op.drop_column("turns", "bigrams")


def _fill() -> None:
    db = op.get_bind()
    last = -1
    while turns := db.execute(sa.text(READ), {"last": last, "n": AT_ONCE}).all():
        found = [{"turn": id, "pairs": pairs} for id, *texts in turns if (pairs := bigrams(*texts))]
        if found:
            db.execute(sa.text("UPDATE turns SET bigrams = :pairs WHERE id = :turn"), found)
        last = turns[-1][0]
