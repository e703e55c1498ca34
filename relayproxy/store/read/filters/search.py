"""Full-text search over what was said in turns.

Knows: how each database indexes words, and is asked for words and phrases.
Must not know: sessions' other columns; who asks.

A word ends with `*` when only its beginning is given. Case and, on SQLite, accents do not matter, and `ß` is `ss`.
What is searched for in a script that puts no spaces between words is found wherever it stands, by its bigrams.
"""

import re
import string
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, Literal

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Select,
    Text,
    and_,
    case,
    cast,
    func,
    literal,
    literal_column,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import TSQUERY
from sqlalchemy.sql.expression import column, table

from relayproxy.store.schema.bigrams import find, is_spaceless, sought
from relayproxy.store.schema.tables import turns

INDEXED = (2, 3)
"""Lengths of words' beginnings that SQLite's index has, as `schema` makes it."""
MAX_HITS = 3
"""Turns that are shown of one session."""
NEWEST = 2_000
"""Turns with words that many have: sessions whose turns are all as new as these are looked up among theirs."""
_OPEN, _CLOSE = "\x02", "\x03"
_WORD = re.compile(r"[^\W_]+")
_SPELLED = re.compile(r"ß|ss|s(?=\*$)", re.IGNORECASE)
_MAX_SPELLINGS = 4
"""Places of a word that are tried with `ß` and with `ss`."""
_AROUND = 30
"""Characters that are shown on either side of what was found in a text itself."""
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
    spaceless, listed = _parted(wanted)
    inside = _contains_bigrams(spaceless, dialect) if spaceless else []
    if dialect == "sqlite" and listed:
        found = _fts()
        return (
            select(turns.c.id, turns.c.session)
            .select_from(found.join(turns, turns.c.id == found.c.rowid))
            .where(_matches(listed), *inside)
        )
    return select(turns.c.id, turns.c.session).where(*([_contains(listed)] if listed else []), *inside)


def _parted(words: list[str]) -> tuple[list[str], list[str]]:
    """Those that are found by their bigrams, and those that are words of an index."""
    return [word for word in words if is_spaceless(word)], [word for word in words if not is_spaceless(word)]


def _contains_bigrams(words: list[str], dialect: str) -> list[ColumnElement[bool]]:
    every = [sought(word) for word in words]
    if dialect == "sqlite":
        phrases = (f'"{pairs}"{" *" * _ends_open(pairs)}' for pairs in every)
        matches = text("turns_bigrams MATCH :fts_bigrams").bindparams(fts_bigrams=" AND ".join(phrases))
        return [turns.c.id.in_(select(column("rowid")).select_from(table("turns_bigrams")).where(matches))]
    # The index knows of no order.
    lexemes = {f"'{pair}'{':*' * (len(pair) == 1)}" for pairs in every for pair in pairs.split()}
    indexed = func.array_to_tsvector(func.string_to_array(turns.c.bigrams, literal_column("' '")))
    asked = cast(literal(" & ".join(sorted(lexemes)), Text), TSQUERY)
    return [turns.c.bigrams != literal_column("''"), indexed.op("@@")(asked), *_read_bigrams(words, dialect)]


def _read_bigrams(words: list[str], dialect: str) -> list[ColumnElement[bool]]:
    """The same of one turn after the other, without an index."""
    place = func.instr if dialect == "sqlite" else func.strpos
    return [place(turns.c.bigrams, sought(word)) > 0 for word in words]


def _ends_open(pairs: str) -> bool:
    return len(pairs.split()[-1]) == 1


def ids(words: Iterable[str], dialect: str) -> Select[Any]:
    """As `said`, but for the ids alone, of which some can be counted without a look at the turns."""
    wanted = [word for word in words if _WORD.search(word)]
    if dialect == "sqlite" and wanted and not _parted(wanted)[0]:
        return select(_fts().c.rowid).where(_matches(wanted))
    return said(words, dialect).with_only_columns(turns.c.id)


def said_by_turn(session: ColumnElement[str], words: Iterable[str], dialect: str) -> ColumnElement[bool]:
    """A condition that words were said in that session, whose turns are read one by one."""
    wanted = [word for word in words if _WORD.search(word)]
    spaceless, listed = _parted(wanted)
    there = [*([_read(listed)] if listed else []), *(_read_bigrams(spaceless, dialect) if spaceless else [])]
    # An offset, or PostgreSQL would make a join of it, and look up all who said it.
    here = select(turns.c.id).where(turns.c.session == session, *(there or [literal(False)])).offset(0)
    return here.exists()


def said_in(session: ColumnElement[str], words: Iterable[str], db: Connection) -> ColumnElement[bool]:
    """A condition that words that many turns have were said in that session. On SQLite turns are read one by one, of
    sessions that are older than the newest ones with these words."""
    dialect = db.dialect.name
    spaceless, listed = _parted([word for word in words if _WORD.search(word)])
    there = _read_bigrams(spaceless, dialect) if spaceless else []
    if dialect == "sqlite" and listed and not all(map(_is_indexed, listed)):
        # All turns with such a beginning would be gathered anew for each turn: once is enough.
        every = select(_fts().c.rowid).where(_matches(listed))
        return select(turns.c.id).where(turns.c.session == session, turns.c.id.in_(every), *there).exists()
    if not listed:
        return select(turns.c.id).where(turns.c.session == session, *(there or [literal(False)])).exists()
    one_by_one = said(listed, dialect).where(turns.c.session == session, *there).exists()
    if dialect != "sqlite" or spaceless:
        return one_by_one
    rowid: ColumnElement[int] = literal_column("turns_fts.rowid")
    newest = ids(listed, dialect).order_by(rowid.desc())
    floor = db.execute(newest.offset(NEWEST - 1).limit(1)).scalar_one_or_none()
    if floor is None:
        return one_by_one
    its = turns.alias().c
    first = select(func.min(its.id)).where(its.session == session).scalar_subquery()
    among = said(listed, dialect).with_only_columns(turns.c.session).where(rowid >= floor)
    return case((first >= floor, session.in_(among)), else_=one_by_one)


def _is_indexed(word: str) -> bool:
    """True for whole words, and for beginnings of two and three characters."""
    return not word.endswith("*") or len(word.rstrip("*")) in INDEXED


def hits(db: Connection, words: Sequence[str], sessions: Sequence[str]) -> dict[str, tuple[Hit, ...]]:
    """By session the first turns of these sessions in which the words were said, at most `MAX_HITS` of each."""
    wanted = [word for word in words if _WORD.search(word)]
    if not wanted or not sessions:
        return {}
    spaceless = _parted(wanted)[0]
    if spaceless:
        return _hits_inside(db, wanted, spaceless, sessions)
    shown = _first_ids(db, wanted, sessions)
    if not shown:
        return {}
    found: dict[str, list[Hit]] = {}
    for session, number, caller, agent in db.execute(_snippets(db.dialect.name, wanted, shown)):
        who: Literal["caller", "agent"] = "caller" if _OPEN in caller else "agent"
        hit = Hit(number, who, _parts(caller if who == "caller" else agent))
        found.setdefault(session, []).append(hit)
    return {session: tuple(listed) for session, listed in found.items()}


def _first_ids(db: Connection, words: list[str], sessions: Sequence[str]) -> list[int]:
    """The turns that are shown. Snippets are made of these alone: a long call may have thousands."""
    spans = select(turns.c.session, func.min(turns.c.id).label("first"), func.max(turns.c.id).label("last"))
    each = spans.where(turns.c.session.in_(sessions)).group_by(turns.c.session).cte("each")
    place = func.row_number().over(partition_by=turns.c.session, order_by=turns.c.number).label("place")
    if db.dialect.name == "sqlite":
        # Outer joins are read from the left: the index of words is asked once for each session, and only for turns
        # between its first and its last one.
        within = and_(_fts().c.rowid.between(each.c.first, each.c.last), _matches(words))
        its = and_(turns.c.id == _fts().c.rowid, turns.c.session == each.c.session)
        query = select(turns.c.id, place).select_from(each.outerjoin(_fts(), within).outerjoin(turns, its))
    else:
        query = select(turns.c.id, place).where(turns.c.session.in_(sessions), _read(words))
    listed = query.subquery()
    found = db.execute(select(listed.c.id).where(listed.c.place <= MAX_HITS)).scalars()
    return [id for id in found if id is not None]


def _hits_inside(
    db: Connection, words: list[str], spaceless: list[str], sessions: Sequence[str]
) -> dict[str, tuple[Hit, ...]]:
    here = select(turns.c.id).where(turns.c.session.in_(sessions), *_read_bigrams(spaceless, db.dialect.name))
    columns = (turns.c.session, turns.c.number, turns.c.caller_text, turns.c.agent_text)
    query = select(*columns).where(turns.c.id.in_(here)).order_by(turns.c.session, turns.c.number)
    if listed := _parted(words)[1]:
        query = query.where(turns.c.id.in_(select(said(listed, db.dialect.name).subquery().c.id)))
    found: dict[str, list[Hit]] = {}
    for session, number, caller, agent in db.execute(query):
        shown = found.setdefault(session, [])
        if len(shown) < MAX_HITS and (hit := _hit_inside(number, caller, agent, spaceless)):
            shown.append(hit)
    return {session: tuple(shown) for session, shown in found.items()}


def _hit_inside(number: int, caller: str, agent: str, spaceless: list[str]) -> Hit | None:
    sides: tuple[tuple[Literal["caller", "agent"], str], ...] = (("caller", caller), ("agent", agent))
    for (who, words), word in product(sides, spaceless):
        if place := find(word, words):
            start, end = max(0, place[0] - _AROUND), place[1] + _AROUND
            before = "…" * (start > 0) + words[start : place[0]]
            after = words[place[1] : end] + "…" * (end < len(words))
            parts = ((before, False), (words[slice(*place)], True), (after, False))
            return Hit(number, who, tuple(part for part in parts if part[0]))
    return None


def _spellings(word: str) -> list[str]:
    """The word with `ß` and with `ss`, in every way."""
    found = [""]
    at = 0
    for place, match in enumerate(_SPELLED.finditer(word)):
        # A beginning may end in the middle of it.
        forms = ("s" if match[0] in "sS" else "ss", "ß") if place < _MAX_SPELLINGS else (match[0],)
        found = [begun + word[at : match.start()] + form for begun in found for form in forms]
        at = match.end()
    return [begun + word[at:] for begun in found]


def _snippets(dialect: str, words: list[str], ids: Sequence[int]) -> Select[Any]:
    """Of these turns, which have the words, in order."""
    order = (turns.c.session, turns.c.number)
    if dialect == "sqlite":
        found = _fts()
        shown = [func.snippet(literal_name("turns_fts"), at, _OPEN, _CLOSE, "…", 16) for at in (0, 1)]
        return (
            select(turns.c.session, turns.c.number, *shown)
            # An outer join is read from the left: else every turn with the words would be gone through.
            .select_from(turns.outerjoin(found, and_(found.c.rowid == turns.c.id, _matches(words))))
            .where(turns.c.id.in_(ids))
            .order_by(*order)
        )
    options = f"StartSel={_OPEN}, StopSel={_CLOSE}, MaxWords=24, MinWords=12, ShortWord=0"
    query = _tsquery(words)
    shown = [
        func.ts_headline("simple", func.left(each, 50000), query, options)
        for each in (turns.c.caller_text, turns.c.agent_text)
    ]
    return select(turns.c.session, turns.c.number, *shown).where(turns.c.id.in_(ids)).order_by(*order)


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
    return f"({' OR '.join(map(_fts_spelling, _spellings(word)))})"


def _fts_spelling(word: str) -> str:
    begins = word.endswith("*")
    quoted = '"' + word.rstrip("*").replace('"', '""') + '"'
    return f"{quoted}*" if begins else quoted


def _contains(words: list[str]) -> ColumnElement[bool]:
    return column("said", _selectable=turns).op("@@")(_tsquery(words))


def _read(words: list[str]) -> ColumnElement[bool]:
    """The same of one turn after the other: the index, which knows of no sessions, would be asked anew for each."""
    return func.coalesce(_contains(words), literal(False))


def _tsquery(words: list[str]) -> ColumnElement[Any]:
    return _joined([_joined([_tsquery_of(one) for one in _spellings(word)], "||") for word in words], "&&")


def _joined(parts: list[ColumnElement[Any]], by: str) -> ColumnElement[Any]:
    whole = parts[0]
    for part in parts[1:]:
        whole = whole.op(by)(part)
    return whole.self_group()


def _tsquery_of(word: str) -> ColumnElement[Any]:
    # As the column was made: see `schema`.
    plain = word.translate(_TO_SPACES)
    if not word.endswith("*"):
        return func.phraseto_tsquery("simple", plain)
    *whole_words, beginning = plain.split()
    every = [f"'{part}'" for part in whole_words] + [f"'{beginning}':*"]
    return func.to_tsquery("simple", " <-> ".join(every))
