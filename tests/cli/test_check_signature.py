"""`relayproxy check-signature`: which URL a signature is for, and why it does not match."""

from typing import Any

import pytest
from click.testing import CliRunner

from relayproxy.cli.check_signature import SignatureHeaders, examine, read_headers
from relayproxy.cli.main import main
from relayproxy.signature import Key, SignedForm, sign

TOKEN = "0123456789abcdef0123456789abcdef"
URL = "wss://relay.example.com/ws?b=2&a=1"
PRIMARY, SECONDARY, SHARED = Key("env:ONE", "one"), Key("env:TWO", "two"), Key("WK1=env:THREE", "three", "WK1")


def said(*arguments: str, stdin: str = "", **environ: str | None) -> tuple[int, str]:
    env = {"TWILIO_AUTH_TOKEN": TOKEN, "RELAYPROXY_AUTH_TOKENS": None} | environ
    result = CliRunner().invoke(main, ["check-signature", *arguments], input=stdin, env=env)
    return result.exit_code, result.output


def test_the_form_and_the_key_that_match_are_named_and_the_others_listed() -> None:
    signature = sign(SignedForm("as_params").text(URL), "two")
    lines, accepted = examine(URL, SignatureHeaders(signature, None), [PRIMARY, SECONDARY])

    assert accepted
    assert lines[0] == "It matches this URL, with env:TWO and not with env:ONE."
    assert "  yes  wss://relay.example.com/wsa1b2  (query as sorted parameters)" in lines
    assert f"  no   {URL}  (as written)" in lines
    assert [line[:5] for line in lines[1:]].count("  yes") == 1


@pytest.mark.parametrize(
    ("signed", "words"),
    [
        ("wss://relay.example.com/ws/?b=2&a=1", "the same with a / at the end of its path"),
        ("https://relay.example.com/ws?b=2&a=1", "the same with https:// instead of wss://"),
        ("wss://relay.example.com:8443/ws?b=2&a=1", "the same with port 8443"),
        ("wss://relay.example.com/ws?a=1&b=2", "the same with its query's parameters sorted"),
        ("wss://relay.example.com/ws", "the same without its query"),
        ("https://relay.example.com/ws/?b=2&a=1", "the same with https:// instead of wss:// and with a / at the end"),
    ],
)
def test_the_url_that_it_is_for_is_told_with_how_it_differs(signed: str, words: str) -> None:
    code, text = said(URL, "--signature", sign(signed, TOKEN))

    assert code == 1
    assert "It does not match this URL, with env:TWILIO_AUTH_TOKEN." in text
    assert f"It is for another URL:\n       {signed}\n       {words}" in text


def test_what_is_left_to_look_at_is_told_where_no_url_is_found() -> None:
    code, text = said("wss://elsewhere.example.com/", "--signature", sign(URL, TOKEN))

    assert code == 1
    assert "Nor is it for a URL like it" in text
    assert "the token: of the account" in text


def test_half_a_signature_is_told() -> None:
    code, text = said(URL, "--signature", sign(URL, TOKEN)[:20])

    assert code == 1
    assert "It is no whole signature: that is base64, of 28 characters with an auth token" in text


def test_all_headers_of_a_request_may_be_pasted() -> None:
    signature = sign(URL, "three", algorithm="sha256")
    pasted = (
        f"Host: relay.example.com\r\nX-Twilio-Webhooks-Signature-Settings: key=WK1,algorithm=HMAC_SHA256\r\n"
        f"x-twilio-signature:  {signature}\r\n"
    )

    code, text = said(
        URL, "--auth-token", "WK1=env:THREE", "--auth-token", "env:ONE", stdin=pasted, ONE="1", THREE="three"
    )

    assert code == 0
    assert text.startswith("It matches this URL, with WK1=env:THREE.\n")
    assert read_headers(pasted) == SignatureHeaders(signature, "key=WK1,algorithm=HMAC_SHA256")
    assert (
        read_headers(signature) == read_headers(f"X-Twilio-Signature: {signature}") == SignatureHeaders(signature, None)
    )


def test_signatures_that_differ_are_refused_as_the_relay_does() -> None:
    one, other = sign(URL, TOKEN), sign(f"{URL}x", TOKEN)
    pasted = f"X-Twilio-Signature: {one}\nx-amzn-bedrock-agentcore-runtime-custom-twilio-signature: {{}}\n"

    assert said(URL, stdin=pasted.format(one))[0] == 0
    code, text = said(URL, stdin=pasted.format(other))
    assert code == 1
    assert text.startswith("There are several signatures, and they differ: relayproxy accepts none")
    assert "It matches this URL" in text


def test_a_shared_keys_signature_is_known_by_its_length() -> None:
    signature = sign(URL, "three", algorithm="sha256")

    assert examine(URL, SignatureHeaders(signature, None), [PRIMARY, SHARED]).accepted
    lines, accepted = examine(URL, SignatureHeaders(signature, None), [PRIMARY])
    assert not accepted
    assert lines == (
        "It cannot be checked: it is made with a shared key, and auth_tokens has none of that id (KEYID=env:NAME).",
    )


def test_tokens_are_where_the_settings_say() -> None:
    assert said(URL, "--signature", sign(URL, "one"), RELAYPROXY_AUTH_TOKENS="env:ONE", ONE="one")[0] == 0


@pytest.mark.parametrize(
    ("arguments", "environ", "words"),
    [
        ((URL,), {}, "no signature: the value of X-Twilio-Signature is expected"),
        ((URL, "--signature", "x"), {"TWILIO_AUTH_TOKEN": None}, "no token: --auth-token is expected"),
        ((URL, "--signature", "x", "--auth-token", TOKEN), {}, "references to secrets are expected, never a secret"),
        ((URL, "--signature", "x", "--auth-token", "env:NO"), {}, "the environment variable NO is expected"),
        (("https://relay.example.com/ws", "--signature", "x"), {}, "a ws:// or wss:// URL such as"),
    ],
)
def test_what_is_missing_is_told(arguments: tuple[str, ...], environ: dict[str, Any], words: str) -> None:
    code, text = said(*arguments, **environ)

    assert code == 2
    assert words in text
    assert TOKEN not in text
