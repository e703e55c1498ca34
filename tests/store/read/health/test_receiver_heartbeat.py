"""Reports of receivers are told from those of recorders, and the other way round."""

from sqlalchemy import Engine

from relayproxy.store.read.health.heartbeat import Heartbeat, HeartbeatWriter, recorded_until, reports
from relayproxy.store.read.health.receiver_heartbeat import PassedOn, ReceiverHeartbeat, receiver_reports
from relayproxy.store.read.queries import Queries

TOLD = ReceiverHeartbeat("http://127.0.0.1:4318", "1", "host", 1, 5, kept=3, passed_on=PassedOn(("http://c:4318",)))
RECORDER = Heartbeat(version="1", host="host", pid=1, started_at=1, data_dir="/data")


def test_each_is_read_as_what_it_is(engine: Engine, queries: Queries) -> None:
    writer = HeartbeatWriter(engine)
    writer.write("receiver-host-4318", TOLD, at=7)
    writer.write("receiver-of-another-version", RECORDER, at=8)
    writer.write("recorder", RECORDER, at=9)

    assert [(one.process, one.at, one.heartbeat) for one in receiver_reports(queries)] == [
        ("receiver-host-4318", 7, TOLD)
    ]
    assert [one.process for one in reports(queries)] == ["recorder", "receiver-of-another-version"]


def test_a_receiver_says_nothing_of_what_is_recorded(engine: Engine) -> None:
    HeartbeatWriter(engine).write("receiver-host-4318", TOLD, at=7)

    with engine.connect() as db:
        assert recorded_until(db) == 2**63 - 1
