"""One running system for all faults that leave nothing behind in it."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests import wire
from tests.faults.harness import System, certificates, full_queue, system, tls_listener


@pytest.fixture(scope="session")
def weather(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """A system whose routes `gone`, `full`, `silent`, `nowhere`, `expired`, `misnamed` and `unknown` fail as they are
    called, and whose other requests go to a backend of raw sockets."""
    folder = tmp_path_factory.mktemp("faults")
    with ExitStack() as held, pytest.MonkeyPatch.context() as patch:
        gone = held.enter_context(wire.listening())
        gone[0].close()
        ports = {
            "gone": gone[1],
            "full": held.enter_context(full_queue()),
            "silent": held.enter_context(wire.listening())[1],
        }
        backends = {name: f"ws://127.0.0.1:{port}" for name, port in ports.items()} | {
            "nowhere": "ws://nowhere.invalid"
        }
        for name, context in certificates(folder).items():
            backends[name] = f"wss://localhost:{held.enter_context(tls_listener(context))}"
        patch.setenv("SSL_CERT_FILE", str(folder / "ca.pem"))
        routes = {name: {"backend": url} for name, url in backends.items()}
        yield held.enter_context(system(folder, routes=routes))
