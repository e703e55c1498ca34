"""Signatures, held against Twilio's own validator."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twilio.request_validator import RequestValidator  # type: ignore[import-untyped]

from relayproxy.signature import SignedForm, check, forms, sign

TOKEN = "lab-auth-token"
twilio = RequestValidator(TOKEN)


def test_a_known_value() -> None:
    assert sign("wss://h/relay", TOKEN) == "j56PxaUnaEWqU3lNrDti0cgdmDs="  # as openssl computes it


@given(st.text(st.characters(codec="utf-8")), st.dictionaries(st.text(min_size=1), st.text()))
def test_twilio_signs_the_same(url: str, params: dict[str, str]) -> None:
    assert sign(url, TOKEN, params) == twilio.compute_signature(url, params)


@given(st.text(st.characters(codec="utf-8"), min_size=1))
def test_a_non_ascii_token_signs_the_same(token: str) -> None:
    assert sign("wss://h/", token) == RequestValidator(token).compute_signature("wss://h/", {})


# The signed URL, the URL it is checked against, what Twilio's validator says, the form we find.
CASES: list[tuple[str, str, bool, SignedForm | None]] = [
    ("wss://h/relay", "wss://h/relay", True, SignedForm()),
    ("wss://h/relay", "wss://h:443/relay", True, SignedForm(port="none")),
    ("wss://h/relay", "wss://h:8443/relay", True, SignedForm(port="none")),
    ("wss://h:443/relay", "wss://h/relay", False, SignedForm(port="default")),  # the validator tries :80 here
    ("wss://h:80/relay", "wss://h/relay", True, SignedForm(port="80")),
    ("wss://h:8443/relay", "wss://h/relay", False, None),
    ("wss://h/relay", "wss://h/relay/", False, None),
    ("wss://h/relay", "wss://h//relay", False, None),
    ("wss://h/relay", "wss://H/relay", False, None),
    ("wss://h/~a", "wss://h/%7Ea", False, None),
    ("wss://h/r?a=1&b=2", "wss://h/r?a=1&b=2", True, SignedForm()),
    ("wss://h/r?a=1&b=2", "wss://h/r?b=2&a=1", False, None),
    ("wss://h/r?a=%20", "wss://h/r?a=+", False, None),
    ("wss://h/r", "wss://h/r#part", False, None),
    ("https://h/relay", "wss://h/relay", False, None),
    ("ws://h:80/relay", "ws://h/relay", True, SignedForm(port="default")),
    ("wss://[::1]/x", "wss://[::1]:8443/x", False, SignedForm(port="none")),  # the validator splits at the first colon
    ("wss://h/", "wss://h", False, SignedForm(path="slash")),
    ("wss://h", "wss://h/", False, None),
    ("wss://h:443/?a=1", "wss://h?a=1", False, SignedForm(port="default", path="slash")),
]


@pytest.mark.parametrize(("signed", "seen", "theirs", "ours"), CASES)
def test_which_form_matches(signed: str, seen: str, theirs: bool, ours: SignedForm | None) -> None:
    signature = sign(signed, TOKEN)
    assert twilio.validate(seen, {}, signature) is theirs
    assert check(signature, seen, TOKEN) == ours


def test_the_query_as_parameters() -> None:
    url, params = "wss://h/ws?b=2&a=1%20x&c=", {"a": "1 x", "b": "2"}
    signature = sign("wss://h/ws", TOKEN, params)
    assert twilio.validate("wss://h/ws", params, signature)
    assert check(signature, url, TOKEN) == SignedForm(query="as_params")


def test_a_form_signs_another_url_in_the_same_way() -> None:
    form = check(sign("wss://public/wsa1", TOKEN), "wss://public:443/ws?a=1", TOKEN)
    assert form == SignedForm(query="as_params", port="none")
    assert form.text("wss://internal:9000/api/ws?a=1") == "wss://internal/api/wsa1"


@given(st.sampled_from(list(forms("wss://user:pw@h?b=2&a=1"))))
def test_every_form_is_found_again(candidate: tuple[SignedForm, str]) -> None:
    form, text = candidate
    assert check(sign(text, TOKEN), "wss://user:pw@h?b=2&a=1", TOKEN) == form


@pytest.mark.parametrize("signature", [None, "", "x", "ä", "\udc80", sign("wss://h/", "another token")])
def test_what_is_no_signature_of_it(signature: str | None) -> None:
    assert check(signature, "wss://h/", TOKEN) is None


@given(st.one_of(st.text(st.characters(codec="utf-8")), st.just("wss://h:99999/"), st.just("wss://[::1")))
def test_no_url_raises_and_as_written_always_counts(url: str) -> None:
    assert check(sign(url, TOKEN), url, TOKEN) == SignedForm()


def test_every_character_of_a_signature_counts() -> None:
    good = sign("wss://h/", TOKEN)
    for place in range(len(good)):
        other = "A" if good[place] != "A" else "B"
        assert check(good[:place] + other + good[place + 1 :], "wss://h/", TOKEN) is None
    assert check(good + "=", "wss://h/", TOKEN) is None
    assert check(good[:-1], "wss://h/", TOKEN) is None


@pytest.mark.parametrize(
    ("form", "words"),
    [
        (SignedForm(), "as written"),
        (SignedForm("as_params"), "query as sorted parameters"),
        (SignedForm(port="none", path="slash"), "port removed, slash added"),
        (SignedForm(port="default"), "default port added"),
    ],
)
def test_a_form_in_words(form: Any, words: str) -> None:
    assert str(form) == words
