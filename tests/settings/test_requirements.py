"""What must be set before a process starts: a backend that is another, a sign-in where others can reach the console."""

import pytest

from relayproxy.errors import SettingError
from relayproxy.settings.loading import load
from relayproxy.settings.model import Settings
from relayproxy.settings.requirements import require_backend, require_sign_in
from tests.settings.problems import DIGEST, HASH


@pytest.mark.parametrize("console", ["127.0.0.1:8081", "[::1]:0", "localhost:1", "127.9.9.9:1"])
def test_on_loopback_the_console_asks_nobody(console: str) -> None:
    require_sign_in(Settings(console=console))


@pytest.mark.parametrize(
    "console", ["0.0.0.0:8081", "[::]:8081", "10.0.0.1:8081", "console.example.com:80", "localhost.example.com:1"]
)
def test_elsewhere_the_console_insists_on_a_sign_in(console: str) -> None:
    with pytest.raises(SettingError, match=r"without a sign-in the console listens on loopback only.*\[users\.NAME\]"):
        require_sign_in(Settings(console=console))

    for environ in (
        {"RELAYPROXY_USERS__alice__PASSWORD": HASH},
        {"RELAYPROXY_TOKENS__ci__SHA256": DIGEST},
        {"RELAYPROXY_CONSOLE_USER_HEADER": "X-User", "RELAYPROXY_CONSOLE_URL": "https://console.example.com"},
    ):
        require_sign_in(load(None, {"console": console}, environ))


def test_there_must_be_something_to_relay_to() -> None:
    require_backend(Settings(backend="ws://a/"))
    require_backend(load(None, {"routes": {"sales": {"backend": "ws://a/"}}}, {}))
    with pytest.raises(SettingError, match="backend is not set: the ws:// or wss:// URL"):
        require_backend(Settings())


@pytest.mark.parametrize(
    "values",
    [
        {"backend": "ws://127.0.0.1:8080"},
        {"backend": "wss://localhost:8080/ws?token=secret"},
        {"backend": "ws://[::1]:9000", "listen": "[::]:9000"},
        {"backend": "ws://localhost", "listen": "127.0.0.1:80"},
        {"backend": "ws://10.0.0.5:9000/x", "listen": "10.0.0.5:9000"},
        {"backend": "ws://[::ffff:10.0.0.5]:9000", "listen": "10.0.0.5:9000"},
        {"backend": "ws://0.0.0.0:8080"},
        {"backend": "ws://[::ffff:127.0.0.1]:8080"},
        {"backend": "ws://LOCALHOST:8080/"},
        {"backend": "wss://relay.example.com", "public_url": "wss://relay.example.com"},
        {"backend": "wss://Relay.Example.com:443", "public_url": "wss://relay.example.com"},
        {"routes": {"sales": {"backend": "ws://127.0.0.1:8080/r/sales"}}},
        {"routes": {"a": {"backend": "wss://relay.example.com/r/a/"}}, "public_url": "wss://relay.example.com"},
    ],
)
def test_a_backend_that_is_the_relay_itself_is_refused_at_start(values: dict[str, object]) -> None:
    with pytest.raises(SettingError, match=r"backend=.*your ConversationRelay server is expected") as refused:
        require_backend(load(None, values, {}))
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    "values",
    [
        {"backend": "ws://127.0.0.1:8081"},
        {"backend": "ws://10.0.0.5:8080"},
        {"backend": "ws://127.0.0.1:9000", "listen": "10.0.0.5:9000"},
        {"backend": "wss://example.com/agent", "public_url": "wss://example.com/relay"},
        {"backend": "wss://example.com/agent", "public_url": "wss://example.com"},
    ],
)
def test_a_backend_beside_the_relay_is_none_of_it(values: dict[str, object]) -> None:
    require_backend(load(None, values, {}))
