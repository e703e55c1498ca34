"""Shadows and faults of each route: its own alone, refused where they make no sense, and said loudly."""

from typing import Any

import pytest

from relayproxy.errors import SettingError
from relayproxy.settings.faults import Faults
from relayproxy.settings.loading import as_environment, load
from relayproxy.settings.model import Settings
from relayproxy.settings.shadow import Shadow
from relayproxy.settings.treatment import faults_of, require_treatment, shadow_of, treatment_warnings

AGENT, NEXT = "ws://agent.example.com", "wss://next.example.com/ws"


def settings(**given: Any) -> Settings:
    return load(None, {"backend": AGENT, **given}, {})


def test_a_route_has_its_own_and_does_not_inherit_that_of_the_default_backend() -> None:
    some = settings(
        shadow={"backend": NEXT},
        faults={"drop_after": "2min"},
        routes={
            "plain": {"backend": AGENT},
            "tried": {"backend": AGENT, "shadow": {"backend": NEXT, "share": 1}, "faults": {"token_delay": "50ms"}},
        },
    )
    assert (shadow_of(some, "default"), faults_of(some, "default")) == (Shadow(backend=NEXT), Faults(drop_after=120))
    assert (shadow_of(some, "plain"), faults_of(some, "plain")) == (None, None)
    assert shadow_of(some, "tried") == Shadow(backend=NEXT, share=1)
    assert faults_of(some, "tried") == Faults(token_delay=0.05)
    require_treatment(some)
    assert load(None, {}, as_environment(some)) == some


def test_in_a_variable_a_routes_table_is_json() -> None:
    environ = {
        "RELAYPROXY_ROUTES__a__BACKEND": AGENT,
        "RELAYPROXY_ROUTES__a__SHADOW": '{"backend": "wss://next.example.com/ws"}',
        "RELAYPROXY_FAULTS__MALFORMED": "0.5",
    }
    some = load(None, {"backend": AGENT}, environ)
    assert shadow_of(some, "a") == Shadow(backend=NEXT)
    assert faults_of(some, "default") == Faults(malformed=0.5)


@pytest.mark.parametrize(
    ("text", "seconds"), [("800ms", 0.8), ("1.5s", 1.5), ("2 min", 120.0), (0.25, 0.25), ("3", 3.0)]
)
def test_times_are_seconds_or_have_a_unit(text: object, seconds: float) -> None:
    assert Faults.model_validate({"token_delay": text}).token_delay == seconds


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"shadow": {"backend": "http://x"}}, "a ws:// or wss:// URL such as"),
        ({"shadow": {"backend": NEXT, "share": 1.5}}, "less than or equal to 1 is expected"),
        ({"faults": {"token_delay": "soon"}}, "seconds, or a time such as 800ms"),
        ({"faults": {"token_delay": "0s"}}, "greater than 0 is expected"),
        ({"faults": {"dropafter": 3}}, "no such setting; did you mean drop_after?"),
        ({"routes": {"a": {"backend": AGENT, "shadow": "wss://x"}}}, "a table is expected, in a variable as JSON"),
        ({"routes": {"a": {"backend": AGENT, "shadow": "[" * 60_000}}}, "a table is expected, in a variable as JSON"),
    ],
)
def test_what_is_no_shadow_and_no_fault_is_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingError) as refused:
        settings(**given)
    assert message in str(refused.value)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"shadow": {"backend": AGENT}}, "another backend than the route's own is expected"),
        ({"shadow": {"backend": "ws://127.0.0.1:8080"}}, "and this is the relay's own"),
        ({"shadow": {"backend": NEXT}, "record": "none"}, "record other than none is expected"),
        ({"faults": {"drop_after": 1}, "record": "none"}, "record other than none is expected"),
        ({"routes": {"a": {"backend": AGENT, "shadow": {"share": 1}}}}, "routes.a.shadow: backend is expected in it"),
        ({"routes": {"a": {"backend": AGENT, "faults": {"share": 1}}}}, "routes.a.faults: a fault is expected in it"),
        ({"backend": None, "shadow": {"backend": NEXT}}, "shadow.backend: backend is expected with it"),
        ({"backend": None, "faults": {"malformed": 1}}, "faults: backend is expected with them"),
    ],
)
def test_what_makes_no_sense_stops_the_start(given: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingError) as refused:
        require_treatment(settings(**given))
    assert message in str(refused.value)


def test_what_is_done_to_calls_is_said_by_route_and_without_secrets() -> None:
    faults = {
        "first_token_delay": 0.8,
        "token_delay": 2,
        "drop_after": 60,
        "malformed": 0.01,
        "slow_reader": 2000,
        "share": 0.5,
    }
    some = settings(shadow={"backend": f"{NEXT}?token=secret"}, routes={"a": {"backend": AGENT, "faults": faults}})
    assert [*treatment_warnings(some)] == [
        "route default: 10 % of calls are copied to a second backend, wss://next.example.com/ws: "
        "its tools act on what real callers say",
        "route a: FAULTS ARE INJECTED, 50 % of calls are treated so: the first message of a reply held back 800 ms, "
        "each further message of a reply held back 2 s, both connections reset after 60 s, 1 % of the backend's "
        "messages cut in half, the backend read at 2,000 bytes a second",
    ]
    assert [*treatment_warnings(settings())] == []
