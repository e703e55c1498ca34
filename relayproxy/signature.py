"""Twilio signatures: how a URL is signed, and which forms of it a signature covers.

Knows: base64(HMAC(key, URL + sorted parameters)), the two algorithms and the names of the headers, and how the URL text
varies between signers.
Must not know: where keys come from, what happens to a request that does not match.

Frames are not signed, only the upgrade request; its text is the URL of the TwiML as written there (`wss://…`).
Bytes matter: nothing here decodes, lower-cases or re-encodes what it does not have to.
"""

import base64
import hmac
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple
from urllib.parse import parse_qs, parse_qsl, quote, unquote

HEADER = "x-twilio-signature"
HEADERS = (HEADER, "x-amzn-bedrock-agentcore-runtime-custom-twilio-signature")
"""Both headers in which Twilio sends a signature, with the same value, in lower case."""
SETTINGS_HEADER = "x-twilio-webhooks-signature-settings"
"""`key=<id of the shared key>,algorithm=HMAC_SHA256`; without it, HMAC-SHA1 and the account's auth token."""

Algorithm = Literal["sha1", "sha256"]
_ALGORITHMS: dict[str, Algorithm] = {"HMAC_SHA1": "sha1", "HMAC_SHA256": "sha256"}
MAX_PARAMETERS = 100
MAX_QUERY = 8192
"""Parameters and characters of a query above which it is not tried as parameters: to read them takes time, which
strangers could ask for."""
_LONGEST = 64
"""Characters from which on a text is no signature: base64 of SHA-256 has 44."""

_URL = re.compile(
    r"(?P<scheme>[a-z][a-z0-9+.-]*)://(?P<host>(?:[^/?#@]*@)?(?:\[[^\]/?#]*\]|[^/?#:\[\]]+))"
    r"(?P<port>:[0-9]+)?(?P<path>/[^?]*)?(?P<query>\?.*)?",
    re.IGNORECASE | re.DOTALL,
)
_DEFAULT_PORTS = {"wss": ":443", "https": ":443", "ws": ":80", "http": ":80"}


class SignedForm(NamedTuple):
    """One way to write a URL down for signing. Apply it to another URL to sign that one in the same way."""

    query: Literal["in_url", "as_params"] = "in_url"
    """`as_params`: the URL ends before `?`, and the query follows as sorted name and value, decoded
    (twilio-agent-connect does so; of a repeated name it takes the first value, and it skips empty ones).
    What is left out so is not signed, and where a name ends and its value begins is not either."""
    port: Literal["as_written", "default", "80", "none"] = "as_written"
    """`default`: the scheme's default port spelled out where no port was written. `80`: that port, which Twilio's SDKs
    add to every scheme but `https`. `none`: no port."""
    path: Literal["as_written", "slash"] = "as_written"
    """`slash`: `/` for a URL that has no path."""

    def text(self, url: str) -> str:
        """The text that is signed for `url` in this form; `url` itself where the form has nothing to change."""
        parts = _URL.fullmatch(url)
        if parts is None:
            return url
        query = parts["query"] or ""
        return self._before_query(parts) + (query if self.query == "in_url" else _as_params(query))

    def _before_query(self, parts: re.Match[str]) -> str:
        port = parts["port"] or ""
        if self.port == "none":
            port = ""
        elif not port and self.port != "as_written":
            port = _DEFAULT_PORTS.get(parts["scheme"].lower(), "") if self.port == "default" else ":80"
        path = parts["path"] or ("/" if self.path == "slash" else "")
        return f"{parts['scheme']}://{parts['host']}{port}{path}"

    def __str__(self) -> str:
        ports = {"as_written": "", "default": "default port added", "80": "port 80 added", "none": "port removed"}
        words = [
            "query as sorted parameters" if self.query == "as_params" else "",
            ports[self.port],
            "slash added" if self.path == "slash" else "",
        ]
        return ", ".join(filter(None, words)) or "as written"


_QUERIES: tuple[Literal["in_url", "as_params"], ...] = ("in_url", "as_params")
_PORT_FORMS: tuple[Literal["as_written", "default", "none", "80"], ...] = ("as_written", "default", "none", "80")
_PATH_FORMS: tuple[Literal["as_written", "slash"], ...] = ("as_written", "slash")


def _as_params(query: str) -> str:
    return _joined({name: values[0] for name, values in parse_qs(query[1:]).items()})


def _is_all_params(query: str) -> bool:
    """Whether a query is short enough to be tried as parameters, and none of it would go unsigned so."""
    if query.count("&") >= MAX_PARAMETERS or len(query) > MAX_QUERY:
        return False
    return len(parse_qsl(query[1:], keep_blank_values=True)) == len(parse_qs(query[1:]))


def _joined(params: Mapping[str, str]) -> str:
    return "".join(name + params[name] for name in sorted(params))


@dataclass(frozen=True, slots=True)
class Key:
    """A secret that Twilio signs with: an account's auth token, or a shared key, which has an `id`."""

    name: str
    """What people call it: the reference by which it is configured."""
    secret: str = field(repr=False)
    id: str | None = None

    @property
    def algorithm(self) -> Algorithm:
        """Twilio signs with auth tokens by SHA-1, with shared keys by SHA-256."""
        return "sha1" if self.id is None else "sha256"


class SignatureSettings(NamedTuple):
    """The contents of the settings header: which key signed, and how; `algorithm` None: one that is not known here."""

    key: str | None
    algorithm: Algorithm | None


def read_settings(header: str | None) -> SignatureSettings:
    """The contents of a settings header, of which any part may be missing, as Twilio's SDKs read it."""
    parts = (part.partition("=") for part in (header or "").split(","))
    given = {name.strip(): value.strip() for name, _, value in parts}
    return SignatureSettings(given.get("key") or None, _ALGORITHMS.get((given.get("algorithm") or "HMAC_SHA1").upper()))


def sign(url: str, secret: str, params: Mapping[str, str] | None = None, algorithm: Algorithm = "sha1") -> str:
    """The value of `X-Twilio-Signature` for `url`, with the form parameters of a webhook if there are any."""
    text = (url + _joined(params or {})).encode("utf-8", "surrogateescape")
    return base64.b64encode(hmac.digest(secret.encode(), text, algorithm)).decode()


def forms(url: str) -> Iterator[tuple[SignedForm, str]]:
    """Every form that writes `url` differently, with its text; as written first."""
    parts = _URL.fullmatch(url)
    if parts is None:
        yield SignedForm(), url
        return
    seen: set[str] = set()
    query = parts["query"] or ""
    for kind in _QUERIES if _is_all_params(query) else _QUERIES[:1]:
        tail = query if kind == "in_url" else _as_params(query)
        for port in _PORT_FORMS:
            for path in _PATH_FORMS:
                form = SignedForm(kind, port, path)
                text = form._before_query(parts) + tail
                if text not in seen:
                    seen.add(text)
                    yield form, text


def check(signature: str | None, url: str, secret: str, algorithm: Algorithm = "sha1") -> SignedForm | None:
    """The form of `url` that `signature` covers; None when it covers none of them, or is missing.

    Each comparison takes the same time wherever the two differ.
    """
    found = covering(signature or "", url, (Key("", secret, None if algorithm == "sha1" else ""),))
    return found[0] if found else None


def covering(signature: str, url: str, keys: Sequence[Key]) -> tuple[SignedForm, Key] | None:
    """As `check`, with the first of several keys that made the signature; None when none did."""
    if len(signature) > _LONGEST:
        return None
    given = signature.encode(errors="replace")
    secrets = [(key, key.secret.encode(), key.algorithm) for key in keys]
    for form, text in forms(url):
        encoded = text.encode("utf-8", "surrogateescape")
        for key, secret, algorithm in secrets:
            if hmac.compare_digest(given, base64.b64encode(hmac.digest(secret, encoded, algorithm))):
                return form, key
    return None


_PORTS = (8443, 8080, 8000, 3000, 5000, 9000)
"""Ports that relays and tunnels are often given."""


class Lookalike(NamedTuple):
    """A URL that is easily mistaken for another; `words` say how it differs from that one."""

    words: str
    url: str


def lookalikes(url: str) -> Iterator[Lookalike]:
    """URLs with one difference from `url`, of the kinds that set-ups get wrong; none for what is no URL."""
    parts = _URL.fullmatch(url)
    if parts is None:
        return
    scheme, host, port = parts["scheme"], parts["host"], parts["port"] or ""
    path, query = parts["path"] or "/", parts["query"] or ""
    for other in ("wss", "https", "ws", "http"):
        if other != scheme.lower():
            yield Lookalike(f"with {other}:// instead of {scheme}://", f"{other}://{host}{port}{path}{query}")
    for words, changed in _paths(path):
        yield Lookalike(words, f"{scheme}://{host}{port}{changed}{query}")
    for words, changed in _queries(query):
        yield Lookalike(words, f"{scheme}://{host}{port}{path}{changed}")
    if host != host.lower():
        yield Lookalike("with its host in lower case", f"{scheme}://{host.lower()}{port}{path}{query}")
    for number in _PORTS:
        if port != f":{number}":
            yield Lookalike(f"with port {number}", f"{scheme}://{host}:{number}{path}{query}")


class NearMiss(NamedTuple):
    """A URL that a signature covers and that is not the one it should cover."""

    url: str
    words: str
    """How it differs; empty for a URL that was named."""
    key: Key


def near_misses(
    signature: str, keys: Sequence[Key], urls: Sequence[str], *, differences: int = 1
) -> Iterator[NearMiss]:
    """URLs, in any form, that `signature` covers: first those of `urls`, then such as differ from one of them in one
    way, then in two where `differences` says so."""
    found = [Lookalike("", url) for url in urls]
    seen: set[str] = set()
    for step in range(differences + 1):
        fresh = [one for one in found if not (one.url in seen or seen.add(one.url))]  # type: ignore[func-returns-value]
        for words, url in fresh:
            covered = covering(signature, url, keys)
            if covered is not None:
                yield NearMiss(url, words, covered[1])
        if step < differences:
            found = [
                Lookalike(f"{words} and {one.words}".removeprefix(" and "), one.url)
                for words, url in fresh
                for one in lookalikes(url)
            ]


def _paths(path: str) -> Iterator[tuple[str, str]]:
    if path != "/":
        yield (
            ("without the / at the end of its path", path.rstrip("/"))
            if path.endswith("/")
            else ("with a / at the end of its path", f"{path}/")
        )
        yield "without its path", "/"
    if "//" in path:
        yield "with one / where it has several", re.sub("/{2,}", "/", path)
    if "%" in path:
        yield "with its path's characters as they are instead of as %XX", unquote(path)
    if (encoded := quote(path, safe="/%:@!$&'()*+,;=~-._", errors="surrogateescape")) != path:
        yield "with its path's characters as %XX", encoded
    if path != path.lower():
        yield "with its path in lower case", path.lower()
    route = re.match(r"/r/[^/]+(?=/|$)", path)
    if route:
        yield "without the route at the beginning of its path", path[route.end() :] or "/"


def _queries(query: str) -> Iterator[tuple[str, str]]:
    if not query:
        return
    yield "without its query", ""
    pairs = query[1:].split("&")
    for words, changed in (
        ("with its query's parameters sorted", sorted(pairs)),
        ("with its query's parameters the other way round", pairs[::-1]),
    ):
        if changed != pairs:
            yield words, "?" + "&".join(changed)
    if "+" in query:
        yield "with %20 where it has +", query.replace("+", "%20")
    if "%20" in query:
        yield "with + where it has %20", query.replace("%20", "+")
    if "%" in query:
        yield "with its query's characters as they are instead of as %XX", unquote(query)
