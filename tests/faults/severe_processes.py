"""Faults of processes, clocks and networks that take long or need root or other programs: `make faults` runs them."""

import os
import re
import socket
import sqlite3
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from signal import SIGCONT, SIGSTOP, SIGTERM

from tests import wire
from tests.faults.harness import System, answer, prompt, setup, system, text, token, until
from tests.faults.severe_storage import slowest_exchange
from tests.patience import PATIENCE
from tests.running import Running, running
from tests.system.test_faults import nothing_is_missing_after_kills
from tests.wire import ANSWER, REQUEST

CALLS = 400


def test_a_twilio_that_has_gone_and_a_backend_that_never_notices(tmp_path: Path) -> None:
    with system(tmp_path) as weather, weather.call() as call:
        call.says(text(setup()))
        call.twilio.shutdown(socket.SHUT_WR)
        assert wire.how_it_ends(call.backend) == "eof"
        began = time.monotonic()
        call.backend.settimeout(60)
        call.twilio.settimeout(60)
        ends = [wire.how_it_ends(end) for end in (call.backend, call.twilio)]
        assert 25 < time.monotonic() - began < 45
        assert "reset" in ends or ends == ["eof", "eof"]
        session = weather.recorded(call.peer)
        assert session["connection"]["ending"]["first"] == "twilio"
        assert weather.ready()["live_calls"] == 0


def test_a_backend_that_moves_to_another_address(tmp_path: Path) -> None:
    hosts = tmp_path / "hosts"
    mounted = ("unshare", "--mount", "sh", "-c", f'mount --bind {hosts} /etc/hosts; exec "$@"', "sh")
    with ExitStack() as held:
        port = 0
        ends = []
        for address in ("127.0.0.7", "127.0.0.8"):
            ends.append(held.enter_context(socket.create_server((address, port))))
            port = ends[-1].getsockname()[1]
            ends[-1].settimeout(PATIENCE)
        hosts.write_text("127.0.0.7 agent.test\n")
        weather = held.enter_context(system(tmp_path / "data", wrapper=mounted, backend=f"ws://agent.test:{port}"))

        def reaches(listener: socket.socket) -> str | None:
            with weather.dial() as twilio:
                listener.settimeout(0.5)
                try:
                    there = listener.accept()[0]
                except TimeoutError:
                    return None
                with there:
                    wire.receive_head(there)
                    there.sendall(ANSWER)
                    assert wire.receive_head(twilio) == ANSWER
                    return "{}:{}".format(*twilio.getsockname()[:2])

        assert reaches(ends[0])
        hosts.write_text("127.0.0.8 agent.test\n")
        ends[0].close()
        peer = until(lambda: reaches(ends[1]), 30)
        assert weather.recorded(peer)["connection"]["status"] == 101


async def test_a_recorder_killed_fifty_times_neither_loses_nor_doubles_a_message(tmp_path: Path) -> None:
    await nothing_is_missing_after_kills(50, tmp_path)


@contextmanager
def cgroup(controller: str, **limits: str) -> Iterator[Path]:
    """A control group (version 1) with these limits."""
    folder = Path("/sys/fs/cgroup", controller, f"relayproxy-{os.getpid()}")
    folder.mkdir()
    try:
        for name, value in limits.items():
            (folder / name.replace("__", ".")).write_text(value)
        yield folder
    finally:
        for pid in (folder / "cgroup.procs").read_text().split():
            with suppress(OSError):
                (folder.parent / "cgroup.procs").write_text(pid)
        until(lambda: not folder.exists() or _gone(folder), 20)


def _gone(folder: Path) -> bool:
    with suppress(OSError):
        folder.rmdir()
    return not folder.exists()


def test_a_fifth_of_a_processor_for_all_of_it(tmp_path: Path) -> None:
    with (
        cgroup("cpu", cpu__cfs_period_us="100000", cpu__cfs_quota_us="20000") as group,
        system(tmp_path) as weather,
    ):
        for process in (weather.relay, weather.recorder):
            (group / "cgroup.procs").write_text(str(process.process.pid))
        peers: list[str] = []

        def hold() -> None:
            with weather.call() as call:
                peers.append(call.peer)
                call.says(text(setup()))
                for at in range(100):
                    call.says(text(prompt(f"question {at}")))
                    call.hears(answer(token(f"answer {at}")))
                call.hangs_up()

        for _ in range(5):
            hold()
        for peer in peers:
            assert weather.recorded(peer)["totals"]["messages"] == 201
        until(lambda: weather.check("lag")["state"] == "ok")
        assert weather.ready()["journal"] == "ok"


def test_little_memory_and_readers_who_do_not_read(tmp_path: Path) -> None:
    """200 MB for the relay, and 30 calls whose one end floods while the other does not read."""
    with (
        cgroup("memory", memory__limit_in_bytes=str(200 << 20)) as group,
        system(tmp_path, connect_timeout=PATIENCE) as weather,
    ):
        (group / "cgroup.procs").write_text(str(weather.relay.process.pid))
        with ExitStack() as calls:
            held = [calls.enter_context(weather.call()) for _ in range(30)]
            for call in held:
                call.backend.setblocking(False)
                with suppress(BlockingIOError):
                    for _ in range(1000):
                        call.backend.send(b"\x82\x7f" + (1 << 16).to_bytes(8, "big") + bytes(1 << 16))
            with weather.call() as other:
                other.says(text(setup()) + text(prompt("all the while")))
                other.hangs_up()
        assert "all the while" in weather.shown(weather.recorded(other.peer))
        assert weather.relay.process.poll() is None
        assert weather.ready()["live_calls"] == 0 or until(lambda: weather.ready()["live_calls"] == 0)


def test_a_clock_that_is_set_forward_and_back(tmp_path: Path) -> None:
    stamp = tmp_path / "clock"
    stamp.write_text("+0")
    library = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
    wrapper = (
        "env", f"LD_PRELOAD={library}", f"FAKETIME_TIMESTAMP_FILE={stamp}", "FAKETIME_NO_CACHE=1",
        "FAKETIME_DONT_FAKE_MONOTONIC=1",
    )  # fmt: skip
    with system(tmp_path / "data", wrapper=wrapper) as weather:
        weather._dialled = Always()
        with weather.call() as call:
            call.says(text(setup()))
            for at, shift in enumerate(("+3600", "-3600", "+0")):
                stamp.write_text(shift)
                call.says(text(prompt(f"question {at}")))
                call.hears(answer(token(f"answer {at}")))
            call.hangs_up()
        session = weather.recorded(call.peer)
        messages = weather.messages(session)
        assert [one["seq"] for one in messages] == list(range(9))
        assert [one["t_ms"] for one in messages] == sorted(one["t_ms"] for one in messages)
        assert 0 <= session["duration_ms"] < 60_000
        assert all((turn["response_latency_ms"] or 0) >= 0 for turn in session["turns"])
        for shift in ("+3600", "-3600"):
            stamp.write_text(shift)
            with weather.call() as call:
                call.says(text(setup()) + text(prompt("what time is it")))
                call.hangs_up()
            assert 0 <= weather.recorded(call.peer)["duration_ms"] < 60_000


class Always(dict[str, int]):
    """Every peer, since ever: by which clock one connected is not known."""

    def __missing__(self, key: str) -> int:
        return 0

    def __getitem__(self, key: str) -> int:
        return 0


def test_hundreds_of_calls_while_the_recorder_stands_still(tmp_path: Path) -> None:
    with system(tmp_path, journal_quota=1 << 20, journal_segment=1 << 19) as weather:
        weather.recorder.signal(SIGSTOP)
        # Not by peer: a port that is free again is used again.
        sent = 0
        try:
            for number in range(CALLS):
                with weather.call() as call:
                    frames = [text(setup()), text(prompt(f"call {number} " + "x" * 4000))]
                    for frame in frames:
                        call.says(frame)
                    call.hangs_up()
                sent += sum(map(len, frames)) + 33
            assert weather.ready()["journal"] == "quota"
        finally:
            weather.recorder.signal(SIGCONT)
        until(lambda: _ended(weather) == CALLS, 120)
        received = stored = lost = 0
        page = "/api/sessions?limit=200"
        while page:
            listed = weather.get(page)
            for row in listed["items"]:
                session = weather.get(f"/api/sessions/{row['id']}")
                session["connection"] = session["connections"][0]
                received += session["connection"]["ending"]["twilio_bytes"]
                for one in weather.messages(session):
                    if one["from"] == "twilio" and one["kind"] == "gap":
                        lost += one["size"]
                    elif one["from"] == "twilio":
                        stored += one["size"] + (6 if one["size"] < 126 else 8)
            page = f"/api/sessions?limit=200&before={listed['next']}" if listed["next"] else ""
        assert received == sent
        assert lost
        assert stored + lost == received, "what was sent is stored or counted as lost"
        until(lambda: weather.check("gaps")["state"] == "warn")


def _ended(weather: System) -> int:
    with sqlite3.connect(f"file:{weather.folder / 'relayproxy.db'}?mode=ro", uri=True, timeout=10) as database:
        (count,) = database.execute("SELECT count(*) FROM sessions WHERE ended_at IS NOT NULL").fetchone()
    database.close()
    return int(count)


def test_one_relay_after_the_other_is_replaced_behind_haproxy(tmp_path: Path) -> None:
    with ExitStack() as held:
        backend, port = held.enter_context(wire.listening())
        backend.listen(200)
        ports = [held.enter_context(wire.listening()) for _ in range(3)]
        front, one, two = (found[1] for found in ports)
        for listener, _ in ports:
            listener.close()

        def relay(at: int, name: str) -> Running:
            settings = {"listen": f"127.0.0.1:{at}", "backend": f"ws://127.0.0.1:{port}", "drain_delay": 3.0}
            return held.enter_context(running("relay", data_dir=tmp_path / name, drain_timeout=60, **settings))

        first = relay(one, "a")
        relay(two, "b")
        config = tmp_path / "haproxy.cfg"
        config.write_text(
            "defaults\n mode tcp\n timeout connect 2s\n timeout client 1m\n timeout server 1m\n retries 3\n"
            f" option redispatch\nfrontend f\n bind 127.0.0.1:{front}\n default_backend b\nbackend b\n"
            " option httpchk GET /.relayproxy/readyz\n"
            f" server a 127.0.0.1:{one} check inter 300ms fall 2\n server b 127.0.0.1:{two} check inter 300ms fall 2\n"
        )
        proxy = subprocess.Popen(["haproxy", "-f", str(config), "-db"], stderr=subprocess.DEVNULL)
        held.callback(proxy.wait, 30)
        held.callback(proxy.terminate)
        over = threading.Event()

        def answer_all() -> None:
            backend.settimeout(0.2)
            while not over.is_set():
                try:
                    end = backend.accept()[0]
                except TimeoutError:
                    continue
                held.callback(end.close)
                end.settimeout(PATIENCE)
                wire.receive_head(end)
                end.sendall(ANSWER)

        answering = threading.Thread(target=answer_all)
        answering.start()
        try:
            until(lambda: _answers(front), 20)
            lasting = [held.enter_context(wire.connect(front)) for _ in range(10)]
            for twilio in lasting:
                twilio.sendall(REQUEST)
                assert wire.receive_head(twilio) == ANSWER
            first.signal(SIGTERM)
            failed = 0
            until_then = time.monotonic() + 8
            calls = 0
            while time.monotonic() < until_then:
                calls += 1
                with wire.connect(front) as twilio:
                    twilio.sendall(REQUEST)
                    failed += wire.receive_head(twilio) != ANSWER
                time.sleep(0.01)
            assert (failed, calls > 200) == (0, True)
            for twilio in lasting:
                twilio.sendall(b"\x81\x00")
                twilio.settimeout(0.05)
                with suppress(TimeoutError):
                    assert twilio.recv(1), "a call that lives stays"
                twilio.close()
        finally:
            over.set()
            answering.join()
        assert first.wait() == 0
        assert re.search("readyz says draining", first.log.read_text())


def _answers(port: int) -> bool:
    with suppress(OSError), wire.connect(port) as twilio:
        twilio.sendall(REQUEST)
        return wire.receive_head(twilio) == ANSWER
    return False


def test_five_thousand_connections_that_say_nothing(tmp_path: Path) -> None:
    with system(tmp_path) as weather, ExitStack() as silent:
        for _ in range(5000):
            end = silent.enter_context(socket.socket())
            end.setblocking(False)
            end.connect_ex(("127.0.0.1", weather.relay.port))
        assert slowest_exchange(weather, 20) < 5
        peer = list(weather._dialled)[-1]
        assert weather.recorded(peer)["totals"]["messages"] == 41
        assert _ended(weather) == 1
