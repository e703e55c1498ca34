"""Verification of Twilio's signature on an upgrade request, and the signature that the backend gets.

Knows: which headers carry it, which URLs it may be for, which keys may have made it; how often reasons are looked for.
Must not know: sockets, aiohttp; what is answered.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from relayproxy.connection import SignatureCheck
from relayproxy.relay.headers import RECORDED_TEXT, Headers, cut, mask_query, value_of
from relayproxy.settings.signatures import SignatureRules
from relayproxy.settings.tables import SignatureMode
from relayproxy.signature import (
    HEADERS,
    SETTINGS_HEADER,
    Key,
    SignatureSettings,
    SignedForm,
    covering,
    near_misses,
    read_settings,
    sign,
)

LONGEST_LOOKED_AT = 512
MOST_LOOKED_AT = 10
"""Characters of a URL, and parameters of its query, above which no reason is looked for."""
LOOK_EVERY = 1.0
"""Seconds between two searches for the reason of a wrong signature, which cost as much as a handshake."""


@dataclass(frozen=True, slots=True)
class Verification:
    """Result of a check: for the record, and the key and the form, of a valid signature, to sign in the same way."""

    check: SignatureCheck
    key: Key | None = None
    form: SignedForm | None = None


class Verifier:
    """Checks signatures with the keys that `key_of` gives for a reference (None: it has none at present)."""

    def __init__(self, key_of: Callable[[str], Key | None], clock: Callable[[], float] = time.monotonic) -> None:
        self._key_of = key_of
        self._clock = clock
        self._look_from = float("-inf")

    def verify(
        self, headers: Headers, rules: SignatureRules, urls: Sequence[str], others: Sequence[str] = ()
    ) -> Verification:
        """Checks a request of a route with these rules. It is signed for one of `urls`, the likeliest first; should it
        be signed for one of `others`, or a URL that looks like any, that is told as the reason."""
        signatures = [value for name, value in headers if name.lower() in HEADERS]
        if not signatures:
            return Verification(SignatureCheck("missing"))
        if rules.verify == "off":
            return Verification(SignatureCheck("unchecked"))
        settings = read_settings(value_of(headers, SETTINGS_HEADER))
        keys = keys_for(settings, [key for key in map(self._key_of, rules.references) if key is not None])
        shown = _shown(urls[0])
        # A backend may look at any of them, so that one wrong signature spoils the others.
        if len(set(signatures)) == 1:
            for url in urls:
                found = covering(signatures[0], url, keys)
                if found is not None:
                    form, key = found
                    return Verification(SignatureCheck("valid", _shown(url), str(form), key.name), key, form)
            problem, signed_url = no_key(settings, keys), None
            if problem is None:
                problem, signed_url = self._look(signatures[0], keys, (*urls, *others))
        else:
            problem, signed_url = "it carries several signatures, and they differ", None
        return Verification(SignatureCheck("wrong", shown, problem=problem, signed_url=signed_url))

    def _look(self, signature: str, keys: Sequence[Key], urls: Sequence[str]) -> tuple[str | None, str | None]:
        """The reason in words, and the URL that it is for; None for what was not found, or not looked for now."""
        long = any(len(url) > LONGEST_LOOKED_AT or url.count("&") >= MOST_LOOKED_AT for url in urls)
        if long or self._clock() < self._look_from:
            return None, None
        self._look_from = self._clock() + LOOK_EVERY
        for found in near_misses(signature, keys, urls):
            # The words are logged, so that nothing of path and query is in them.
            origin = "/".join(found.url.split("/", 3)[:3])
            how = found.words or f"at {origin}, as headers say that are not believed: set public_url or trusted_proxies"
            return f"it is for another URL, {how}", _shown(found.url)
        which = "the key" if len(keys) == 1 else f"any of the {len(keys)} keys"
        return f"no likely URL gives it with {which} in auth_tokens", None


def with_signature(headers: Headers, mode: SignatureMode, found: Verification, url: str) -> Headers:
    """The headers with the signature that the backend gets; `url` is the one that it sees.

    A signature is made anew only in place of a valid one, with the same key and the query written in the same form.
    """
    if mode == "strip":
        return [(name, value) for name, value in headers if name.lower() not in (*HEADERS, SETTINGS_HEADER)]
    if mode == "preserve" or found.key is None or found.form is None:
        return headers
    text = SignedForm(query=found.form.query).text(url)
    signature = sign(text, found.key.secret, algorithm=found.key.algorithm)
    return [(name, signature if name.lower() in HEADERS else value) for name, value in headers]


def _shown(url: str) -> str:
    """The URL for the record."""
    return cut(mask_query(url[: 2 * RECORDED_TEXT]))


def keys_for(settings: SignatureSettings, keys: Sequence[Key]) -> list[Key]:
    """The keys that may have signed a request with that settings header."""
    if settings.algorithm != "sha256":
        return [key for key in keys if key.id is None and settings.algorithm is not None]
    return [key for key in keys if key.id is not None and settings.key in (None, key.id)]


def no_key(settings: SignatureSettings, keys: Sequence[Key]) -> str | None:
    """The reason in words why no key can have made a signature; None when `keys` (`keys_for` it) has one."""
    if keys:
        return None
    if settings.algorithm is None:
        return "it is made by an algorithm that relayproxy does not know"
    if settings.algorithm == "sha256":
        return "it is made with a shared key, and auth_tokens has none of that id (KEYID=env:NAME)"
    return "it is made with an auth token, and auth_tokens has only shared keys"
