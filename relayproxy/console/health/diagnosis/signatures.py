"""Signatures of each route: whether anyone may call it, what was found lately, and what to do about it.

Knows: settings and the newest calls; the words for what they mean together.
Must not know: SQL, HTML; how a signature is checked.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

import msgspec

from relayproxy.connection import Opening, SignatureCheck
from relayproxy.console.health.reachability import CheckState
from relayproxy.plural import plural
from relayproxy.settings.model import Settings
from relayproxy.settings.signatures import (
    DEFAULT_ROUTE,
    SignatureRules,
    route_names,
    signature_rules,
    unverified_routes,
)
from relayproxy.store.read.signatures import RecentSignatures

NOTED = 3600 * 1_000_000_000
"""Nanoseconds for which a call that Twilio has not signed is worth a warning."""
BAD_CALLS = "/sessions?q=signature%3Awrong%2Cmissing"
_CHECKED = ("valid", "wrong")
_opening = msgspec.json.Decoder(Opening)


@dataclass(frozen=True, slots=True)
class SignatureNote:
    """What is to be said of a route's signatures. `title`, `detail` and `action` are sentences with code in backticks,
    the title without a full stop; `action` is empty where there is nothing to do."""

    state: CheckState
    title: str
    detail: str = ""
    action: str = ""
    link: str | None = None
    """The calls that it is about."""


@dataclass(frozen=True, slots=True)
class RouteSignatures:
    """The facts about a route. `anyone`: whoever reaches it may call, and others than this machine do."""

    route: str
    rules: SignatureRules
    anyone: bool
    public_url: str | None
    recent: RecentSignatures

    def count(self, state: str) -> int:
        """How many of its last calls have a signature of this state."""
        return self.recent.states.count(state)

    @property
    def named(self) -> str:
        """Its name within a sentence; empty for the way to `backend`."""
        return "" if self.route == DEFAULT_ROUTE else f" on route {self.route}"

    @property
    def last_wrong(self) -> SignatureCheck | None:
        """The check of the last call that Twilio has not signed, where that had a wrong signature."""
        found = None
        # What another version wrote in another shape tells nothing.
        with suppress(msgspec.DecodeError):
            found = _opening.decode(self.recent.bad_opening or "").signature
        return found if found is not None and found.state == "wrong" else None


def route_signatures(settings: Settings, recent: Mapping[str, RecentSignatures]) -> tuple[RouteSignatures, ...]:
    """The facts about every route that there is, with what its newest calls had."""
    found, open_to_all = [], unverified_routes(settings)
    for route in route_names(settings):
        of_route = recent.get(route, RecentSignatures(()))
        # A relay that was started apart may have other settings than this process: its calls tell.
        checked = next((state for state in of_route.states if state != "missing"), None) in _CHECKED
        anyone = route in open_to_all and not checked
        found.append(RouteSignatures(route, signature_rules(settings, route), anyone, settings.public_url, of_route))
    return tuple(found)


def note(one: RouteSignatures, now: int) -> SignatureNote | None:
    """What to say of a route as of `now` (wall nanoseconds); None where there is nothing to say yet."""
    if one.anyone:
        return _anyone(one)
    if one.rules.verify == "off" and not any(state in _CHECKED for state in one.recent.states):
        return None
    looked_at = sum(1 for state in one.recent.states if state != "unchecked")
    if not looked_at:
        return None
    bad = one.count("wrong") or one.count("missing")
    if not bad:
        last = (
            f"All of the last {looked_at} calls{one.named} were" if looked_at > 1 else f"The last call{one.named} was"
        )
        return SignatureNote("ok", f"{last} signed by Twilio")
    recent = one.recent.bad_at is not None and now - one.recent.bad_at < NOTED
    some = "All" if bad == looked_at else str(bad)
    share = f"{some} of the last {looked_at} calls" if looked_at > 1 else "The last call"
    title = f"{share}{one.named} carried a wrong signature"
    if not one.count("wrong"):
        title = f"{share}{one.named} {'were' if bad > 1 else 'was'} not signed"
    detail, action = _meaning(one)
    return SignatureNote("warn" if recent else "ok", title, detail, action if recent else "", BAD_CALLS)


def notes(routes: tuple[RouteSignatures, ...], now: int) -> tuple[SignatureNote, ...]:
    """What to say of all routes, the worst first."""
    found = (note(one, now) for one in routes)
    return tuple(sorted((one for one in found if one is not None), key=lambda one: one.state != "warn"))


def _anyone(one: RouteSignatures) -> SignatureNote:
    title = f"Anyone may call{one.named}: Twilio's signature is not checked"
    if one.rules.chosen:
        return SignatureNote(
            "ok", title, "`verify` is `off`, so nothing but your backend's own check keeps strangers from your agent."
        )
    return SignatureNote(
        "warn",
        title,
        "Whoever knows the address can start your agent, and what they say is recorded.",
        "Set `auth_tokens` to where the account's auth token is (`--auth-token env:TWILIO_AUTH_TOKEN`) and `verify` to "
        "`enforce`; or `verify` to `off` where that is meant.",
    )


def _meaning(one: RouteSignatures) -> tuple[str, str]:
    valid, wrong = one.count("valid"), one.count("wrong")
    if one.last_wrong and one.last_wrong.signed_url:
        return (
            _last(one).strip(),
            "Twilio has signed it, and for another URL than relayproxy knows: make the URL in Studio or TwiML and "
            "`public_url` the same.",
        )
    if wrong and valid:
        return (
            f"{_last(one)}{plural(valid, 'other')} {'was' if valid == 1 else 'were'} signed by Twilio.",
            "See whether another flow has another URL for this relay; else these are strangers, and `verify = enforce` "
            "turns them away.",
        )
    if wrong:
        told = f"`public_url` ({one.public_url})" if one.public_url else "The URL that the front end tells"
        return (
            f"{_last(one)}{told} may not be the URL in Studio or TwiML, or the token in `auth_tokens` not this "
            "account's.",
            "Set `public_url` to the beginning of that URL, exactly as it is written there; `relayproxy "
            "check-signature` tells which URL a signature is for.",
        )
    if valid:
        return (
            f"{plural(valid, 'other')} {'was' if valid == 1 else 'were'} signed by Twilio.",
            "Twilio signs every call, so these came from somewhere else; `verify = enforce` turns them away.",
        )
    return (
        "Twilio signs every call, so they came from somewhere else, or something in between takes the header away.",
        "See whether the proxy in front passes `X-Twilio-Signature` on.",
    )


def _last(one: RouteSignatures) -> str:
    wrong = one.last_wrong
    if wrong is None or not wrong.problem:
        return ""
    return f"Of the last one: {wrong.problem}{f': {wrong.signed_url}' if wrong.signed_url else ''}. "
