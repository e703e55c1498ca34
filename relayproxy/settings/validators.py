"""Validators of settings: the form of single values.

Knows: addresses, URLs, names, files: how each is written, and how to say what is expected.
Must not know: which settings there are.

Every check returns the value, perhaps tidied, or raises ValueError with what is expected.
"""

import ipaddress
import os
import re
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

from relayproxy.redaction.values import redact_pattern
from relayproxy.text import mended

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

ANY_HOST = ("0.0.0.0", "::")  # noqa: S104 - recognised here, never bound
KEY_SHORTEST = 32
_SECRET = ("auth", "cookie", "signature", "token", "secret", "passw", "pwd", "credential", "jwt", "oidc", "session")


def websocket_url(value: str) -> str:
    """The value, when it is a URL that a WebSocket can be opened to; else ValueError says what is expected."""
    try:
        url = urlsplit(value)
        port = url.port
    except ValueError:  # its words repeat parts of the URL, which may be secrets
        raise ValueError("a ws:// or wss:// URL is expected") from None
    if url.scheme not in ("ws", "wss") or not url.hostname or port == 0:
        raise ValueError("a ws:// or wss:// URL such as wss://agent.example.com/ws is expected")
    if url.username is not None or url.password is not None:
        raise ValueError("a URL without user name and password is expected")
    if "#" in value:
        raise ValueError("a URL without a fragment (#…) is expected")
    if not value.isascii() or any(c <= " " or c == "\x7f" for c in value):
        raise ValueError("a URL without spaces and non-ASCII characters is expected (percent-encode them)")
    return value


def public_url(value: str) -> str:
    """A WebSocket URL that paths can be added to."""
    websocket_url(value)
    if "?" in value:
        raise ValueError("a ws:// or wss:// URL without a query is expected")
    return value.rstrip("/")


def web_origin(value: str) -> str:
    """`https://host` or `http://host:port`, in lower case, as browsers write it in an Origin header."""
    try:
        url = urlsplit(value)
        port = url.port
    except ValueError:
        url, port = urlsplit(""), None
    plain = url.path in ("", "/") and not url.query and not url.fragment and "@" not in url.netloc
    if url.scheme not in ("http", "https") or not url.hostname or not plain or not value.isascii() or port == 0:
        raise ValueError("an http:// or https:// URL without a path, such as https://console.example.com, is expected")
    host = f"[{url.hostname}]" if ":" in url.hostname else url.hostname
    usual = port in (None, {"http": 80, "https": 443}[url.scheme])
    return f"{url.scheme}://{host}{'' if usual else f':{port}'}"


TRACE_PLACES = ("trace_id", "session_id", "started_ms", "ended_ms", "started_s", "ended_s")
"""The placeholders of `trace_template`."""


def trace_template(value: str) -> str:
    """An `http://` or `https://` URL with `{trace_id}` behind its host."""
    try:
        url = urlsplit(value)
        port = url.port
    except ValueError:
        raise ValueError("an http:// or https:// URL is expected") from None
    if url.scheme not in ("http", "https") or not url.hostname or port == 0 or "@" in url.netloc or "{" in url.netloc:
        raise ValueError(
            "an http:// or https:// URL such as http://localhost:16686/trace/{trace_id} is expected, without user name "
            "and password"
        )
    if not value.isascii() or re.search(r"[\x00-\x20\x7f\"<>\\^`|]", value):
        raise ValueError("a URL without spaces, quotes and non-ASCII characters is expected (percent-encode them)")
    if "{trace_id}" not in value:
        raise ValueError("a URL with {trace_id} in it is expected")
    left = re.search(r"\{[^{}]*\}?|\}", re.sub(rf"\{{(?:{'|'.join(TRACE_PLACES)})\}}", "", value))
    if left:
        places = ", ".join(f"{{{place}}}" for place in TRACE_PLACES)
        raise ValueError(f"{left[0]} is none of {places} (write other braces as %7B and %7D)")
    return value


def address(value: str) -> str:
    """The value, when it is `HOST:PORT`; else ValueError says what is expected."""
    host, colon, port = str(value).rpartition(":")  # in a file it may be anything, such as a bare port
    if not colon or not host or not re.fullmatch(r"[0-9]{1,5}", port) or int(port) > 65535:
        raise ValueError("HOST:PORT is expected, such as 127.0.0.1:8081 (port 0 picks a free one)")
    if ":" in host and not (host.startswith("[") and host.endswith("]")):
        raise ValueError("an IPv6 host is expected in brackets, such as [::1]:8080")
    return value


def split_address(value: str) -> tuple[str, int]:
    """`HOST:PORT` as host (without brackets) and port."""
    host, _, port = value.rpartition(":")
    return host.strip("[]"), int(port)


def is_loopback(host: str) -> bool:
    """True for a host (without brackets) that only this machine can reach: `localhost`, 127.0.0.0/8, `::1`."""
    host = host.lower().rstrip(".")
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(unmapped(host)).is_loopback
    except ValueError:
        return False


def is_address(host: str) -> bool:
    """True for an IP address (without brackets)."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def host_names(value: object) -> str:
    """Host names, as a list or separated by commas; returned in lower case, separated by commas."""
    parts = value if isinstance(value, list) else str(value).split(",")
    names = [str(part).strip().lower().removesuffix(".") for part in parts]
    label = r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?"
    if not all(len(name) <= 253 and re.fullmatch(rf"{label}(\.{label})*", name) for name in names):
        raise ValueError("host names such as console,console.internal are expected, without ports")
    return ",".join(names)


def split_names(value: str | None) -> tuple[str, ...]:
    """The result of `host_names`, or of a setting that is not given, as values."""
    return tuple(value.split(",")) if value else ()


def unmapped(host: str) -> str:
    """A host in lower case; an IPv4 address that is written as an IPv6 one (`::ffff:10.0.0.5`) as what it is."""
    try:
        found = ipaddress.ip_address(host)
    except ValueError:
        return host.lower()
    return str((found.version == 6 and found.ipv4_mapped) or found)


def networks(value: object) -> str:
    """IP addresses and networks, as a list or separated by commas; returned as text separated by commas."""
    parts = value if isinstance(value, list) else str(value).split(",")
    try:
        return ",".join(str(ipaddress.ip_network(str(part).strip(), strict=False)) for part in parts)
    except ValueError:
        raise ValueError("IP addresses or networks such as 10.0.0.5,10.1.0.0/16 are expected") from None


def split_networks(value: str) -> tuple[Network, ...]:
    """The result of `networks` as values."""
    return tuple(ipaddress.ip_network(part) for part in value.split(","))


def header_name(value: str) -> str:
    """The name of an HTTP header."""
    if not re.fullmatch(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}", value):
        raise ValueError("the name of an HTTP header such as X-Forwarded-User is expected")
    return value


def is_secret(name: str) -> bool:
    """True when the value of a header of this name is taken for a secret, which is never stored or logged."""
    name = name.lower()
    for word in _SECRET:  # `any` would take three times as long, for each header of a call
        if word in name:
            return True
    return name.endswith("key") and name != "sec-websocket-key"


def version_source(value: str) -> str:
    """`header:NAME` of the backend's answer or `parameter:NAME` of the setup message."""
    kind, colon, name = value.partition(":")
    if kind == "parameter" and name.strip():
        return value
    if kind != "header" or not colon:
        raise ValueError("header:NAME or parameter:NAME is expected, such as header:X-App-Version")
    if is_secret(header_name(name)):
        raise ValueError(
            "another header is expected: the value of one with this name is taken for a secret and never recorded"
        )
    return value


def plain_name(value: str) -> str:
    """The name of a route, an alert or a webhook: it can stand in a path and in the name of an environment variable."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", value):
        raise ValueError(
            "a name of 1 to 64 letters, digits, '.', '_', '-' that begins with a letter or digit is expected"
        )
    return value


def user_name(value: str) -> str:
    """The name of a user or a token; an e-mail address is one."""
    if value == "local":
        raise ValueError("another name than local is expected, which stands for nobody having to sign in")
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}", value):
        raise ValueError(
            "a name of 1 to 64 letters, digits, '.', '_', '@', '+', '-' that begins with a letter or digit is expected"
        )
    return value


def password_hash(value: str) -> str:
    """The Argon2id hash of a password."""
    if not re.fullmatch(r"\$argon2id\$v=\d+\$m=\d+,t=\d+,p=\d+\$[A-Za-z0-9+/]{8,}\$[A-Za-z0-9+/]{16,}", value):
        raise ValueError('an Argon2 hash as "relayproxy password" prints it is expected, not the password itself')
    return value


def sha256_hex(value: str) -> str:
    """A SHA-256 in hex digits."""
    if not re.fullmatch(r"[0-9A-Fa-f]{64}", value):
        raise ValueError('64 hex digits as "relayproxy token" prints them are expected, not the token itself')
    return value.lower()


_REFERENCE = re.compile(
    r"(?:(?P<id>[A-Za-z0-9_.-]{1,128})=)?"
    r"(?:(?P<kind>env(?=:[A-Za-z_][A-Za-z0-9_]*$)|file):(?P<where>[^,\x00-\x1f\x7f]+))"
)


def secret_references(value: object) -> str:
    """References to secrets, as a list or separated by commas; returned as text separated by commas.

    `env:NAME` and `file:PATH` are auth tokens; behind `ID=` either is the shared key of that id.
    """
    parts = value if isinstance(value, list | tuple) else str(value).split(",")
    references = [str(part).strip() for part in parts]
    if not all(_REFERENCE.fullmatch(one) for one in references):
        # Never what was given: it may be the secret itself.
        raise ValueError(
            "references to secrets are expected, never a secret itself: env:NAME (a variable of that name) or "
            "file:PATH (a file that holds nothing else), with KEYID= before it for a shared key"
        )
    return ",".join(references)


def split_reference(reference: str) -> tuple[str | None, str, str]:
    """One reference of `secret_references` as the id of the shared key (None for an auth token), `env` or `file`, and
    the name or path."""
    found = _REFERENCE.fullmatch(reference)
    assert found is not None
    return found["id"], found["kind"], found["where"]


def field_names(value: object) -> str:
    """Names, as a list or separated by commas; returned as text separated by commas."""
    parts = value if isinstance(value, list | tuple) else str(value).split(",")
    names = [str(part).strip() for part in parts]
    if not all(names) or any("," in name for name in names):
        raise ValueError("names of parameters or handoff fields such as ssn,date_of_birth are expected")
    return ",".join(names)


def regular_expressions(value: object) -> str:
    """Regular expressions, as a list or one a line; returned as text with one a line."""
    parts = value if isinstance(value, list | tuple) else str(value).splitlines()
    return "\n".join(redact_pattern(str(part).strip()) for part in parts if str(part).strip())


def spacy_model(value: str) -> str:
    """The name of a spaCy model that is installed, or the path of a folder that holds one."""
    if "/" in value and value.isprintable():
        return str(Path(value).expanduser())
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{0,99}", value):
        raise ValueError(
            "the name of an installed spaCy model such as en_core_web_lg, or the path of one's folder (with a /), is "
            "expected"
        )
    return value


def signing_key(value: str) -> str:
    """A secret of at least `KEY_SHORTEST` characters. Raises ValueError."""
    if len(value) < KEY_SHORTEST:
        raise ValueError(f"a random text of at least {KEY_SHORTEST} characters is expected")
    return value


def folder(value: Path) -> Path:
    """A folder, there or not yet."""
    value = _looked_at(value)
    if value.exists() and not value.is_dir():
        raise ValueError("a folder is expected, and this is a file")
    return value


def file(value: Path) -> Path:
    """A file that can be read."""
    value = _looked_at(value)
    if not value.is_file():
        raise ValueError("a file is expected, and there is none")
    if not os.access(value, os.R_OK):
        raise ValueError("a readable file is expected")
    return value


def _looked_at(path: Path) -> Path:
    """The path, `~` spelled out, once it is known that the system can look there, whatever it finds."""
    if mended(str(path)) != str(path):
        raise ValueError("a path whose name is UTF-8 is expected")
    try:
        path = path.expanduser()
        with suppress(FileNotFoundError, NotADirectoryError, PermissionError):
            path.stat()
    except (OSError, RuntimeError, ValueError) as problem:
        reason = problem.strerror if isinstance(problem, OSError) and problem.strerror else str(problem)
        raise ValueError(f"a path that can be looked at is expected ({reason})") from None
    return path
