"""Where spans are received: not where strangers can send them, nor where they would be sent in a circle."""

from pathlib import Path

import pytest

from relayproxy.errors import SettingError
from relayproxy.settings.loading import as_environment, load
from relayproxy.settings.model import Settings
from relayproxy.settings.otel import Otel
from relayproxy.settings.receiver import (
    Receiver,
    receiver_token,
    require_listen,
    require_receiver,
    token_variables,
)

OFF = Otel()


def test_it_is_off_unless_it_is_said_where_to_listen() -> None:
    require_receiver(Receiver(), OFF, {})
    with pytest.raises(SettingError, match=r"receiver\.listen is not set: HOST:PORT is expected"):
        require_listen(Receiver())


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "localhost", "10.0.0.7", "192.168.1.2", "[fd00::7]"])
def test_addresses_of_private_networks_need_no_token(host: str) -> None:
    require_receiver(Receiver(listen=f"{host}:4318", grpc=f"{host}:4317"), OFF, {})


@pytest.mark.parametrize("host", ["0.0.0.0", "[::]", "8.8.8.8", "receiver.example.com"])
def test_others_do(host: str) -> None:
    for listen, grpc in ((f"{host}:4318", None), ("127.0.0.1:4318", f"{host}:4317")):
        with pytest.raises(SettingError, match="an address that a private network alone reaches is expected"):
            require_receiver(Receiver(listen=listen, grpc=grpc), OFF, {})
        require_receiver(Receiver(listen=listen, grpc=grpc, token="env:T"), OFF, {"T": "nightingale"})


def test_grpc_alone_is_not_enough() -> None:
    with pytest.raises(SettingError, match=r"receiver\.grpc=127\.0\.0\.1:4317: receiver\.listen is expected with it"):
        require_receiver(Receiver(grpc="127.0.0.1:4317"), OFF, {})


def test_the_token_is_where_its_reference_leads(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("nightingale\n")

    assert receiver_token(Receiver()) is None
    assert receiver_token(Receiver(token="env:T"), {"T": "nightingale"}) == "nightingale"
    assert receiver_token(Receiver(token=f"file:{file}")) == "nightingale"
    assert token_variables(Receiver(token="env:T")) == {"T"}
    assert token_variables(Receiver(token=f"file:{file}")) == token_variables(Receiver()) == frozenset()


@pytest.mark.parametrize("reference", ["env:NONE", "file:/nowhere/token", "file:/", "env:EMPTY"])
def test_a_token_that_is_not_there_stops_the_start(reference: str) -> None:
    with pytest.raises(SettingError, match=r"receiver\.token=.*expected"):
        require_receiver(Receiver(listen="127.0.0.1:4318", token=reference), OFF, {"EMPTY": " "})


@pytest.mark.parametrize("value", ["nightingale", "K=env:T", "env:T,env:U"])
def test_a_token_itself_is_refused_and_not_repeated(value: str) -> None:
    with pytest.raises(SettingError) as refused:
        load(None, {}, {"RELAYPROXY_RECEIVER__TOKEN": value})

    assert str(refused.value).startswith("receiver.token=*** (RELAYPROXY_RECEIVER__TOKEN): ")
    assert "nightingale" not in str(refused.value)


@pytest.mark.parametrize(
    ("listen", "endpoint"),
    [
        ("127.0.0.1:4318", "http://127.0.0.1:4318"),
        ("127.0.0.1:4318", "http://localhost:4318/v1"),
        ("10.0.0.7:4318", "http://10.0.0.7:4318"),
        ("[::1]:80", "http://[::1]"),
    ],
)
def test_an_endpoint_that_is_the_receiver_itself_stops_the_start(listen: str, endpoint: str) -> None:
    with pytest.raises(SettingError, match="is where what is received is sent"):
        require_receiver(Receiver(listen=listen), Otel(endpoint=endpoint), {})
    with pytest.raises(SettingError, match="is where what is received is sent"):
        require_receiver(Receiver(listen="127.0.0.1:9", grpc=listen), OFF, {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint})


@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:4317", "http://10.0.0.8:4318", "https://otlp.example.com"])
def test_any_other_is_fine(endpoint: str) -> None:
    require_receiver(Receiver(listen="127.0.0.1:4318"), Otel(endpoint=endpoint), {})


def test_settings_come_from_the_environment_and_go_into_it() -> None:
    given = {"RELAYPROXY_RECEIVER__LISTEN": "127.0.0.1:4318", "RELAYPROXY_RECEIVER__GUESS": "false"}
    settings = load(None, {}, given)

    assert (settings.receiver.listen, settings.receiver.guess) == ("127.0.0.1:4318", False)
    assert load(None, {}, as_environment(settings)) == settings
    assert as_environment(Settings()) == {}
