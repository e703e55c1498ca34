"""What happens to our own processes: killed, frozen, out of room, asked too much."""

import os
import random
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path
from signal import SIGCONT, SIGKILL, SIGSTOP

from tests import wire
from tests.faults.harness import System, answer, peer_of, prompt, reset, setup, system, text, token, until
from tests.running import running

SEGMENT = 65_536
QUOTA = 1 << 20
"""The least that both may be."""


def test_a_relay_that_is_killed_costs_its_calls_alone(weather: System) -> None:
    port = weather.backend.getsockname()[1]
    with (
        running("relay", data_dir=weather.folder, listen="127.0.0.1:0", backend=f"ws://127.0.0.1:{port}") as relay,
        weather.call() as other,
    ):
        own = System(relay, weather.recorder, weather.console, weather.backend, weather.folder)
        with own.call() as call:
            call.says(text(setup()) + text(prompt("cut off")))
            own.recorded(call.peer, ended=False, messages=2)
            assert relay.stop(SIGKILL) == -SIGKILL
            assert wire.how_it_ends(call.twilio) in ("eof", "reset")
            assert wire.how_it_ends(call.backend) in ("eof", "reset")
        session = own.recorded(call.peer)
        other.says(text(setup()))
        other.hangs_up()

    assert session["connection"]["ending"]["cause"] == "relay_died"
    assert (session["live"], session["outcome"]) == (False, "unknown")
    assert session["end_reason"] in weather.shown(session)
    assert "cut off" in weather.shown(session)
    spared = weather.recorded(other.peer)
    assert spared["outcome"] == "caller_hangup", (spared["end_reason"], other.peer, call.peer, spared["connection"])
    assert weather.check("relay")["state"] == "ok"


def test_a_relay_that_is_killed_as_a_call_begins_still_shows_that_there_was_one(weather: System) -> None:
    def kept(peer: str) -> bool:
        return any(peer.encode() in file.read_bytes() for file in weather.folder.glob("journal/*/*"))

    port = weather.backend.getsockname()[1]
    with running("relay", data_dir=weather.folder, listen="127.0.0.1:0", backend=f"ws://127.0.0.1:{port}") as relay:
        own = System(relay, weather.recorder, weather.console, weather.backend, weather.folder)
        with own.call() as call:
            # A thread writes it at once; not a byte of the call itself is there.
            until(lambda: kept(call.peer))
            assert relay.stop(SIGKILL) == -SIGKILL
            assert wire.how_it_ends(call.twilio) in ("eof", "reset")
        session = own.recorded(call.peer)
        assert session["connection"]["ending"]["cause"] == "relay_died"
        assert session["end_reason"] in weather.shown(session)


def test_what_a_frozen_recorder_has_no_room_for_is_a_gap_of_exactly_that_size(tmp_path: Path) -> None:
    frames = [text(setup())]
    frames += [text(prompt(f"sentence {number} " + "and so on " * 200)) for number in range(900)]
    with system(tmp_path, journal_segment=SEGMENT, journal_quota=QUOTA) as found:
        found.recorder.signal(SIGSTOP)
        try:
            with found.call() as call:
                for one in frames:
                    call.says(one)
                until(lambda: found.ready()["journal"] == "quota")
                assert found.ready()["status"] == "degraded"
                call.hangs_up()
        finally:
            found.recorder.signal(SIGCONT)
        session = found.recorded(call.peer)
        messages = found.messages(session)
        gaps = [one for one in messages if one["kind"] == "gap" and one["from"] == "twilio"]
        kept = [one for one in messages if one["kind"] == "text"]
        heads = 2 + 2 + 4  # of a masked frame of less than 64 KiB
        close = 33
        lost = sum(one["size"] for one in gaps)
        assert {one["note"] for one in gaps} == {"quota"}
        sent = sum(map(len, frames)) + close
        stored = sum(one["size"] + heads for one in kept) + (close if messages[-2]["kind"] == "close" else 0)
        assert session["connection"]["ending"]["twilio_bytes"] == sent
        assert lost + stored + sum(one["size"] for one in messages if one["kind"] == "undecodable") == sent
        assert "gap" in found.shown(session)
        found.log("the journal has reached its quota of 1048576 bytes")
        until(lambda: found.ready()["journal"] == "ok")
        until(lambda: found.check("gaps")["state"] == "warn")


def test_many_slow_readers_of_the_console_hold_up_neither_calls_nor_their_record(weather: System) -> None:
    with ThreadPoolExecutor(50) as readers, weather.call() as call:
        asked = [readers.submit(weather.get, f"/api/sessions?q=w%2Aword{number}&limit=200") for number in range(50)]
        call.says(text(setup()) + text(prompt("in the middle of it")))
        session = weather.recorded(call.peer, ended=False, messages=2)
        call.hangs_up()
        assert [one.result()["items"] for one in asked] == [[]] * 50
    assert "in the middle of it" in weather.shown(session)
    assert weather.check("database")["state"] == "ok"


def test_however_two_ends_go_both_are_closed_and_one_end_is_recorded(weather: System) -> None:
    def descriptors() -> int:
        return len(os.listdir(f"/proc/{weather.relay.process.pid}/fd"))

    def leave(end: socket.socket, how: str) -> None:
        with suppress(OSError):  # it is over already
            if how == "reset":
                reset(end)
            elif how == "half":
                end.shutdown(socket.SHUT_WR)
            else:
                end.close()

    with weather.call() as call:
        call.hangs_up()
    weather.recorded(call.peer)
    before, chance, peers = descriptors(), random.Random(10), []
    for _ in range(24):
        with ExitStack() as ends:
            twilio = ends.enter_context(weather.dial())
            peers.append(peer_of(twilio))
            backend = ends.enter_context(weather.accept()[0])
            answered = chance.random() < 0.8
            if answered:
                backend.sendall(wire.ANSWER + answer(token("hello"))[: chance.randrange(20)])
                twilio.sendall(text(prompt("bye"))[: chance.randrange(20)])
            both = [twilio, backend]
            chance.shuffle(both)
            together = [
                threading.Thread(target=leave, args=(end, chance.choice(["reset", "half", "close"]))) for end in both
            ]
            for one in together:
                one.start()
            for one in together:
                one.join()
    for peer in peers:
        connection = weather.recorded(peer)["connection"]
        assert connection["ending"] is not None
    until(lambda: descriptors() <= before)
    assert weather.ready()["live_calls"] == 0
    assert "Traceback" not in weather.relay.log.read_text()
