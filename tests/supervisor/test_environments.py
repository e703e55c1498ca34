"""What each process of `serve` gets to know."""

from pathlib import Path

from relayproxy.settings.loading import load
from relayproxy.settings.model import Settings
from relayproxy.supervisor.environments import environments

ENVIRON = {"PATH": "/bin", "TOKEN": "of calls", "RELAYPROXY_CONFIG": "/etc/relayproxy.toml"}


def test_several_relays_keep_together_within_the_limits_of_one() -> None:
    given = Settings(backend="ws://127.0.0.1:9", relays=3, data_dir=Path("/data"), max_handshakes=100)
    found = environments(given, ENVIRON)
    one = load(None, {}, found.relay)

    assert (one.max_connections, one.max_connections_per_peer, one.max_handshakes) == (3334, 1667, 34)
    assert one.journal_buffer == 64 * 1024**2 // 3 + 1
    assert one.journal_quota == given.journal_quota, "it is that of the folder, which they share"
    assert load(None, {}, found.console) == given


def test_one_relay_has_the_limits_as_they_are() -> None:
    given = Settings(backend="ws://127.0.0.1:9", data_dir=Path("/data"), auth_tokens="env:TOKEN")
    found = environments(given, ENVIRON)

    assert load(None, {}, found.relay) == given
    assert (found.relay["TOKEN"], found.relay["PATH"]) == ("of calls", "/bin")
    assert not any("TOKEN" in one for one in (found.recorder, found.console, found.receiver, found.migration))
    assert "RELAYPROXY_CONFIG" not in found.relay
