"""The URLs to paste, what is found on the way to them, and the first call as it arrives."""

from typing import Any

import pytest

from relayproxy.console.connect.addresses import RelayAddress, connect, of_backend, of_public
from relayproxy.console.health.reachability import CheckState, Probe, ProbeStep
from relayproxy.settings.model import Settings


def made(**known: Any) -> Settings:
    return Settings.model_validate(known)


def test_every_route_has_its_url_under_the_public_one() -> None:
    found = connect(
        made(
            backend="wss://agent.example.com/ws?key=secret",
            routes={"sales": {"backend": "ws://10.0.0.1/"}},
            public_url="wss://relay.example.com",
        )
    )
    assert (found.public, found.secure) == (True, True)
    assert found.targets == (
        RelayAddress("default", "wss://relay.example.com/", "wss://agent.example.com/ws?key=***"),
        RelayAddress("sales", "wss://relay.example.com/r/sales", "ws://10.0.0.1/"),
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
    found = connect(made(backend="ws://127.0.0.1:1", listen=listen))
    assert (found.public, found.secure, found.targets[0].url) == (False, False, url)


def test_without_a_backend_there_is_nothing_to_paste() -> None:
    assert connect(made()).targets == ()


def probe(state: CheckState, who: Any = None, status: int | None = None) -> Probe:
    return Probe((ProbeStep("HTTP", state, "words"),), who, status)


@pytest.mark.parametrize(
    ("found", "state", "words"),
    [
        (probe("ok", "relay", 426), "ok", "leads to a relayproxy that takes calls"),
        (probe("warn", "relay", 426), "warn", "leads to a relayproxy that takes calls"),
        (probe("ok", "relay", 404), "bad", "has no such route"),
        (probe("ok", "relay", 503), "warn", "takes no calls at present"),
        (probe("ok", "other", 502), "bad", "does not reach the relay"),
        (probe("ok", "other", 200), "warn", "not as a relayproxy does"),
        (probe("bad"), "bad", "Twilio does not get through"),
    ],
)
def test_what_is_found_at_the_public_url(found: Probe, state: CheckState, words: str) -> None:
    met = of_public(found)
    assert met.state == state
    assert words in met.sentence


@pytest.mark.parametrize(
    ("found", "state", "words"),
    [
        (probe("ok", "other", 404), "ok", "can be reached"),
        (probe("warn", "other", 426), "warn", "can be reached"),
        (probe("ok", "other", 503), "warn", "answers 503"),
        (probe("bad"), "bad", "calls do not get through"),
    ],
)
def test_what_is_found_at_the_backend(found: Probe, state: CheckState, words: str) -> None:
    met = of_backend(found)
    assert met.state == state
    assert words in met.sentence
