"""Finding turns by what was said in them.

Knows: how each database indexes words, and is asked for words and phrases.
Must not know: sessions' other columns; who asks.

A word ends with `*` when only its beginning is given. Case and, on SQLite, accents do not matter.
"""

import re
import string
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, FromClause, Select, func, literal, select, text
from sqlalchemy.sql.expression import column, table

from relayproxy.store.schema import turns

INDEXED = (2, 3)
"""Lengths of words' beginnings that SQLite's index has, as `schema` makes it."""
MOST_HITS = 3
"""Turns that are shown of one session."""
_OPEN, _CLOSE = "\x02", "\x03"
_WORD = re.compile(r"[^\W_]+")
_TO_SPACES = str.maketrans(dict.fromkeys(string.punctuation, " "))


@dataclass(frozen=True, slots=True)
class Hit:
    """Where in a session the words were said. `parts` are pieces of the text around them, and whether each is a
    match."""

    turn: int
    who: Literal["caller", "agent"]
    parts: tuple[tuple[str, bool], ...]


def said(words: Iterable[str], dialect: str) -> Select[Any]:
    """A query for (id, session) of the turns in which all these words and phrases were said; of none for words
    without a letter or digit."""
    wanted = [word for word in words if _WORD.search(word)]
    if not wanted:
        return select(turns.c.id, turns.c.session).where(literal(False))
    if dialect == "sqlite":
        found = _fts()
        return (
            select(turns.c.id, turns.c.session)
            .select_from(found.join(turns, turns.c.id == found.c.rowid))
            .where(_matches(wanted))
        )
    return select(turns.c.id, turns.c.session).where(_contains(wanted))


def said_in(session: ColumnElement[str], words: Iterable[str], dialect: str) -> ColumnElement[bool]:
    """Whether they were said in that session; looks at its turns one by one."""
    wanted = [word for word in words if _WORD.search(word)]
    if dialect == "sqlite" and wanted and not all(map(_is_indexed, wanted)):
        # All turns with such a beginning would be gathered anew for each turn: once is enough.
        every = select(_fts().c.rowid).where(_matches(wanted))
        return select(turns.c.id).where(turns.c.session == session, turns.c.id.in_(every)).exists()
    return said(wanted, dialect).where(turns.c.session == session).exists()


def _is_indexed(word: str) -> bool:
    """Whole words are, and beginnings of two and three characters."""
    return not word.endswith("*") or len(word.rstrip("*")) in INDEXED


def hits(db: Connection, words: Sequence[str], sessions: Sequence[str]) -> dict[str, tuple[Hit, ...]]:
    """By session the first turns of these sessions in which the words were said, at most `MOST_HITS` of each."""
    wanted = [word for word in words if _WORD.search(word)]
    if not wanted or not sessions:
        return {}
    found: dict[str, list[Hit]] = {}
    for session, number, caller, agent in db.execute(_snippets(db.dialect.name, wanted, sessions)):
        listed = found.setdefault(session, [])
        if len(listed) < MOST_HITS:
            who: Literal["caller", "agent"] = "caller" if _OPEN in caller else "agent"
            listed.append(Hit(number, who, _parts(caller if who == "caller" else agent)))
    return {session: tuple(listed) for session, listed in found.items()}


def _snippets(dialect: str, words: list[str], sessions: Sequence[str]) -> Select[Any]:
    order = (turns.c.session, turns.c.number)
    if dialect == "sqlite":
        found = _fts()
        ids = select(turns.c.id).where(turns.c.session.in_(sessions))
        shown = [func.snippet(literal_name("turns_fts"), at, _OPEN, _CLOSE, "…", 16) for at in (0, 1)]
        return (
            select(turns.c.session, turns.c.number, *shown)
            .select_from(found.join(turns, turns.c.id == found.c.rowid))
            .where(_matches(words), found.c.rowid.in_(ids))
            .order_by(*order)
        )
    options = f"StartSel={_OPEN}, StopSel={_CLOSE}, MaxWords=24, MinWords=12, ShortWord=0"
    query = _tsquery(words)
    shown = [
        func.ts_headline("simple", func.left(each, 50000), query, options)
        for each in (turns.c.caller_text, turns.c.agent_text)
    ]
    return (
        select(turns.c.session, turns.c.number, *shown)
        .where(turns.c.session.in_(sessions), _contains(words))
        .order_by(*order)
    )


def _parts(shown: str) -> tuple[tuple[str, bool], ...]:
    found: list[tuple[str, bool]] = []
    for at, piece in enumerate(shown.split(_OPEN)):
        hit, closed, rest = piece.partition(_CLOSE) if at else ("", "", piece)
        if closed:
            found.append((hit, True))
        found.append((rest if closed or not at else piece, False))
    return tuple((piece, hit) for piece, hit in found if piece)


def literal_name(name: str) -> ColumnElement[Any]:
    """A name as SQLite's full-text functions want it: as if it were a column."""
    return text(name)  # type: ignore[return-value]


def _fts() -> FromClause:
    return table("turns_fts", column("rowid"))


def _matches(words: list[str]) -> ColumnElement[bool]:
    return text("turns_fts MATCH :fts_query").bindparams(fts_query=" AND ".join(map(_fts_phrase, words)))  # type: ignore[return-value]


def _fts_phrase(word: str) -> str:
    begins = word.endswith("*")
    quoted = '"' + word.rstrip("*").replace('"', '""') + '"'
    return f"{quoted}*" if begins else quoted


def _contains(words: list[str]) -> ColumnElement[bool]:
    return column("said", _selectable=turns).op("@@")(_tsquery(words))


def _tsquery(words: list[str]) -> ColumnElement[Any]:
    parts: list[ColumnElement[Any]] = []
    for word in words:
        # As the column was made: see `schema`.
        plain = word.translate(_TO_SPACES)
        if word.endswith("*"):
            *whole_words, beginning = plain.split()
            every = [f"'{part}'" for part in whole_words] + [f"'{beginning}':*"]
            parts.append(func.to_tsquery("simple", " <-> ".join(every)))
        else:
            parts.append(func.phraseto_tsquery("simple", plain))
    whole = parts[0]
    for part in parts[1:]:
        whole = whole.op("&&")(part)
    return whole
