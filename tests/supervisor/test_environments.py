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


def test_credentials_of_a_bucket_are_for_who_moves_and_reads_recordings() -> None:
    found = environments(Settings(), ENVIRON | {"AWS_SECRET_ACCESS_KEY": "of the bucket", "AWS_REGION": "eu-west-1"})

    assert "AWS_SECRET_ACCESS_KEY" in found.recorder.keys() & found.console.keys()
    assert "AWS_SECRET_ACCESS_KEY" not in found.relay.keys() | found.receiver.keys() | found.migration.keys()
    assert found.relay["AWS_REGION"] == "eu-west-1"


def test_relays_know_no_password_of_a_database() -> None:
    url = "postgresql://relayproxy:secret@db.example.com/relayproxy"
    found = environments(Settings(backend="ws://127.0.0.1:9", database_url=url), ENVIRON | {"PGPASSWORD": "secret"})

    assert "secret" not in found.relay.values()
    assert load(None, {}, found.relay).database_url is None
    for one in (found.recorder, found.console, found.receiver, found.migration):
        assert (load(None, {}, one).database_url, one["PGPASSWORD"]) == (url, "secret")
