"""The URLs to paste."""

from typing import Any

import pytest

from relayproxy.config import Settings
from relayproxy.console.connect import Target, connect


def settings(**known: Any) -> Settings:
    return Settings.model_validate(known)


def test_every_route_has_its_url_under_the_public_one() -> None:
    found = connect(
        settings(
            backend="wss://agent.example.com/ws?key=secret",
            routes={"sales": {"backend": "ws://10.0.0.1/"}},
            public_url="wss://relay.example.com",
        )
    )
    assert (found.public, found.secure) == (True, True)
    assert found.targets == (
        Target("default", "wss://relay.example.com/", "wss://agent.example.com/ws?key=***"),
        Target("sales", "wss://relay.example.com/r/sales", "ws://10.0.0.1/"),
    )


@pytest.mark.parametrize(
    ("listen", "url"),
    [
        ("0.0.0.0:8080", "ws://localhost:8080/"),
        ("[::]:8080", "ws://localhost:8080/"),
        ("[::1]:9", "ws://[::1]:9/"),
        ("10.0.0.2:80", "ws://10.0.0.2:80/"),
    ],
)
def test_without_a_public_url_it_is_the_relays_own_address(listen: str, url: str) -> None:
    found = connect(settings(backend="ws://127.0.0.1:1", listen=listen))
    assert (found.public, found.secure, found.targets[0].url) == (False, False, url)


def test_without_a_backend_there_is_nothing_to_paste() -> None:
    assert connect(settings()).targets == ()
