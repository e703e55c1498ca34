"""Settings of signatures: what holds for a route, what belongs together, and that no secret is told."""

from pathlib import Path
from typing import Any

import pytest

from relayproxy.errors import SettingError
from relayproxy.settings.loading import as_environment, load
from relayproxy.settings.model import Settings
from relayproxy.settings.signatures import (
    read_key,
    references_in_use,
    require_signatures,
    secret_variables,
    signature_rules,
    token_of,
    unverified_routes,
)
from relayproxy.signature import Key
from tests.settings.problems import problems_of

SECRET = "0123456789abcdef0123456789abcdef"
AGENT = "ws://agent.internal/"


def settings(**values: Any) -> Settings:
    return load(None, {"backend": AGENT} | values, {})


def test_with_tokens_signatures_are_reported_and_without_they_are_not_looked_at() -> None:
    assert signature_rules(settings(), "default").verify == "off"
    assert signature_rules(settings(auth_tokens=["env:A"]), "default").verify == "report"
    assert signature_rules(settings(auth_tokens=["env:A"], verify="off"), "default").verify == "off"
    assert signature_rules(settings(auth_tokens=["env:A"], verify="enforce"), "default").verify == "enforce"


def test_a_route_has_its_own() -> None:
    route = {"backend": AGENT, "verify": "enforce", "auth_tokens": "file:/t", "signature": "resign"}
    some = settings(auth_tokens=["env:A", "WK1=env:B"], routes={"sales": route, "other": {"backend": AGENT}})

    sales, other = signature_rules(some, "sales"), signature_rules(some, "other")
    assert (sales.verify, sales.references, sales.signature) == ("enforce", ("file:/t",), "resign")
    assert (other.verify, other.references, other.signature) == ("report", ("env:A", "WK1=env:B"), "preserve")
    assert references_in_use(some) == ("env:A", "WK1=env:B", "file:/t")
    assert secret_variables(some) == {"A", "B"}


@pytest.mark.parametrize("source", ["flag", "environment", "file", "route", "misspelt", "route, misspelt"])
def test_a_secret_in_place_of_a_reference_is_refused_and_never_repeated(source: str, config: Path) -> None:
    texts = {
        "file": f'auth_tokens = ["env:A", "{SECRET}"]',
        "route": f'[routes.a]\nbackend = "{AGENT}"\nauth_tokens = "{SECRET}"',
        "misspelt": f'auth_token = "{SECRET}"',
        "route, misspelt": f'[routes.a]\nbackend = "{AGENT}"\nauth_tokens_ = "{SECRET}"',
    }
    config.write_text(texts.get(source, ""))
    flags: dict[str, object] = {"auth_tokens": (SECRET,)} if source == "flag" else {}
    environ = {"RELAYPROXY_AUTH_TOKENS": SECRET} if source == "environment" else {}

    (problem,) = problems_of(config, flags, **environ)

    assert SECRET not in problem
    if "misspelt" in source:
        assert problem.endswith("no such setting; did you mean auth_tokens?")
    else:
        assert "references to secrets are expected, never a secret itself: env:NAME" in problem


@pytest.mark.parametrize(
    "text", ["env:", "env:1A", "env:A B", "file:", "vault:x", "env:A,,env:B", "=env:A", "a b=env:A", ""]
)
def test_what_is_no_reference(text: str) -> None:
    with pytest.raises(SettingError):
        settings(auth_tokens=[text])


def test_references_go_through_the_environment_to_other_processes_and_secrets_do_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SIGN_SECRET", SECRET)
    some = settings(auth_tokens=["env:SIGN_SECRET", "WK1=file:/run/secrets/k"], verify="enforce")
    require_signatures(settings(auth_tokens=["env:SIGN_SECRET"]))

    environment = as_environment(some)

    assert environment["RELAYPROXY_AUTH_TOKENS"] == "env:SIGN_SECRET,WK1=file:/run/secrets/k"
    assert load(None, {}, environment) == some
    assert SECRET not in repr((environment, some, read_key("env:SIGN_SECRET")))


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"verify": "enforce"}, "verify=enforce: auth_tokens is not set"),
        ({"verify": "report"}, "verify=report: auth_tokens is not set"),
        (
            {"signature": "resign"},
            "signature=resign: what was not verified is never signed anew; set verify to",
        ),
        (
            {"auth_tokens": ["env:NOPE"]},
            "auth_tokens=env:NOPE: the environment variable NOPE is expected, and it is",
        ),
        ({"auth_tokens": ["env:EMPTY"]}, "auth_tokens=env:EMPTY: the environment variable EMPTY is empty"),
        ({"auth_tokens": ["env:ODD"]}, "auth_tokens=env:ODD: the environment variable ODD has several lines or odd"),
        ({"auth_tokens": ["env:WORDS"]}, "auth_tokens=env:WORDS: a token without white space"),
        (
            {"auth_tokens": ["file:/nowhere/t"]},
            "a readable file with the token is expected at /nowhere/t (No such",
        ),
        ({"auth_tokens": ["file:/"]}, "auth_tokens=file:/: a readable file with the token is expected at / (Is"),
        ({"auth_tokens": ["file:/dev/zero"]}, "/dev/zero has more than 4096 bytes"),
        (
            {"routes": {"a": {"backend": AGENT, "verify": "enforce"}}},
            "routes.a.verify=enforce: auth_tokens is not set; where the account's auth token is, is expected",
        ),
        (
            {"auth_tokens": ["env:OK"], "routes": {"a": {"backend": AGENT, "verify": "off", "signature": "resign"}}},
            "routes.a.signature=resign: what was not verified",
        ),
    ],
)
def test_what_cannot_be_done_stops_the_start(values: dict[str, Any], words: str) -> None:
    environ = {"OK": SECRET, "EMPTY": " \n", "ODD": "a b\udcff", "WORDS": "a b"}

    with pytest.raises(SettingError) as caught:
        require_signatures(settings(**values), environ)

    assert words in str(caught.value)
    assert SECRET not in str(caught.value)


def test_a_token_may_be_given_by_reference_or_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGN_SECRET", SECRET)

    assert token_of("env:SIGN_SECRET") == token_of(SECRET) == SECRET
    with pytest.raises(SettingError, match="the environment variable NOPE is expected"):
        token_of("env:NOPE")
    with pytest.raises(ValueError, match="references to secrets are expected"):
        token_of("env:")


def test_a_route_that_is_not_there_needs_nothing() -> None:
    only = load(None, {"verify": "enforce", "routes": {"a": {"backend": AGENT, "auth_tokens": "env:OK"}}}, {})

    require_signatures(only, {"OK": SECRET})


def test_white_space_around_a_token_is_left_out(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(f"\n{SECRET}\r\n")

    assert read_key(f"file:{file}") == Key(f"file:{file}", SECRET)
    assert read_key("WK1=env:T", {"T": f"{SECRET} "}) == Key("WK1=env:T", SECRET, "WK1")


@pytest.mark.parametrize(
    ("values", "open_to_all"),
    [
        ({}, ("default", "a")),
        ({"listen": "127.0.0.1:8080"}, ()),
        ({"listen": "127.0.0.1:8080", "public_url": "wss://h"}, ("default", "a")),
        ({"auth_tokens": ["env:A"]}, ()),
        ({"auth_tokens": ["env:A"], "verify": "off"}, ("default", "a")),
        ({"routes": {"a": {"backend": AGENT, "auth_tokens": "env:A"}}}, ("default",)),
    ],
)
def test_which_routes_anyone_may_call(values: dict[str, Any], open_to_all: tuple[str, ...]) -> None:
    assert unverified_routes(settings(**({"routes": {"a": {"backend": AGENT}}} | values))) == open_to_all
