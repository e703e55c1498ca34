"""Database section of the health page.

Knows: from where on it is slow, and for how long what has happened to it matters.
Must not know: how the facts are gathered; HTML; SQL.
"""

from relayproxy.console.health.diagnosis.health_facts import SECOND, HealthCheck, HealthFacts, age
from relayproxy.console.http.times import size, utc
from relayproxy.plural import plural
from relayproxy.store.quarantine import MovedDatabase
from relayproxy.store.read.health.heartbeat import COUNTED

SLOW_ANSWER = 500
"""Milliseconds in which a database should have answered."""
RECENT = 5 * 60
"""Seconds for which an error of the database is worth telling after it is over."""
MOVED = 24 * 3600
"""Seconds for which a damaged database that was moved aside is worth a warning."""


def check(facts: HealthFacts) -> HealthCheck:
    """The check of the database: its answer, its latest error, and files that were moved aside."""
    found = facts.database
    if found is None:
        return HealthCheck(
            "database",
            "bad",
            "The database cannot be read",
            facts.database_problem or "",
            "Calls go on and are kept in the journal. See to the database; everything else follows by itself. In the "
            "place of a file that is missing or damaged `relayproxy serve` makes a new one, a few seconds after it "
            f"went.{_kept(facts)}",
        )
    wal = "" if found.wal is None else f" and {size(found.wal)} of write-ahead log"
    sessions = f"more than {COUNTED:,} sessions" if found.sessions > COUNTED else plural(found.sessions, "session")
    detail = f"{sessions}, {size(found.size)}{wal}, schema {found.schema}"
    for report in facts.working:
        at, trouble = report.heartbeat.trouble_at, report.heartbeat.trouble
        if at is not None and trouble and facts.now - at < RECENT * SECOND:
            return HealthCheck(
                "database",
                "warn",
                f"The database failed the recorder {age((facts.now - at) / SECOND)} ago",
                f"{trouble}. It answers again; what came meanwhile is in the journal, and is stored from there.",
                "If this comes back, see to the database's disk and to what else uses it.",
            )
    answered = f"{found.answer_ms:.1f} ms" if found.answer_ms < 10 else f"{found.answer_ms:,.0f} ms"
    if found.answer_ms > SLOW_ANSWER:
        return HealthCheck(
            "database",
            "warn",
            f"The database took {answered} to answer",
            detail,
            "Pages are slow until it is faster: see what else uses its disk and processor.",
        )
    if moved := _moved(facts):
        first = moved[0]
        others = f" So were {plural(len(moved) - 1, 'other')} within that time." if len(moved) > 1 else ""
        return HealthCheck(
            "database",
            "warn",
            f"A damaged database was moved aside {_ago(facts, first)} ago",
            f"It is {first.path} ({size(first.bytes)}), moved at {utc(first.at)}; nothing of it was deleted.{others} "
            f"Recording goes on in a new one, where earlier calls are missing. {detail}.",
            "See whether its disk is well, and what else writes to that folder. Keep the file as long as its calls may "
            f"be needed: `sqlite3 {first.path} .recover` gives what can still be read as SQL. Else delete it.",
        )
    return HealthCheck("database", "ok", f"{found.kind} answers in {answered}", detail)


def _moved(facts: HealthFacts) -> list[MovedDatabase]:
    return [one for one in facts.aside if facts.now - one.at < MOVED * SECOND]


def _kept(facts: HealthFacts) -> str:
    moved = _moved(facts)
    return f" A damaged one was moved to {moved[0].path} {_ago(facts, moved[0])} ago." if moved else ""


def _ago(facts: HealthFacts, moved: MovedDatabase) -> str:
    return age(max(0, facts.now - moved.at) / SECOND)
