"""Signature settings of each route, and the secrets that they refer to.

Knows: which settings hold for a route, which belong together, where a reference leads.
Must not know: how a signature is checked.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from relayproxy.errors import SettingError
from relayproxy.settings.model import Settings
from relayproxy.settings.tables import SignatureMode, Verify
from relayproxy.settings.validators import is_loopback, secret_references, split_address, split_reference
from relayproxy.signature import Key

DEFAULT_ROUTE = "default"
"""The name of the way to `backend`."""
MAX_SECRET = 4096
"""Bytes of a secret."""


@dataclass(frozen=True, slots=True)
class SignatureRules:
    """The settings in force for one route. `references` lead to the keys; `chosen`: `verify` was set, not implied."""

    verify: Verify
    chosen: bool
    references: tuple[str, ...]
    signature: SignatureMode


def signature_rules(settings: Settings, route: str) -> SignatureRules:
    """The settings in force for calls over that route; those of a route come before those for all."""
    own = settings.routes.get(route)
    tokens = (own and own.auth_tokens) or settings.auth_tokens
    verify = (own and own.verify) or settings.verify
    return SignatureRules(
        verify or ("report" if tokens else "off"),
        verify is not None,
        tuple(tokens.split(",")) if tokens else (),
        (own and own.signature) or settings.signature,
    )


def route_names(settings: Settings) -> tuple[str, ...]:
    """The routes that there are, `default` first where there is a `backend`."""
    return ((DEFAULT_ROUTE,) if settings.backend else ()) + tuple(settings.routes)


def is_public(settings: Settings) -> bool:
    """True when others than this machine may reach the relay: by its listener, or by a public URL."""
    return settings.public_url is not None or not is_loopback(split_address(settings.listen)[0])


def unverified_routes(settings: Settings) -> tuple[str, ...]:
    """Routes that anyone may call and nobody would know: signatures are not checked, and strangers reach the relay."""
    if not is_public(settings):
        return ()
    return tuple(name for name in route_names(settings) if signature_rules(settings, name).verify == "off")


def require_signatures(settings: Settings, environ: Mapping[str, str] | None = None) -> None:
    """Raises SettingError, worded with what to set, when a route is to check or make signatures and cannot."""
    for route in route_names(settings):
        rules, prefix = signature_rules(settings, route), "" if route == DEFAULT_ROUTE else f"routes.{route}."
        if rules.signature == "resign" and rules.verify == "off":
            raise SettingError(
                f"{prefix}signature=resign: what was not verified is never signed anew; set verify to enforce (or "
                "report), and auth_tokens to where the account's auth token is, such as env:TWILIO_AUTH_TOKEN"
            )
        if rules.verify != "off" and not rules.references:
            raise SettingError(
                f"{prefix}verify={rules.verify}: auth_tokens is not set; where the account's auth token is, is "
                "expected, as --auth-token env:TWILIO_AUTH_TOKEN or "
                'auth_tokens = ["file:/run/secrets/twilio-auth-token"] in the file'
            )
        if rules.verify != "off":
            for reference in rules.references:
                read_key(reference, environ)


def references_in_use(settings: Settings) -> tuple[str, ...]:
    """The references of all routes that check signatures, each once."""
    rules = (signature_rules(settings, route) for route in route_names(settings))
    return tuple(dict.fromkeys(one for each in rules if each.verify != "off" for one in each.references))


def secret_variables(settings: Settings) -> frozenset[str]:
    """The environment variables that hold secrets by reference."""
    return frozenset(_variables(settings))


def _variables(settings: Settings) -> Iterator[str]:
    for tokens in (settings.auth_tokens, *(route.auth_tokens for route in settings.routes.values())):
        for reference in tokens.split(",") if tokens else ():
            _, kind, where = split_reference(reference)
            if kind == "env":
                yield where


def read_key(reference: str, environ: Mapping[str, str] | None = None) -> Key:
    """The key that a reference leads to, white space around it left out. Raises SettingError that names the reference
    and never repeats what was found there."""
    id, kind, where = split_reference(reference)
    try:
        secret = _variable(where, os.environ if environ is None else environ) if kind == "env" else _file(where)
    except ValueError as problem:
        raise SettingError(f"auth_tokens={reference}: {problem}") from None
    return Key(reference, secret, id)


def token_of(text: str) -> str:
    """The token that a reference leads to; any other text is the token itself. Raises ValueError for what begins like a
    reference and is none, SettingError for one that leads nowhere."""
    return read_key(secret_references(text)).secret if text.startswith(("env:", "file:")) else text


def _variable(name: str, environ: Mapping[str, str]) -> str:
    if name not in environ:
        raise ValueError(f"the environment variable {name} is expected, and it is not set")
    return _usable(environ[name], f"the environment variable {name}")


def _file(path: str) -> str:
    try:
        with Path(path).expanduser().open("rb") as file:
            content = file.read(MAX_SECRET + 1)
    except (OSError, RuntimeError) as problem:
        why = getattr(problem, "strerror", None) or "it has no such home folder"
        raise ValueError(f"a readable file with the token is expected at {path} ({why})") from None
    if len(content) > MAX_SECRET:
        raise ValueError(f"{path} has more than {MAX_SECRET} bytes; a file that holds the token alone is expected")
    return _usable(content.decode("utf-8", "surrogateescape"), path)


def _usable(text: str, where: str) -> str:
    secret = text.strip()
    if not secret:
        raise ValueError(f"{where} is empty; the token is expected in it")
    if not secret.isascii() or not secret.isprintable() or " " in secret:
        raise ValueError(f"{where} has white space or odd characters within it; the token alone is expected in it")
    return secret
