"""Signature settings of each route, and the secrets that they refer to.

Knows: which settings hold for a route, which belong together, which keys their references mean.
Must not know: how a signature is checked.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from relayproxy.errors import SettingError
from relayproxy.settings.model import Settings
from relayproxy.settings.references import secret_at, variables
from relayproxy.settings.tables import SignatureMode, Verify
from relayproxy.settings.validators import is_loopback, secret_references, split_address, split_reference
from relayproxy.signature import Key

DEFAULT_ROUTE = "default"
"""The name of the way to `backend`."""


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
    given = (settings.auth_tokens, *(route.auth_tokens for route in settings.routes.values()))
    return variables(one for tokens in given if tokens for one in tokens.split(","))


def read_key(reference: str, environ: Mapping[str, str] | None = None) -> Key:
    """The key that a reference leads to, white space around it left out. Raises SettingError that names the reference
    and never repeats what was found there."""
    try:
        secret = secret_at(reference, "the token", environ)
    except ValueError as problem:
        raise SettingError(f"auth_tokens={reference}: {problem}") from None
    if not secret.isascii() or " " in secret:
        raise SettingError(f"auth_tokens={reference}: a token without white space and odd characters is expected there")
    return Key(reference, secret, split_reference(reference)[0])


def token_of(text: str) -> str:
    """The token that a reference leads to; any other text is the token itself. Raises ValueError for what begins like a
    reference and is none, SettingError for one that leads nowhere."""
    return read_key(secret_references(text)).secret if text.startswith(("env:", "file:")) else text
