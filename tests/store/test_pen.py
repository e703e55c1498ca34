"""What people write is durable, and nothing is made where there is nothing."""

from pathlib import Path

import pytest
from sqlalchemy import Engine, insert, select

from relayproxy.store.engine import open_engine
from relayproxy.store.errors import NotReady
from relayproxy.store.pen import Pen
from relayproxy.store.schema import notes


def test_a_transaction_is_whole_or_not_at_all(engine: Engine) -> None:
    pen = Pen(engine)
    note = {"session": "a", "at": 1, "author": "ada", "text": "look at this"}
    with pen.writing() as db:
        db.execute(insert(notes), note)
    with pytest.raises(KeyError), pen.writing() as db:
        db.execute(insert(notes), note)
        raise KeyError
    with engine.connect() as db:
        assert [row.text for row in db.execute(select(notes))] == ["look at this"]


def test_without_a_database_there_is_none_afterwards(tmp_path: Path) -> None:
    pen = Pen(open_engine(f"sqlite:///{tmp_path}/data/relayproxy.db"))
    with pytest.raises(NotReady, match="relayproxy migrate"), pen.writing():
        pass
    pen.close()
    assert not (tmp_path / "data").exists()
