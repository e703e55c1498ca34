"""Twilio signatures: how a URL is signed, and which forms of it a signature covers.

Knows: base64(HMAC-SHA1(auth token, URL + sorted parameters)) and how the URL text varies between signers.
Must not know: headers, where tokens come from, what happens to a request that does not match.

Frames are not signed, only the upgrade request; its text is the URL of the TwiML as written there (`wss://…`).
Bytes matter: nothing here decodes, lower-cases or re-encodes what it does not have to.
"""

import base64
import hmac
import re
from collections.abc import Iterator, Mapping
from typing import Literal, NamedTuple
from urllib.parse import parse_qs

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
    (twilio-agent-connect does so; of a repeated name it takes the first value, and it skips empty ones)."""
    port: Literal["as_written", "default", "none"] = "as_written"
    """`default`: the scheme's default port spelled out where no port was written. `none`: no port."""
    path: Literal["as_written", "slash"] = "as_written"
    """`slash`: `/` for a URL that has no path."""

    def text(self, url: str) -> str:
        """The text that is signed for `url` in this form; `url` itself where the form has nothing to change."""
        parts = _URL.fullmatch(url)
        if parts is None:
            return url
        port = parts["port"] or ""
        if self.port == "none":
            port = ""
        elif self.port == "default" and not port:
            port = _DEFAULT_PORTS.get(parts["scheme"].lower(), "")
        path = parts["path"] or ("/" if self.path == "slash" else "")
        base, query = f"{parts['scheme']}://{parts['host']}{port}{path}", parts["query"] or ""
        if self.query == "in_url":
            return base + query
        return base + _joined({name: values[0] for name, values in parse_qs(query[1:]).items()})

    def __str__(self) -> str:
        words = [
            "query as sorted parameters" if self.query == "as_params" else "",
            {"as_written": "", "default": "default port added", "none": "port removed"}[self.port],
            "slash added" if self.path == "slash" else "",
        ]
        return ", ".join(filter(None, words)) or "as written"


def _joined(params: Mapping[str, str]) -> str:
    return "".join(name + params[name] for name in sorted(params))


def sign(url: str, auth_token: str, params: Mapping[str, str] | None = None) -> str:
    """The value of `X-Twilio-Signature` for `url`, with the form parameters of a webhook if there are any."""
    text = url + _joined(params or {})
    return base64.b64encode(hmac.digest(auth_token.encode(), text.encode(), "sha1")).decode()


def forms(url: str) -> Iterator[tuple[SignedForm, str]]:
    """Every form that writes `url` differently, with its text; as written first."""
    seen: set[str] = set()
    for query in ("in_url", "as_params"):
        for port in ("as_written", "default", "none"):
            for path in ("as_written", "slash"):
                form = SignedForm(query, port, path)
                text = form.text(url)
                if text not in seen:
                    seen.add(text)
                    yield form, text


def check(signature: str | None, url: str, auth_token: str) -> SignedForm | None:
    """The form of `url` that `signature` covers; None when it covers none of them, or is missing.

    Each comparison takes the same time wherever the two differ.
    """
    given = (signature or "").encode(errors="replace")
    for form, text in forms(url):
        if hmac.compare_digest(given, sign(text, auth_token).encode()):
            return form
    return None
