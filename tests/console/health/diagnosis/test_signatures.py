"""What Health and Connect say of signatures: by the settings, and by what the last calls had."""

from typing import Any

import msgspec
import pytest

from relayproxy.connection import Opening, SignatureCheck
from relayproxy.console.health.diagnosis.signatures import SignatureNote, note, notes, route_signatures
from relayproxy.settings.loading import load
from relayproxy.settings.model import Settings
from relayproxy.store.read.queries import Queries
from relayproxy.store.read.signatures import RecentSignatures, recent_signatures
from relayproxy.store.write.archive import Archive
from tests.console import samples
from tests.console.health.known import NOW, check, facts

MINUTE = 60 * 1_000_000_000
AGENT = "wss://agent.example.com"
PUBLIC = "wss://relay.example.com"
ANYONE = "Anyone may call: Twilio's signature is not checked"
TOKENS: dict[str, Any] = {"auth_tokens": "env:T"}


def settings(**values: Any) -> Settings:
    return load(None, {"backend": AGENT, "public_url": PUBLIC} | values, {})


def said(*states: str, ago: int = MINUTE, problem: str | None = None, **values: Any) -> SignatureNote | None:
    check = SignatureCheck("wrong", problem=problem, signed_url=f"{PUBLIC}/ws/" if problem else None)
    opening = Opening("c", "t", "s", "default", AGENT, "/", 0, "p", signature=check)
    bad = any(state in ("wrong", "missing") for state in states)
    recent = RecentSignatures(
        states, NOW - ago if bad else None, msgspec.json.encode(opening).decode() if bad else None
    )
    (one,) = route_signatures(settings(**values), {"default": recent})
    return note(one, NOW)


def test_anyone_may_call_a_public_relay_that_checks_nothing_and_is_told_what_to_set() -> None:
    found = said()

    assert found is not None
    assert (found.state, found.title) == ("warn", ANYONE)
    assert "--auth-token env:TWILIO_AUTH_TOKEN" in found.action


def test_who_has_said_so_is_not_warned() -> None:
    found = said(verify="off")

    assert found is not None
    assert (found.state, found.title, found.action) == ("ok", ANYONE, "")


@pytest.mark.parametrize("values", [{"public_url": None, "listen": "127.0.0.1:8080"}, TOKENS])
def test_nothing_is_said_before_a_call_where_strangers_do_not_get_or_signatures_are_checked(values: Any) -> None:
    assert said(**values) is None


def test_a_relay_that_checks_by_settings_of_its_own_is_believed() -> None:
    found = said("missing", "valid", "valid")

    assert found is not None
    assert found.title == "1 of the last 3 calls was not signed"


@pytest.mark.parametrize(
    ("states", "state", "title", "words"),
    [
        (["valid"] * 20, "ok", "All of the last 20 calls were signed by Twilio", ""),
        (["valid"], "ok", "The last call was signed by Twilio", ""),
        (["unchecked"], None, "", ""),
        (["wrong"], "warn", "The last call carried a wrong signature", "may not be the URL in Studio or TwiML"),
        (
            ["wrong", "wrong", "unchecked"],
            "warn",
            "All of the last 2 calls carried a wrong signature",
            "`public_url` (wss://relay.example.com) may not be the URL in Studio or TwiML",
        ),
        (
            ["wrong"] * 3 + ["valid"] * 17,
            "warn",
            "3 of the last 20 calls carried a wrong signature",
            "17 others were signed by Twilio.",
        ),
        (["missing", "valid"], "warn", "1 of the last 2 calls was not signed", "`verify = enforce` turns them away"),
        (["missing"], "warn", "The last call was not signed", "passes `X-Twilio-Signature` on"),
    ],
)
def test_what_the_last_calls_had_is_told_with_what_it_means(
    states: list[str], state: str | None, title: str, words: str
) -> None:
    found = said(*states, **TOKENS)

    assert (found.state if found else None) == state
    assert (found.title if found else "") == title
    assert words in (f"{found.detail} {found.action}" if found else "")


def test_the_url_that_the_signature_is_for_is_told() -> None:
    found = said("wrong", problem="it is for another URL, with a / at the end of its path", **TOKENS)

    assert found is not None
    assert found.detail == (
        "Of the last one: it is for another URL, with a / at the end of its path: wss://relay.example.com/ws/."
    )
    assert "make the URL in Studio or TwiML and `public_url` the same" in found.action


def test_what_has_passed_is_no_warning() -> None:
    found = said("wrong", "valid", ago=61 * MINUTE, **TOKENS)

    assert found is not None
    assert (found.state, found.action) == ("ok", "")


def test_health_tells_the_worst_route_first_and_names_it() -> None:
    some = settings(routes={"sales": {"backend": AGENT}, "own": {"backend": AGENT, "verify": "off"}}, **TOKENS)
    recent = {"sales": RecentSignatures(("wrong",), NOW - MINUTE), "default": RecentSignatures(("valid",))}
    routes = route_signatures(some, recent)

    assert [one.title for one in notes(routes, NOW)] == [
        "The last call on route sales carried a wrong signature",
        "The last call was signed by Twilio",
        "Anyone may call on route own: Twilio's signature is not checked",
    ]
    found = check("signatures", facts(signatures=routes))
    assert (found.state, found.title) == ("warn", "The last call on route sales carried a wrong signature")
    assert found.link == "/sessions?q=signature%3Awrong%2Cmissing"


def test_the_last_twenty_calls_of_a_route_are_looked_at(archive: Archive, queries: Queries) -> None:
    for at in range(25):
        found = SignatureCheck("wrong" if at in (3, 7, 21) else "valid", problem=f"of call {at}")
        samples.Call(archive, samples.ago(100 + at), opening={"signature": found}).setup().commit()
    samples.Call(
        archive, samples.ago(50), route="sales", opening={"signature": SignatureCheck("valid")}
    ).setup().commit()

    recent = recent_signatures(queries)

    assert (recent["default"].states.count("wrong"), len(recent["default"].states)) == (2, 20)
    assert recent["sales"] == RecentSignatures(("valid",))
    (default, _) = route_signatures(settings(routes={"sales": {"backend": AGENT}}, **TOKENS), recent)
    assert default.last_wrong is not None
    assert default.last_wrong.problem == "of call 3"
