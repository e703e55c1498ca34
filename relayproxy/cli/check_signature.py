"""The `check-signature` command: which URL a signature is for.

Knows: what to ask for, and the words for each result.
Must not know: how a URL is signed.
"""

import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import click

from relayproxy.cli.options import checked, settings_of, settings_options
from relayproxy.errors import SettingError
from relayproxy.relay.handshake.verification import keys_for, no_key
from relayproxy.settings.signatures import read_key
from relayproxy.settings.validators import websocket_url
from relayproxy.signature import (
    HEADERS,
    SETTINGS_HEADER,
    Key,
    SignatureSettings,
    check,
    forms,
    near_misses,
    read_settings,
)

USUAL = "env:TWILIO_AUTH_TOKEN"
"""The reference that is tried where none is given."""
_SHA1, _SHA256 = 28, 44
"""Characters of a signature."""


class SignatureHeaders(NamedTuple):
    """Twilio's headers, as far as they were given."""

    signature: str | None
    """The first, where there are several."""
    settings: str | None
    differ: bool = False
    """There are several, and they are not the same: relayproxy accepts none of them then."""


class CheckResult(NamedTuple):
    """Lines to print, and whether relayproxy accepts the signature for the URL."""

    lines: tuple[str, ...]
    accepted: bool


def read_headers(text: str) -> SignatureHeaders:
    """Twilio's headers from pasted text: whole headers in any order, or the signature alone."""
    signatures: list[str] = []
    settings: str | None = None
    for line in text.splitlines():
        name, colon, value = line.partition(":")
        name = name.strip().lower()
        if name in HEADERS:
            signatures.append(value.strip())
        elif name == SETTINGS_HEADER and settings is None:
            settings = value.strip()
        elif not colon and line.strip() and not signatures:
            signatures.append(line.strip())
    return SignatureHeaders(signatures[0] if signatures else None, settings, len(set(signatures)) > 1)


def examine(url: str, headers: SignatureHeaders, keys: Sequence[Key]) -> CheckResult:
    """The result for a signature that came with a request for `url`, which is the one that Twilio was given."""
    if headers.differ:
        of_first = examine(url, headers._replace(differ=False), keys)
        why = "relayproxy accepts none, since nobody knows at which one the backend looks"
        return CheckResult(
            (f"There are several signatures, and they differ: {why}. Of the first:", *of_first.lines), False
        )
    signature = headers.signature or ""
    settings = read_settings(headers.settings)
    if headers.settings is None and len(signature) == _SHA256:
        settings = SignatureSettings(None, "sha256")
    usable = keys_for(settings, keys)
    if not usable:
        return CheckResult((f"It cannot be checked: {no_key(settings, usable)}.",), False)
    tried = list(_forms(signature, url, usable))
    matching = next((key for _, key in tried if key is not None), None)
    table = tuple(line for line, _ in tried)
    names = ", ".join(key.name for key in usable)
    if matching is not None:
        others = ", ".join(key.name for key in usable if key is not matching)
        return CheckResult(
            (f"It matches this URL, with {matching.name}{f' and not with {others}' if others else ''}.", *table), True
        )
    begin = (f"It does not match this URL, with {names}.", *table)
    miss = next(near_misses(signature, usable, (url,), differences=2), None)
    if miss is not None:
        return CheckResult(
            (
                *begin,
                "It is for another URL:",
                f"       {miss.url}",
                f"       the same {miss.words}; with {miss.key.name}",
                "Either Twilio was given that one (see Studio or the TwiML; relayproxy's public_url has to be its "
                "beginning), or something in between changes the URL on its way.",
            ),
            False,
        )
    return CheckResult((*begin, *_left(signature, len(usable))), False)


def _forms(signature: str, url: str, keys: Sequence[Key]) -> Iterator[tuple[str, Key | None]]:
    for form, text in forms(url):
        # A form's text is signed as it stands.
        key = next((key for key in keys if _signs(signature, text, key)), None)
        yield f"  {'yes' if key else 'no ':3}  {text}  ({form})", key


def _signs(signature: str, text: str, key: Key) -> bool:
    found = check(signature, text, key.secret, key.algorithm)
    return found is not None and found.text(text) == text


def _left(signature: str, keys: int) -> Iterator[str]:
    if not re.fullmatch(r"[A-Za-z0-9+/]+={1,2}", signature) or len(signature) not in (_SHA1, _SHA256):
        yield (
            f"It is no whole signature: that is base64, of {_SHA1} characters with an auth token and {_SHA256} with a "
            "shared key."
        )
        return
    yield "Nor is it for a URL like it: another scheme or port, a / more or less, the query in another order or absent."
    yield "What is left to look at:"
    yield (
        f"  * the token{'s' if keys > 1 else ''}: of the account (or subaccount) that the call is in, its primary one, "
        "not an API key's secret"
    )
    yield "  * the host: the URL to check is the one in Studio or the TwiML, not the backend's or the tunnel's"
    yield "  * the signature: of that very request, and whole"


@click.command("check-signature", short_help="Tell which URL a signature of Twilio's is for.")
@click.argument("url", callback=checked(websocket_url))
@click.option(
    "--signature",
    metavar="TEXT",
    help="The value of X-Twilio-Signature. Without it, it is asked for, or read from standard input, where all headers "
    "of the request may stand.",
)
@settings_options("auth_tokens")
def check_signature(url: str, signature: str | None, config: Path | None, **flags: Any) -> None:
    """Checks a signature against URL, the one that Twilio was given, in every form in which it may have been signed;
    and where none matches, against URLs that are easily mistaken for it.

    The token is where auth_tokens says, in the settings or by --auth-token, else in TWILIO_AUTH_TOKEN. Exits with 0
    when relayproxy accepts the signature, with 1 when it does not.
    """
    tokens = settings_of(config, flags).auth_tokens
    try:
        keys = [read_key(reference) for reference in (tokens or USUAL).split(",")]
    except SettingError as problem:
        if tokens:
            raise
        raise SettingError(
            "no token: --auth-token is expected, such as env:TWILIO_AUTH_TOKEN or file:PATH, or that variable"
        ) from problem
    if signature is None:
        signature = str(click.prompt("X-Twilio-Signature", err=True)) if sys.stdin.isatty() else sys.stdin.read()
    headers = read_headers(signature)
    if not headers.signature:
        raise SettingError("no signature: the value of X-Twilio-Signature is expected, or all headers of the request")
    result = examine(url, headers, keys)
    click.echo("\n".join(result.lines))
    if not result.accepted:
        raise click.exceptions.Exit(1)
