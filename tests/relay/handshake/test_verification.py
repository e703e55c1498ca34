"""Verification of signatures: what is found, why one is wrong, and which one the backend gets."""

from dataclasses import replace
from typing import Any

import pytest

from relayproxy.connection import SignatureCheck
from relayproxy.relay.handshake.verification import Verification, Verifier, with_signature
from relayproxy.relay.headers import mask_query
from relayproxy.settings.signatures import SignatureRules
from relayproxy.signature import HEADERS, Key, SignedForm, sign

URL = "wss://phone.example.net/ws"
PRIMARY = Key("env:PRIMARY", "one")
SECONDARY = Key("file:/secondary", "two")
SHARED = Key("WK1=env:SHARED", "three", "WK1")
KEYS = {key.name: key for key in (PRIMARY, SECONDARY, SHARED)}
BY_SHARED = ("X-Twilio-Webhooks-Signature-Settings", "key=WK1,algorithm=HMAC_SHA256")


RULES = SignatureRules("report", True, tuple(KEYS), "resign")
OFF = replace(RULES, verify="off")


def found(
    *headers: tuple[str, str], url: str = URL, others: tuple[str, ...] = (), rules: SignatureRules = RULES
) -> SignatureCheck:
    return Verifier(KEYS.get).verify(list(headers), rules, [url], others).check


def signed(url: str = URL, key: Key = PRIMARY, name: str = "X-Twilio-Signature") -> tuple[str, str]:
    return name, sign(url, key.secret, algorithm=key.algorithm)


@pytest.mark.parametrize("key", [PRIMARY, SECONDARY])
@pytest.mark.parametrize("name", [*HEADERS, "X-TWILIO-SIGNATURE"])
def test_either_header_and_any_token_will_do(key: Key, name: str) -> None:
    assert found(signed(key=key, name=name)) == SignatureCheck("valid", URL, "as written", key.name)


def test_a_shared_key_signs_by_sha_256_and_only_where_the_request_says_so() -> None:
    assert found(signed(key=SHARED), BY_SHARED) == SignatureCheck("valid", URL, "as written", "WK1=env:SHARED")
    assert found(signed(key=SHARED)).state == "wrong"
    assert found(signed(), BY_SHARED).state == "wrong"


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        (
            "key=WK2,algorithm=HMAC_SHA256",
            "it is made with a shared key, and auth_tokens has none of that id (KEYID=env:NAME)",
        ),
        ("key=WK1,algorithm=HMAC_SHA512", "it is made by an algorithm that relayproxy does not know"),
    ],
)
def test_a_key_that_is_not_configured_is_told(settings: str, problem: str) -> None:
    wrong = found(signed(key=SHARED), (BY_SHARED[0], settings))

    assert wrong == SignatureCheck("wrong", URL, problem=problem)


def test_an_auth_tokens_signature_is_told_where_there_are_only_shared_keys() -> None:
    wrong = found(signed(), rules=replace(RULES, references=("WK1=env:SHARED",)))

    assert wrong.problem == "it is made with an auth token, and auth_tokens has only shared keys"


def test_what_has_no_signature_and_what_is_not_checked() -> None:
    assert found(("Host", "h")) == SignatureCheck("missing")
    assert found(("X-Twilio-Signature", "s"), rules=OFF) == SignatureCheck("unchecked")
    assert found(rules=OFF) == SignatureCheck("missing")


@pytest.mark.parametrize("value", ["", "x", "\udcff", "ä", "A" * 65_000, signed()[1] + " ", signed(key=SHARED)[1]])
def test_what_is_no_signature_of_twilios_is_wrong(value: str) -> None:
    assert found(("X-Twilio-Signature", value)).state == "wrong"


def test_two_signatures_that_differ_are_wrong_whichever_the_backend_looks_at() -> None:
    both = (signed(), signed(name=HEADERS[1]))
    forged = ("x-twilio-signature", "forged")

    assert found(*both).state == "valid"
    for headers in ((*both, forged), (forged, *both), (signed(), (HEADERS[1], "forged"))):
        wrong = found(*headers)
        assert (wrong.state, wrong.problem) == ("wrong", "it carries several signatures, and they differ")


NOT_BELIEVED = "as headers say that are not believed: set public_url or trusted_proxies"


@pytest.mark.parametrize(
    ("url", "shown", "words"),
    [
        (f"{URL}/", f"{URL}/", "with a / at the end of its path"),
        ("https://phone.example.net/ws", "https://phone.example.net/ws", "with https:// instead of wss://"),
        ("wss://other.example.net/ws", "wss://other.example.net/ws", f"at wss://other.example.net, {NOT_BELIEVED}"),
        ("wss://phone.example.net:8443/ws", "wss://phone.example.net:8443/ws", "with port 8443"),
        (f"{URL}?token=abc", f"{URL}?token=<redacted>", f"at wss://phone.example.net, {NOT_BELIEVED}"),
    ],
)
def test_a_wrong_signature_says_which_url_it_is_for(url: str, shown: str, words: str) -> None:
    wrong = found(signed(url), others=("wss://other.example.net/ws", f"{URL}?token=abc"))

    assert wrong == SignatureCheck("wrong", URL, problem=f"it is for another URL, {words}", signed_url=shown)


def test_reasons_are_looked_for_once_a_second_whatever_comes() -> None:
    times = iter([10.0, 10.0, 10.9, 11.0, 11.0])
    verifier = Verifier(KEYS.get, lambda: next(times))

    said = [verifier.verify([("X-Twilio-Signature", "x")], RULES, [URL]).check.problem for _ in range(3)]

    nothing = "no likely URL gives it with any of the 2 keys in auth_tokens"
    assert said == [nothing, None, nothing]


def test_a_key_that_is_away_for_now_checks_nothing() -> None:
    assert Verifier(lambda _: None).verify([signed()], RULES, [URL]).check.state == "wrong"


SENT = [("Host", "h"), signed(), ("X-Other", "1"), signed(name=HEADERS[1]), BY_SHARED]
VALID = Verification(SignatureCheck("valid"), PRIMARY, SignedForm(query="as_params", port="none", path="slash"))
WRONG = Verification(SignatureCheck("wrong"))


def test_resign_makes_both_signatures_for_the_backends_url_in_the_same_query_form() -> None:
    anew = with_signature(SENT, "resign", VALID, "ws://backend:9000/agents/ws?b=2&a=1")

    ours = sign("ws://backend:9000/agents/wsa1b2", PRIMARY.secret)
    assert anew == [("Host", "h"), (SENT[1][0], ours), ("X-Other", "1"), (HEADERS[1], ours), BY_SHARED]


@pytest.mark.parametrize("state", ["wrong", "missing", "unchecked"])
def test_what_was_not_verified_is_never_signed(state: Any) -> None:
    assert with_signature(SENT, "resign", Verification(SignatureCheck(state)), "ws://backend/") == SENT


def test_a_shared_key_signs_anew_with_itself() -> None:
    valid = Verification(SignatureCheck("valid"), SHARED, SignedForm())

    assert with_signature([signed(key=SHARED)], "resign", valid, "ws://b/x") == [signed("ws://b/x", SHARED)]


def test_preserve_leaves_and_strip_removes_all_that_tells_of_a_signature() -> None:
    for each in (VALID, WRONG):
        assert with_signature(SENT, "preserve", each, "ws://backend/") == SENT
        assert with_signature(SENT, "strip", each, "ws://backend/") == [("Host", "h"), ("X-Other", "1")]


def test_no_secret_shows_in_what_is_printed() -> None:
    assert "'one'" not in repr(VALID)


@pytest.mark.parametrize("query", ["a" * 600, "&".join(["a=1"] * 11)])
def test_a_url_that_takes_long_to_look_into_is_checked_and_not_looked_into(query: str) -> None:
    url = f"{URL}?{query}"

    assert found(signed(url), url=url).state == "valid"
    assert found(signed("wss://elsewhere/"), url=url) == SignatureCheck("wrong", mask_query(url))
