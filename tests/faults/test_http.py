"""What a public port gets besides calls: each is answered or closed, reaches no backend, is counted and not stored."""

from typing import Any

import pytest

from tests import wire
from tests.faults.harness import System, peer_of, prompt, setup, text, until
from tests.patience import PATIENCE
from tests.wire import REQUEST

HOST = b"Host: phone.example.net"
SECRET = b"Bearer-swordfish"


def with_line(line: bytes) -> bytes:
    return REQUEST.replace(b"\r\n\r\n", b"\r\n" + line + b"\r\n\r\n")


def to(target: bytes, method: bytes = b"GET") -> bytes:
    return REQUEST.replace(b"GET /relay/fixture?b=2&a=%7e1", method + b" " + target)


REFUSED: dict[str, tuple[bytes, int, str]] = {
    "a header of 70 KiB": (with_line(b"Cookie: " + SECRET + b"x" * 70_000), 431, "too_long"),
    "2,000 headers": (with_line(b"\r\n".join(b"X-%d: %s" % (at, SECRET) for at in range(2000))), 431, "too_long"),
    "a request line of 70 KiB": (to(b"/" + b"x" * 70_000), 414, "too_long"),
    "Content-Length and Transfer-Encoding": (
        with_line(b"Content-Length: 3\r\nTransfer-Encoding: chunked"),
        400,
        "not_http",
    ),
    "Host twice": (REQUEST.replace(HOST, HOST + b"\r\nHost: " + SECRET), 400, "not_http"),
    "a header folded over two lines": (with_line(b"X-Folded: a\r\n b"), 400, "not_http"),
    "NUL in a header": (with_line(b"X-Null: a\0" + SECRET), 400, "not_http"),
    "an upgrade with a body": (with_line(b"Content-Length: 3"), 400, "body"),
    "an upgrade in chunks": (with_line(b"Transfer-Encoding: chunked"), 400, "body"),
    "CONNECT": (to(b"169.254.169.254:80", b"CONNECT"), 400, "target"),
    "TRACE": (to(b"/x", b"TRACE"), 426, "method"),
    "POST": (to(b"/x", b"POST"), 426, "method"),
    "HTTP/2's preface": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, "not_http"),
    "TLS on a plain port": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400, "not_http"),
    "garbage": (b"\x00\xff" + SECRET + b"\r\n\r\n", 400, "not_http"),
}


def asked(weather: System, request: bytes) -> int:
    """The status of the answer; everything is read until the relay closes."""
    with wire.connect(weather.relay.port) as end:
        end.sendall(request)
        head = wire.receive_head(end)
        while end.recv(65536):
            pass
    return int(head.split()[1])


@pytest.fixture(scope="module")
def answered(weather: System) -> dict[str, tuple[int, dict[str, Any]]]:
    """The status of each, and what Health counts once all were asked."""

    def counts() -> dict[str, int]:
        tallies = weather.get("/api/health")["refused"]
        return {f"{one['reason']}": sum(o["count"] for o in tallies if o["reason"] == one["reason"]) for one in tallies}

    before = counts()
    with weather.call() as live:
        live.says(text(setup()))
        statuses = {name: asked(weather, request) for name, (request, _, _) in REFUSED.items()}
        live.says(text(prompt("all the while")))
        live.hangs_up()
    assert weather.recorded(live.peer)["totals"]["messages"] == 2
    expected = dict(before)
    for _, _, reason in REFUSED.values():
        expected[reason] = expected.get(reason, 0) + 1
    until(lambda: all(counts().get(reason, 0) >= number for reason, number in expected.items()), PATIENCE)
    found = counts()
    return {name: (status, found) for name, status in statuses.items()} | {"expected": (0, expected)}


@pytest.mark.parametrize("name", REFUSED)
def test_a_request_that_is_no_call(name: str, weather: System, answered: dict[str, tuple[int, dict[str, Any]]]) -> None:
    _, status, reason = REFUSED[name]
    assert answered[name][0] == status
    weather.is_not_dialled()

    assert reason in answered[name][1], "counted"
    assert answered[name][1][reason] == answered["expected"][1][reason], "once each"

    weather.is_quiet(SECRET.decode())
    assert "Traceback" not in weather.relay.log.read_text()


def test_requests_that_are_no_call_make_no_session(
    weather: System, answered: dict[str, tuple[int, dict[str, Any]]]
) -> None:
    targets = [
        one["target"]
        for session in weather.get("/api/sessions?limit=200")["items"]
        for one in weather.get(f"/api/sessions/{session['id']}")["connections"]
    ]
    assert all(len(target) < 1000 for target in targets)
    assert SECRET.decode() not in str(targets)
    page = weather.get("/connect")
    assert SECRET.decode() not in page
    assert "HTTP" in page


def test_line_feeds_alone_end_no_line(weather: System) -> None:
    assert asked(weather, REQUEST.replace(b"\r\n", b"\n") + b"\r\n\r\n") == 400
    weather.is_not_dialled()


@pytest.mark.parametrize(
    ("target", "arrives"),
    [
        (b"/../../etc/passwd", b"/../../etc/passwd"),
        (b"/%2e%2e/%2e%2e/x", b"/%2e%2e/%2e%2e/x"),
        (b"//evil.example/x", b"//evil.example/x"),
        (b"/%00", b"/%00"),
        (b"/?target=ws://169.254.169.254/latest", b"/?target=ws://169.254.169.254/latest"),
        (b"http://169.254.169.254/latest", b"/latest"),
    ],
)
def test_no_target_chooses_where_a_call_goes(target: bytes, arrives: bytes, weather: System) -> None:
    with weather.dial(to(target)) as twilio:
        peer = peer_of(twilio)
        backend, head = weather.accept()
        with backend:
            assert head.startswith(b"GET " + arrives + b" HTTP/1.1\r\n")
            backend.sendall(wire.ANSWER)
            assert wire.receive_head(twilio) == wire.ANSWER
    connection = weather.recorded(peer)["connection"]
    assert connection["backend"].startswith(f"ws://127.0.0.1:{weather.backend.getsockname()[1]}/")
    assert connection["status"] == 101


def test_what_strangers_claim_of_themselves_is_stored_and_not_believed(weather: System) -> None:
    claimed = with_line(b"X-Forwarded-For: 203.0.113.9\r\nForwarded: for=203.0.113.9").replace(
        b"phone.example.net", b"evil.example"
    )
    with weather.call(claimed) as call:
        call.hangs_up()
    connection = weather.recorded(call.peer)["connection"]
    assert connection["peer"] == call.peer
    assert ["X-Forwarded-For", "203.0.113.9"] in connection["request_headers"]
    assert connection["backend"].startswith("ws://127.0.0.1:")
