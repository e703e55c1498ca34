"""The listener's certificate is replaced while it listens."""

import logging
import socket
import ssl
from pathlib import Path

import pytest

from relayproxy.errors import SettingError
from relayproxy.relay.listener.certificate import Certificate
from tests import wire
from tests.relay.tls import Tls
from tests.running import relay
from tests.system.stack import until


def serial(port: int, tls: Tls) -> str:
    """The certificate's number that a handshake gets. Raises ssl.SSLError when it is not of that authority."""
    with tls.client.wrap_socket(wire.connect(port), server_hostname="localhost") as caller:
        return str((caller.getpeercert() or {})["serialNumber"])


@pytest.fixture
def both(tmp_path: Path) -> tuple[Tls, Tls]:
    """The certificate at first, and its successor of another authority."""
    folders = tmp_path / "first", tmp_path / "second"
    for folder in folders:
        folder.mkdir()
    return Tls(folders[0]), Tls(folders[1])


async def test_new_calls_get_the_new_certificate_and_live_ones_go_on(both: tuple[Tls, Tls], tmp_path: Path) -> None:
    first, second = both
    with socket.create_server(("127.0.0.1", 0)) as server:
        backend = f"ws://127.0.0.1:{server.getsockname()[1]}/"
        with relay(backend, data_dir=tmp_path / "data", tls_cert=str(first.cert), tls_key=str(first.key)) as running:
            caller = first.client.wrap_socket(wire.connect(running.port), server_hostname="localhost")
            caller.sendall(wire.REQUEST)
            accepted = server.accept()[0]
            wire.receive_head(accepted)
            accepted.sendall(wire.ANSWER)
            assert wire.receive_head(caller) == wire.ANSWER
            before = serial(running.port, first)

            for name in ("cert", "key"):
                getattr(second, name).replace(getattr(first, name))

            def renewed() -> bool:
                try:
                    return serial(running.port, second) != before
                except ssl.SSLError:
                    return False

            await until(renewed)
            caller.sendall(wire.frame(1, b"still here", mask=True))
            assert len(wire.receive(accepted, 16)) == 16
            caller.close()
            accepted.close()
    assert f"tls_cert={first.cert}: a new certificate is in force" in running.log.read_text()


def test_half_of_a_new_pair_is_not_taken(both: tuple[Tls, Tls], caplog: pytest.LogCaptureFixture) -> None:
    first, second = both
    certificate = Certificate(first.cert, first.key)
    old = certificate._current
    second.cert.replace(first.cert)
    with caplog.at_level(logging.INFO):
        for _ in range(3):
            certificate.renew()
        assert certificate._current is old
        assert [one.levelname for one in caplog.records] == ["WARNING"]
        second.key.replace(first.key)
        certificate.renew()
    assert certificate._current is not old
    certificate.renew()
    assert [one.levelname for one in caplog.records] == ["WARNING", "INFO"]


def test_files_that_are_no_pair_stop_the_start(both: tuple[Tls, Tls]) -> None:
    with pytest.raises(SettingError, match="a matching PEM certificate chain and key are expected"):
        Certificate(both[0].cert, both[1].key)
