"""What lasts of a row is written once, what changes again and again."""

from dataclasses import replace

from sqlalchemy import Engine, event, select

from relayproxy.store.schema import tables
from relayproxy.store.schema.rows import SessionRow
from relayproxy.store.write.live_rows import LiveRows
from tests.store.build import session


def test_what_lasts_of_a_row_is_written_once(engine: Engine) -> None:
    statements: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda *args: statements.append(args[2].split()[0]))
    rows = LiveRows(engine.dialect.name, tables.sessions, SessionRow, ("messages", "detail"), "revision")
    c = tables.sessions.c

    def written(*given: SessionRow) -> tuple[list[str], list[tuple[object, ...]]]:
        with engine.begin() as db:
            statements.clear()
            rows.write(db, given)
            ways = [*statements]
            found = db.execute(select(c.id, c.messages, c.ended_at, c.revision).order_by(c.id)).all()
        return ways, [tuple(row) for row in found]

    one, other = session("a", messages=1), session("b", messages=1)
    assert written(one, other) == (["INSERT"], [("a", 1, None, 1), ("b", 1, None, 1)])
    one = replace(one, messages=2)
    assert written(one) == (["UPDATE"], [("a", 2, None, 2), ("b", 1, None, 1)])
    one, other = replace(one, messages=3, ended_at=9), replace(other, messages=2)
    assert written(one, other) == (["INSERT", "UPDATE"], [("a", 3, 9, 3), ("b", 2, None, 2)])
    rows.forget(["b"])
    assert written(replace(one, messages=4), other)[0] == ["INSERT", "UPDATE"]
    rows.forget()
    assert written(one, other) == (["INSERT"], [("a", 3, 9, 5), ("b", 2, None, 4)])
    assert written() == ([], [("a", 3, 9, 5), ("b", 2, None, 4)])
