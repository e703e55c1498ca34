"""Signatures that hold at a backend directly hold through the relay, set up as the README says."""

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from relayproxy.connection import Opening, SignatureCheck
from relayproxy.journal.format import EntryKind
from relayproxy.signature import HEADERS, SignedForm, sign
from tests import wire
from tests.patience import PATIENCE
from tests.peers.tac_backend import running_tac
from tests.peers.uvicorn_backend import AUTH_TOKEN, running_uvicorn
from tests.relay.raw import ask, is_not_dialled, journal
from tests.running import Running, running
from tests.system.stack import stack, until

PUBLIC = "wss://phone.example.net"
FRONT = b"X-Forwarded-Proto: https\r\nX-Forwarded-Host: phone.example.net\r\n"


def asked(target: str, signature: str, front: bytes = FRONT) -> bytes:
    """An upgrade request as Twilio sends it, behind a TLS front end that says so."""
    head = wire.REQUEST.replace(b"/relay/fixture?b=2&a=%7e1", target.encode())
    return head.replace(b"c2lnbmF0dXJl", signature.encode()).replace(b"User-Agent: ", front + b"User-Agent: ")


def status(port: int, request: bytes) -> int:
    with wire.connect(port) as sock:
        sock.settimeout(PATIENCE)
        sock.sendall(request)
        return int(wire.receive_head(sock).split(b" ")[1])


@pytest.fixture(scope="module")
def uvicorn() -> Iterator[int]:
    with running_uvicorn() as port:
        yield port


@pytest.fixture(scope="module")
def tac() -> Iterator[int]:
    with running_tac() as url:
        yield int(url.rpartition(":")[2].partition("/")[0])


@pytest.mark.parametrize("settings", [{"public_url": PUBLIC}, {}], ids=["public_url", "front-end"])
@pytest.mark.parametrize("target", ["/ws", "/ws?token=abc&b=%7e", "/"])
def test_uvicorns_defaults_rebuild_what_twilio_signed(
    target: str, settings: dict[str, str], uvicorn: int, tmp_path: Path
) -> None:
    good, forged = (sign(PUBLIC + target, token) for token in (AUTH_TOKEN, "somebody-else"))
    with running(
        "relay", data_dir=tmp_path, listen="127.0.0.1:0", backend=f"ws://127.0.0.1:{uvicorn}", **settings
    ) as relay:
        found = [status(port, asked(target, good)) for port in (uvicorn, relay.port)]
        assert found == [101, 101]
        assert status(relay.port, asked(target, forged)) == 403


@pytest.mark.parametrize("settings", [{"public_url": PUBLIC}, {}], ids=["public_url", "front-end"])
def test_twilios_own_sdk_rebuilds_it_too(settings: dict[str, str], tac: int, tmp_path: Path) -> None:
    good = sign(f"{PUBLIC}/ws", AUTH_TOKEN)
    with running(
        "relay", data_dir=tmp_path, listen="127.0.0.1:0", backend=f"ws://127.0.0.1:{tac}", **settings
    ) as relay:
        assert [status(port, asked("/ws", good)) for port in (tac, relay.port)] == [101, 101]


def test_with_a_public_url_a_strangers_claims_change_nothing(uvicorn: int, tmp_path: Path) -> None:
    lies = b"X-Forwarded-Proto: http\r\nX-Forwarded-Host: evil.example\r\nForwarded: host=evil.example;proto=http\r\n"
    with running(
        "relay",
        data_dir=tmp_path,
        listen="127.0.0.1:0",
        backend=f"ws://127.0.0.1:{uvicorn}",
        public_url=PUBLIC,
        trusted_proxies="192.0.2.1",
    ) as relay:
        assert status(relay.port, asked("/ws", sign(f"{PUBLIC}/ws", AUTH_TOKEN), lies)) == 101


@pytest.fixture
def token(tmp_path: Path) -> str:
    """A reference to the token that the backends check with."""
    file = tmp_path / "twilio-auth-token"
    file.write_text(AUTH_TOKEN + "\n")
    return f"file:{file}"


RESIGNED = ["/ws", "/ws?token=abc&b=%7e", "/", "/agents/ws"]


@pytest.mark.parametrize("mode", ["preserve", "resign"])
@pytest.mark.parametrize("path", ["", "/api"])
def test_uvicorns_defaults_behind_resign_and_preserve_with_and_without_a_path_of_its_own(
    path: str, mode: str, uvicorn: int, token: str, tmp_path: Path
) -> None:
    with running(
        "relay",
        data_dir=tmp_path,
        listen="127.0.0.1:0",
        public_url=PUBLIC,
        auth_tokens=token,
        routes={"sales": {"backend": f"ws://127.0.0.1:{uvicorn}{path}"}},
        backend=f"ws://127.0.0.1:{uvicorn}{path}",
        signature=mode,
    ) as relay:
        found = {target: status(relay.port, asked(target, sign(PUBLIC + target, AUTH_TOKEN))) for target in RESIGNED}
        sales = status(relay.port, asked("/r/sales/ws", sign(f"{PUBLIC}/r/sales/ws", AUTH_TOKEN)))
        forged = status(relay.port, asked("/ws", sign(f"{PUBLIC}/ws", "somebody-else")))
    same = 101 if mode == "resign" or not path else 403
    assert found == dict.fromkeys(RESIGNED, same)
    assert sales == (101 if mode == "resign" else 403)
    assert forged == 403


@pytest.mark.parametrize("mode", ["preserve", "resign"])
@pytest.mark.parametrize(("path", "target"), [("", "/ws"), ("/ws", "/"), ("/ws", "/r/sales"), ("/ws", "/?b=2&a=1")])
def test_twilios_own_sdk_behind_resign_and_preserve_with_and_without_a_path_of_its_own(
    path: str, target: str, mode: str, tac: int, token: str, tmp_path: Path
) -> None:
    backend = f"ws://127.0.0.1:{tac}{path}"
    # It takes the query for parameters, and so it has to be signed.
    good, forged = (sign(SignedForm("as_params").text(PUBLIC + target), one) for one in (AUTH_TOKEN, "somebody-else"))
    with running(
        "relay",
        data_dir=tmp_path,
        listen="127.0.0.1:0",
        backend=backend,
        routes={"sales": {"backend": backend}},
        public_url=PUBLIC,
        auth_tokens=token,
        signature=mode,
        host_header="backend" if target == "/" else "preserve",
    ) as relay:
        assert status(relay.port, asked(target, good)) == (101 if mode == "resign" or not path else 403)
        assert status(relay.port, asked(target, forged)) == 403


def head_at_backend(relay: Running, server: socket.socket, request: bytes) -> dict[str, str]:
    """The headers that the backend gets."""
    with wire.connect(relay.port) as twilio:
        twilio.sendall(request)
        with server.accept()[0] as backend:
            lines = wire.receive_head(backend).decode("latin-1").split("\r\n")[1:-2]
    return {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}


def test_each_route_gets_the_signature_that_it_is_set_to_get(token: str, tmp_path: Path) -> None:
    good = sign(f"{PUBLIC}/r/anew/ws", AUTH_TOKEN)
    second = b"X-Amzn-Bedrock-AgentCore-Runtime-Custom-Twilio-Signature: " + good.encode() + b"\r\n"
    lies = b"X-Forwarded-Prefix: /r\r\nForwarded: host=phone.example.net;proto=https\r\n"
    with wire.listening() as (server, port):
        backend = f"ws://127.0.0.1:{port}/agent"
        routes = {
            "anew": {"backend": backend, "signature": "resign", "host_header": "backend"},
            "none": {"backend": backend, "signature": "strip"},
            "same": {"backend": backend},
        }
        with running(
            "relay", data_dir=tmp_path, listen="127.0.0.1:0", public_url=PUBLIC, auth_tokens=token, routes=routes
        ) as relay:
            anew = head_at_backend(relay, server, asked("/r/anew/ws", good, FRONT + second + lies))
            wrong = head_at_backend(relay, server, asked("/r/anew/ws", "d3Jvbmc=", FRONT))
            none = head_at_backend(relay, server, asked("/r/none/ws", good, FRONT + second))
            same = head_at_backend(relay, server, asked("/r/same/ws", good, FRONT + second))
    ours = sign(f"ws://127.0.0.1:{port}/agent/ws", AUTH_TOKEN)
    assert [anew[name] for name in HEADERS] == [ours, ours]
    assert anew["host"] == f"127.0.0.1:{port}"
    assert [name for name in anew if "forwarded" in name] == ["x-forwarded-for"]
    assert (wrong["x-twilio-signature"], wrong["x-forwarded-host"]) == ("d3Jvbmc=", "phone.example.net")
    assert not any("signature" in name for name in none)
    assert (none["x-forwarded-host"], none["x-forwarded-uri"]) == ("phone.example.net", "/r/none/ws")
    assert [same[name] for name in HEADERS] == [good, good]
    assert same["x-forwarded-host"] == "phone.example.net"


@pytest.mark.parametrize("settings", [{"public_url": PUBLIC}, {}], ids=["public_url", "front-end"])
def test_with_enforce_the_backend_is_dialled_for_what_twilio_signed_and_nothing_else(
    settings: dict[str, str], token: str, tmp_path: Path
) -> None:
    good, forged = (sign(f"{PUBLIC}/ws?a=1", one) for one in (AUTH_TOKEN, "somebody-else"))
    with wire.listening() as (server, port):
        backend = f"ws://127.0.0.1:{port}"
        with running(
            "relay",
            data_dir=tmp_path,
            listen="127.0.0.1:0",
            backend=backend,
            auth_tokens=token,
            verify="enforce",
            routes={"open": {"backend": backend, "verify": "off"}},
            **settings,
        ) as relay:
            unsigned = asked("/ws?a=1", good).replace(b"X-Twilio-Signature: ", b"X-Other: ")
            for request in (
                asked("/ws?a=1", forged),
                unsigned,
                asked("/ws?a=2", good),
                asked("/ws?a=1", "\xff" * 9000),
            ):
                head, body = ask(relay.port, request)
                assert head.startswith(b"HTTP/1.1 403 ")
                assert body == (
                    b"relayproxy: this request is refused; who runs this relay finds the reason on the console's "
                    b"Connect page\n"
                )
            is_not_dialled(server)
            assert "x-twilio-signature" in head_at_backend(relay, server, asked("/ws?a=1", good))
            assert "x-other" in head_at_backend(relay, server, unsigned.replace(b"/ws?", b"/r/open/ws?"))
            relay.stop()
            log = relay.log.read_text()
    assert [
        line.partition(" answered 403 to ")[2].partition(": ")[2] for line in log.splitlines() if " 403 " in line
    ] == [
        "its signature is wrong: no likely URL gives it with the key in auth_tokens",
        "Twilio has not signed it",
    ]
    assert forged not in log
    openings = [entry for entry in journal(tmp_path) if entry.kind is EntryKind.OPENING]
    found = [msgspec.json.decode(entry.body, type=Opening).signature for entry in openings]
    assert found == [
        SignatureCheck("valid", f"{PUBLIC}/ws?a=<redacted>", "as written", token),
        SignatureCheck("missing"),
    ]


async def test_a_call_whose_upgrade_a_front_proxy_took_away_is_seen(uvicorn: int, tmp_path: Path) -> None:
    stripped = asked("/r/typo/ws?token=secret-1", "c2ln").replace(b"Upgrade: websocket\r\n", b"")
    stripped = stripped.replace(b"Connection: Upgrade", b"Connection: close")
    with stack(tmp_path, f"ws://127.0.0.1:{uvicorn}", trusted_proxies="192.0.2.1") as system:
        assert status(system.relay.port, stripped) == 426
        assert status(system.relay.port, asked("/r/typo/ws?token=secret-1", "c2ln")) == 403

        def told() -> list[dict[str, Any]] | None:
            some: list[dict[str, Any]] = system.get("/api/connect")["refused"]
            return some if len(some) == 3 else None

        found = await until(told)
        assert {one["reason"]: (one["signed"], one["last"]["status"]) for one in found} == {
            "no_upgrade": (True, 426),
            "unknown_route": (True, None),
            "untrusted_proxy": (True, None),
        }
        (missing,) = (one["last"] for one in found if one["reason"] == "no_upgrade")
        assert missing["target"] == "/r/typo/ws?token=<redacted>"
        assert missing["words"].startswith("Upgrade: websocket and Connection: Upgrade are missing")
        check = next(one for one in system.get("/api/health")["checks"] if one["name"] == "refused")
        assert check["state"] == "warn"
        assert "with Twilio&#39;s signature did not ask for a WebSocket" in system.get("/connect")
        log = system.relay.log.read_text()
    assert "WARNING answered 426 to 127.0.0.1:" in log
    assert "no route is named 'typo', so it went to the default backend" in log
    assert "add it to trusted_proxies, or set public_url" in log
    assert "secret-1" not in log
