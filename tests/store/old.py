"""A database as an earlier version left it."""

from alembic import command
from sqlalchemy import inspect, text

from relayproxy.store.engine import open_engine, writing
from relayproxy.store.schema.migrate import alembic_config


def leave_old(url: str) -> None:
    """Makes one of revision 0002, with one session in it."""
    engine, config = open_engine(url), alembic_config()
    with writing(engine).begin() as db:
        config.attributes["connection"] = db
        command.upgrade(config, "0002")
        columns = [column for column in inspect(db).get_columns("sessions") if not column["nullable"]]
        values = {column["name"]: "{}" if str(column["type"]) == "TEXT" else 1 for column in columns}
        names = ", ".join(values)
        db.execute(text(f"INSERT INTO sessions ({names}) VALUES (:{names.replace(', ', ', :')})"), values)
    engine.dispose()
