"""Signatures, held against Twilio's own validators for Python and Node.

What the one for Node signs and accepts is in `node_signatures.json`, which `node_signatures.js` says how to make.
"""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twilio.request_validator import RequestValidator  # type: ignore[import-untyped]

from relayproxy.signature import (
    MAX_PARAMETERS,
    Key,
    SignedForm,
    check,
    forms,
    lookalikes,
    near_misses,
    read_settings,
    sign,
)

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
    url, params = "wss://h/ws?b=2&a=1%20x", {"a": "1 x", "b": "2"}
    signature = sign("wss://h/ws", TOKEN, params)
    assert twilio.validate("wss://h/ws", params, signature)
    assert check(signature, url, TOKEN) == SignedForm(query="as_params")


@pytest.mark.parametrize("more", ["&a=2", "&b=", "&b", "&a=1", "&%61=2"])
def test_what_parameters_would_leave_unsigned_spoils_the_signature(more: str) -> None:
    signature = sign("wss://h/ws", TOKEN, {"a": "1"})
    assert check(signature, "wss://h/ws?a=1", TOKEN) is not None
    assert check(signature, f"wss://h/ws?a=1{more}", TOKEN) is None
    assert check(sign(f"wss://h/ws?a=1{more}", TOKEN), f"wss://h/ws?a=1{more}", TOKEN) == SignedForm()


def test_a_query_signed_as_parameters_reads_in_several_ways_and_one_signed_in_its_url_in_one() -> None:
    as_parameters, in_url = sign("wss://h/ws", TOKEN, {"a": "12"}), sign("wss://h/ws?a=12", TOKEN)
    for other in ("wss://h/ws?a1=2", "wss://h/wsa12"):
        assert check(as_parameters, other, TOKEN) is not None
        assert check(in_url, other, TOKEN) is None
    assert twilio.validate("wss://h/ws", {"a1": "2"}, as_parameters), "Twilio's own check cannot tell them apart either"


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


NODE = json.loads((Path(__file__).parent / "node_signatures.json").read_text("utf-8"))


@pytest.mark.parametrize("url", NODE["signed"], ids=lambda one: one["url"])
def test_twilio_for_node_signs_the_same(url: dict[str, str]) -> None:
    assert sign(url["url"], NODE["token"]) == url["sha1"]
    assert sign(url["url"], NODE["token"], algorithm="sha256") == url["sha256"]


def test_what_twilio_for_node_accepts_is_accepted() -> None:
    signatures = {one["url"]: one["sha1"] for one in NODE["signed"]}
    refused = [pair for pair in NODE["accepted"] if check(signatures[pair[0]], pair[1], NODE["token"]) is None]

    assert len(NODE["accepted"]) > len(NODE["signed"])
    # It also tries the URL as a browser would write it, for signers other than Twilio, whose text is the URL as given.
    assert refused == [
        ["wss://h/relay", "wss://H/relay"],
        ["wss://h:80/relay", "wss://h:443/relay"],
        ["wss://h:80/relay", "wss://H/relay"],
        ["wss://h/r?a=%20", "wss://h/r?a=+"],
    ]


@pytest.mark.parametrize(("header", "algorithm"), NODE["settings"])
def test_the_settings_header_names_the_algorithm_as_for_node(header: str, algorithm: str) -> None:
    assert read_settings(header).algorithm == algorithm.lower().removeprefix("hmac_")


def test_a_settings_header_names_the_key_and_an_unknown_algorithm_is_none() -> None:
    assert read_settings("key=WK1,algorithm=HMAC_SHA256") == ("WK1", "sha256")
    assert read_settings(" algorithm=HMAC_MD5 , key = WK1 ") == ("WK1", None)
    assert read_settings(None) == (None, "sha1")


@given(st.text(st.characters(codec="utf-8")), st.sampled_from(["HMAC_SHA1", "HMAC_SHA256"]))
def test_twilio_signs_the_same_by_either_algorithm(url: str, algorithm: str) -> None:
    ours = sign(url, TOKEN, algorithm="sha256" if algorithm.endswith("256") else "sha1")
    assert ours == twilio.compute_signature(url, {}, algorithm)


HOST = st.sampled_from(["h", "relay.example.com", "H.example", "10.0.0.7"])
URL = st.builds(
    "{}://{}{}{}{}".format,
    st.sampled_from(["wss", "ws", "https", "http"]),
    HOST,
    st.sampled_from(["", ":443", ":80", ":8443"]),
    st.sampled_from(["/", "/ws", "/ws/", "//ws", "/r/sales/%7e"]),
    st.sampled_from(["", "?a=1", "?b=2&a=1", "?a=%20", "?a=+"]),
)


@given(URL, URL)
def test_what_twilios_validator_accepts_is_accepted(signed: str, seen: str) -> None:
    if twilio.validate(seen, {}, sign(signed, TOKEN)):
        assert check(sign(signed, TOKEN), seen, TOKEN) is not None


@given(URL, st.integers(0, 40))
def test_a_lookalike_is_found_by_its_signature_and_never_accepted(url: str, at: int) -> None:
    others = list(lookalikes(url))
    words, other = others[at % len(others)]
    signature = sign(other, TOKEN)
    if check(signature, url, TOKEN) is None:
        miss = next(near_misses(signature, [Key("env:T", TOKEN)], [url]))
        assert check(signature, miss.url, TOKEN) is not None
        assert miss.words in {each.words for each in others}
    assert words


@pytest.mark.parametrize(
    "query", ["&".join(f"a{number}=1" for number in range(MAX_PARAMETERS + 1)), "a=" + "%41" * 3000]
)
def test_a_query_of_many_or_long_parameters_costs_a_stranger_more_than_the_relay(query: str) -> None:
    many = f"wss://h/ws?{query}"

    assert {form.query for form, _ in forms(many)} == {"in_url"}
    assert check(sign(many, TOKEN), many, TOKEN) == SignedForm()


def test_a_key_never_shows_its_secret() -> None:
    assert repr(Key("env:T", "secret", "WK1")) == "Key(name='env:T', id='WK1')"
    assert (Key("a", "s").algorithm, Key("a", "s", "WK1").algorithm) == ("sha1", "sha256")
