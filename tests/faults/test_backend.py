"""What a backend can do wrong: the bytes at both ends, what is recorded and shown, what operators see."""

import socket
from typing import Any

import pytest

from tests import wire
from tests.faults.harness import System, answer, close, peer_of, prompt, reset, setup, text, token
from tests.patience import PATIENCE
from tests.wire import ANSWER, REQUEST


def closes(messages: list[dict[str, Any]]) -> list[tuple[str, int, str | None]]:
    return [(one["from"], one["code"], one["reason"]) for one in messages if one["kind"] == "close"]


UNREACHABLE = [
    ("gone", 502, "no connection with the backend (Connection refused)"),
    ("full", 504, "the backend did not answer within 0.5 s (the setting connect_timeout)"),
    ("silent", 504, "the backend did not answer within 0.5 s (the setting connect_timeout)"),
    ("nowhere", 502, "the backend's host name could not be resolved"),
    ("expired", 502, "the backend's certificate was not accepted (certificate has expired)"),
    ("misnamed", 502, "the backend's certificate was not accepted (Hostname mismatch"),
    ("unknown", 502, "the backend's certificate was not accepted (unable to get local issuer certificate)"),
]


@pytest.mark.parametrize(("route", "status", "words"), UNREACHABLE, ids=[route for route, _, _ in UNREACHABLE])
def test_a_backend_that_cannot_be_reached(route: str, status: int, words: str, weather: System) -> None:
    told, body, peer = weather.refused(route)
    assert told == status
    assert words in body

    session = weather.recorded(peer)
    assert session["route"] == route
    assert session["connection"]["status"] == status
    assert words in session["connection"]["error"]
    reached = session["connection"]["dial"] and session["connection"]["dial"]["connect_ms"] is not None
    assert bool(reached) == (route == "silent"), "the phase in which it failed"
    assert (session["outcome"], session["live"], session["totals"]["messages"]) == ("backend_connect_failed", False, 0)
    assert weather.messages(session) == []
    assert words.split("(")[0].strip() in weather.shown(session)

    weather.log(f"route {route}: {words.split('(')[0]}")


OTHER_ANSWERS = [
    (b"HTTP/1.1 403 Forbidden\r\nSet-Cookie: id=Bearer-swordfish\r\nContent-Length: 2\r\n", b"no", 2),
    (b"HTTP/1.1 500 Oh\r\nContent-Length: 2097152\r\n", b"x" * 2097152, 1048576),
    (b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/?key=swordfish\r\nContent-Length: 0\r\n", b"", 0),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n", b"hello", 5),
]


@pytest.mark.parametrize(("head", "body", "passed_on"), OTHER_ANSWERS, ids=["403", "500", "302", "200"])
def test_a_backend_that_answers_something_else(head: bytes, body: bytes, passed_on: int, weather: System) -> None:
    with weather.dial() as twilio:
        peer = peer_of(twilio)
        backend, _ = weather.accept()
        with backend:
            backend.settimeout(0.5)
            try:
                backend.sendall(head + b"\r\n" + body)
            except (TimeoutError, ConnectionError):
                assert len(body) > 1 << 20, "no more than 1 MiB of a body is read"
            got = wire.receive_head(twilio)
            assert got == head + b"Connection: close\r\n\r\n"
            assert wire.receive(twilio, 1 << 22) == body[:passed_on]
    weather.is_not_dialled()

    session = weather.recorded(peer)
    status = int(head.split()[1])
    assert (session["outcome"], session["connection"]["status"]) == ("backend_connect_failed", status)
    assert f"the backend answered {status}" in session["connection"]["error"]
    assert "swordfish" not in str(session)
    assert f"{status}" in weather.shown(session)

    weather.log(f"route default: the backend answered {status}")
    weather.is_quiet("swordfish")


def test_an_answer_whose_key_is_wrong_is_left_for_twilio_to_judge(weather: System) -> None:
    wrong = ANSWER.replace(b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", b"AAAAAAAAAAAAAAAAAAAAAAAAAAA=")
    with weather.call(head=wrong) as call:
        call.twilio.close()
        assert wire.how_it_ends(call.backend) == "eof"

    session = weather.recorded(call.peer)
    assert session["connection"]["status"] == 101
    assert ["Sec-WebSocket-Accept", "AAAAAAAAAAAAAAAAAAAAAAAAAAA="] in session["connection"]["response_headers"]
    assert session["connection"]["ending"]["first"] == "twilio"
    assert session["end_reason"] in weather.shown(session)


@pytest.mark.parametrize(("code", "reason"), [(1000, b""), (1001, b"going away"), (1011, b"boom"), (4000, b"mine")])
def test_a_backend_that_closes_with_a_code(code: int, reason: bytes, weather: System) -> None:
    with weather.call() as call:
        call.says(text(setup()))
        call.hears(close(code, reason))
        call.says(close(code, mask=True))
        call.backend.shutdown(socket.SHUT_WR)
        assert wire.how_it_ends(call.twilio) == "eof"
        call.twilio.close()
        assert wire.how_it_ends(call.backend) == "eof"

    session = weather.recorded(call.peer)
    assert closes(weather.messages(session)) == [("backend", code, reason.decode()), ("twilio", code, "")]
    assert session["connection"]["ending"]["first"] == "backend"
    assert session["ended_by"] == "backend"
    assert f"{code}" in session["end_reason"]
    assert f"{code}" in weather.shown(session)


def test_a_backend_that_answers_and_closes_in_one_packet_loses_nothing(weather: System) -> None:
    said = answer(token("Good day.")) + answer(token("")) + close(1000, b"done")
    with weather.dial() as twilio:
        peer = peer_of(twilio)
        backend, _ = weather.accept()
        with backend:
            backend.sendall(ANSWER + said)
            backend.shutdown(socket.SHUT_WR)
            assert wire.receive_head(twilio) == ANSWER
            assert wire.receive(twilio, len(said)) == said
            assert wire.how_it_ends(twilio) == "eof"

    session = weather.recorded(peer)
    messages = weather.messages(session)
    assert [one["type"] for one in messages] == ["text", "text", "close"]
    assert closes(messages) == [("backend", 1000, "done")]
    assert "Good day." in weather.shown(session)


@pytest.mark.parametrize("how", ["eof", "reset"])
def test_a_backend_that_vanishes_in_the_middle_of_a_frame(how: str, weather: System) -> None:
    half = answer(token("I was about to say"))[:20]
    with weather.call() as call:
        call.says(text(setup()) + text(prompt("hello?")))
        call.hears(half)
        if how == "eof":
            call.backend.close()
        else:
            reset(call.backend)
        assert wire.how_it_ends(call.twilio) == how

    session = weather.recorded(call.peer)
    ending = session["connection"]["ending"]
    assert (ending["first"], ending["backend"], ending["backend_bytes"]) == ("backend", how, len(half))
    last = weather.messages(session)[-1]
    assert (last["from"], last["note"]) == ("backend", "incomplete")
    assert session["ended_by"] == "backend"
    assert session["end_reason"] in weather.shown(session)


def test_a_backend_that_has_said_all_still_hears(weather: System) -> None:
    with weather.call() as call:
        call.hears(answer(token("I am done.")))
        call.backend.shutdown(socket.SHUT_WR)
        assert wire.how_it_ends(call.twilio) == "eof"
        call.says(text(setup()) + text(prompt("one more thing")))
        call.twilio.close()
        assert wire.how_it_ends(call.backend) == "eof"

    session = weather.recorded(call.peer)
    ending = session["connection"]["ending"]
    assert (ending["first"], ending["backend"], ending["twilio"]) == ("backend", "eof", "eof")
    assert ending["backend_t_ms"] < ending["twilio_t_ms"]
    assert [one["type"] for one in weather.messages(session)] == ["text", "setup", "prompt"]
    assert "one more thing" in weather.shown(session)


def test_a_backend_that_freezes_keeps_its_call_and_the_caller_is_shown_to_wait(weather: System) -> None:
    with weather.call() as call:
        call.says(text(setup()) + text(prompt("is anybody there")))
        session = weather.recorded(call.peer, ended=False, messages=2)
        assert session["live"]
        assert session["waiting"]["turn"] == session["turns"][-1]["number"]
        assert "is anybody there" in weather.shown(session)
        assert weather.ready()["live_calls"] == 1
        call.hears(answer(token("I am back.")))
        call.hangs_up()

    session = weather.recorded(call.peer)
    assert session["turns"][-1]["response_latency_ms"] is not None
    assert session["totals"]["unanswered"] == 0


def test_a_backend_that_restarts_keeps_its_calls_and_gets_new_ones(weather: System) -> None:
    with weather.call() as old:
        old.says(text(setup()))
        port = weather.backend.getsockname()[1]
        weather.backend.close()
        with weather.dial() as refused:
            between = peer_of(refused)
            assert wire.receive_head(refused).startswith(b"HTTP/1.1 502 ")
        weather.backend = socket.create_server(("127.0.0.1", port))
        weather.backend.settimeout(PATIENCE)
        with weather.call() as new:
            new.says(text(setup()))
            new.hangs_up()
        old.says(text(prompt("still here")))
        old.hangs_up()

    assert weather.recorded(between)["outcome"] == "backend_connect_failed"
    assert weather.messages(weather.recorded(new.peer))[0]["type"] == "setup"
    assert "still here" in weather.shown(weather.recorded(old.peer))
    weather.log("route default: no connection with the backend")


def test_a_redirect_is_never_followed_with_twilios_signature(weather: System) -> None:
    with wire.listening() as (elsewhere, port):
        with weather.dial() as twilio:
            peer = peer_of(twilio)
            backend, head = weather.accept()
            assert b"X-Twilio-Signature" in head
            location = f"ws://127.0.0.1:{port}/elsewhere"
            with backend:
                backend.sendall(f"HTTP/1.1 307 Go\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode())
                assert wire.receive_head(twilio).startswith(b"HTTP/1.1 307 Go\r\nLocation: " + location.encode())
        elsewhere.settimeout(0.05)
        with pytest.raises(TimeoutError):
            elsewhere.accept()

    session = weather.recorded(peer)
    assert ["Location", location] in session["connection"]["response_headers"]
    weather.log("route default: the backend answered 307")
    assert REQUEST.split(b"X-Twilio-Signature: ")[1].split(b"\r\n")[0].decode() not in str(session)
