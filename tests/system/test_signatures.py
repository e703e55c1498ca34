"""Signatures that hold at a backend directly hold through the relay, set up as the README says."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from relayproxy.signature import sign
from tests import wire
from tests.peers.tac_backend import running_tac
from tests.peers.uvicorn_backend import AUTH_TOKEN, running_uvicorn
from tests.running import running
from tests.system.stack import stack, until

PUBLIC = "wss://phone.example.net"
FRONT = b"X-Forwarded-Proto: https\r\nX-Forwarded-Host: phone.example.net\r\n"


def asked(target: str, signature: str, front: bytes = FRONT) -> bytes:
    """An upgrade request as Twilio sends it, behind a TLS front end that says so."""
    head = wire.REQUEST.replace(b"/relay/fixture?b=2&a=%7e1", target.encode())
    return head.replace(b"c2lnbmF0dXJl", signature.encode()).replace(b"User-Agent: ", front + b"User-Agent: ")


def status(port: int, request: bytes) -> int:
    with wire.connect(port) as sock:
        sock.settimeout(30)
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
