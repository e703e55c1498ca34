"""Settings: one model, filled from flags, environment and a TOML file, in that order of precedence.

Knows: every setting's name, unit, default and what a right value looks like; where values come from.
Must not know: what the settings are used for.
"""

import os
import re
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import quote, urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails

from relayproxy.errors import SettingError
from relayproxy.sources import CONFIG_ENV, ENV_PREFIX, ROUTES_ENV, Layer, merge, origin, read_environment, read_file
from relayproxy.sources import (
    mask as mask,  # part of this room's surface
)


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


def _public_url(value: str) -> str:
    websocket_url(value)
    if "?" in value:
        raise ValueError("a ws:// or wss:// URL without a query is expected")
    return value.rstrip("/")


def address(value: str) -> str:
    """The value, when it is `HOST:PORT`; else ValueError says what is expected."""
    host, colon, port = str(value).rpartition(":")  # in a file it may be anything, such as a bare port
    if not colon or not host or not re.fullmatch(r"[0-9]{1,5}", port) or int(port) > 65535:
        raise ValueError("HOST:PORT is expected, such as 127.0.0.1:8081 (port 0 picks a free one)")
    if ":" in host and not (host.startswith("[") and host.endswith("]")):
        raise ValueError("an IPv6 host is expected in brackets, such as [::1]:8080")
    return value


def _database_url(value: str) -> str:
    found = re.fullmatch(r"sqlite(?:\+pysqlite)?:///([^?]+)(?:\?.*)?", value)
    if found is None or found[1] == ":memory:":
        raise ValueError(
            "a URL of a SQLite file such as sqlite:////var/lib/relayproxy/relayproxy.db is expected; "
            "this version supports no other database"
        )
    return value


def _route_name(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", value):
        raise ValueError(
            "a route name of 1 to 64 letters, digits, '.', '_', '-' that begins with a letter or digit is expected"
        )
    return value


def _folder(value: Path) -> Path:
    value = value.expanduser()
    if value.exists() and not value.is_dir():
        raise ValueError("a folder is expected, and this is a file")
    return value


def _file(value: Path) -> Path:
    value = value.expanduser()
    if not value.is_file():
        raise ValueError("a file is expected, and there is none")
    if not os.access(value, os.R_OK):
        raise ValueError("a readable file is expected")
    return value


BackendUrl = Annotated[str, AfterValidator(websocket_url)]
Address = Annotated[str, BeforeValidator(address)]
File = Annotated[Path, AfterValidator(_file)]
Seconds = Annotated[float, Field(gt=0, le=3600)]
_FOR_ROUTE = "As the setting of the same name, for this route alone."


def split_address(value: str) -> tuple[str, int]:
    """`HOST:PORT` as host (without brackets) and port."""
    host, _, port = value.rpartition(":")
    return host.strip("[]"), int(port)


class Route(BaseModel):
    """A named route: `/r/<name>/<rest>` goes to `backend` + `/<rest>`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    backend: BackendUrl = Field(description="The route's backend.")
    host_header: Literal["auto", "preserve", "backend"] | None = Field(default=None, description=_FOR_ROUTE)
    slow_turn: Seconds | None = Field(default=None, description=_FOR_ROUTE)
    stall: Seconds | None = Field(default=None, description=_FOR_ROUTE)


class Settings(BaseModel):
    """All settings of all processes. Field descriptions are the help texts and the settings page of the docs."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    backend: BackendUrl | None = Field(default=None, description="Backend for every target that no named route takes.")
    routes: dict[Annotated[str, AfterValidator(_route_name)], Route] = Field(
        default_factory=dict, description="Named routes: /r/<name>/<rest> goes to that route's backend + /<rest>."
    )
    listen: Address = Field(
        default="0.0.0.0:8080", description="Where the relay listens; Twilio must be able to reach it."
    )
    console: Address = Field(default="127.0.0.1:8081", description="Where the console listens.")
    data_dir: Annotated[Path, AfterValidator(_folder)] = Field(
        default=Path("relayproxy-data"), description="Folder of the journal and the embedded database."
    )
    database_url: Annotated[str, AfterValidator(_database_url)] | None = Field(
        default=None, repr=False, description="SQLAlchemy URL of the database; default: SQLite in the data folder."
    )
    public_url: Annotated[str, AfterValidator(_public_url)] | None = Field(
        default=None, description="The URL at which Twilio reaches the relay (wss://relay.example.com)."
    )
    tls_cert: File | None = Field(default=None, description="Certificate chain (PEM) for the relay's listener.")
    tls_key: File | None = Field(default=None, description="Private key (PEM) for the relay's listener.")
    connect_timeout: float = Field(
        default=5.0, gt=0, le=300, description="Seconds for the whole handshake with the backend; then 504."
    )
    drain_timeout: float = Field(
        default=900.0,
        ge=0,
        allow_inf_nan=False,
        description="Seconds that live calls get to end after SIGTERM; then they are closed.",
    )
    traceparent: bool = Field(
        default=True, description="Add a traceparent header to the request that the backend gets."
    )
    host_header: Literal["auto", "preserve", "backend"] = Field(
        default="auto",
        description="Host header for the backend: preserve (as Twilio sent it), backend (the backend URL's own), "
        "or auto (backend for a public DNS name, whose front door routes by it; else preserve).",
    )
    journal_buffer: int = Field(
        default=64 * 1024 * 1024,
        ge=64 * 1024,
        description="Bytes that may wait in memory for the disk; beyond it, a gap.",
    )
    journal_quota: int = Field(
        default=2 * 1024**3,
        ge=1024 * 1024,
        description="Bytes of journal files kept for a recorder that is behind; at least 2 × journal_segment.",
    )
    journal_segment: int = Field(
        default=16 * 1024 * 1024,
        ge=64 * 1024,
        description="Bytes after which a journal file is closed and a new one begun.",
    )
    message_limit: int = Field(
        default=256 * 1024,
        ge=1024,
        description="Payload bytes kept of one message; longer ones as head, length and SHA-256.",
    )

    slow_turn: Seconds = Field(default=2.0, description="Seconds from which on a wait for an answer is a finding.")
    stall: Seconds = Field(default=1.0, description="Seconds from which on a pause within an answer is a finding.")

    @model_validator(mode="after")
    def _tls_together(self) -> "Settings":
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ValueError("tls_cert and tls_key are expected together")
        return self

    @model_validator(mode="after")
    def _quota_holds_segments(self) -> "Settings":
        # What is being written is never deleted: with less, there would be nothing to make room with.
        if self.journal_quota < 2 * self.journal_segment:
            raise ValueError(
                f"journal_quota={self.journal_quota}: at least 2 × journal_segment is expected, "
                f"and journal_segment={self.journal_segment}"
            )
        return self

    @property
    def journal_dir(self) -> Path:
        return self.data_dir / "journal"

    @property
    def database(self) -> str:
        """The SQLAlchemy URL in force."""
        return self.database_url or f"sqlite:///{quote(str((self.data_dir / 'relayproxy.db').absolute()))}"

    @property
    def embedded(self) -> bool:
        """True when the database is the SQLite file in the data folder, which `serve` creates and migrates."""
        return self.database_url is None


def load(
    config_file: Path | None, overrides: Mapping[str, object], environ: Mapping[str, str] | None = None
) -> Settings:
    """The settings in force: `overrides` (flags; None is "not given") before environment before file before defaults.

    Without `config_file`, RELAYPROXY_CONFIG names the file. Raises SettingError that lists every wrong setting.
    """
    environ = os.environ if environ is None else environ
    name = environ.get(CONFIG_ENV)
    file = config_file or (Path(name) if name else None)
    given = {key: value for key, value in overrides.items() if value is not None}
    layers = [
        Layer("default" if file is None else str(file), {} if file is None else read_file(file)),
        Layer("environment", read_environment(environ, Settings.model_fields)),
        Layer("flag", given),
    ]
    values: dict[str, Any] = {}
    for layer in layers:
        values = merge(values, layer.values)
    try:
        return Settings.model_validate(values)
    except ValidationError as invalid:
        problems = [_words(error, layers) for error in invalid.errors()]
    raise SettingError("\n  ".join(problems if len(problems) == 1 else ["these settings are wrong:", *problems]))


def as_environment(settings: Settings) -> dict[str, str]:
    """The environment variables from which `load` makes equal settings."""
    given = settings.model_dump(mode="json", exclude_defaults=True)
    routes = given.pop("routes", {})
    named = {
        f"{ROUTES_ENV}{name}__{key.upper()}": str(value)
        for name, route in routes.items()
        for key, value in route.items()
        if value is not None
    }
    flat = {ENV_PREFIX + key.upper(): str(value) for key, value in given.items()}
    return flat | named


def require_backend(settings: Settings) -> None:
    """Raises SettingError when there is nothing to relay to."""
    if settings.backend is None and not settings.routes:
        raise SettingError(
            "backend is not set: the ws:// or wss:// URL of your ConversationRelay server is expected, "
            'as --backend URL, RELAYPROXY_BACKEND or backend = "URL" in the file; or named routes'
        )


def relay_urls(settings: Settings, origin: str) -> dict[str, str]:
    """What to paste into Studio or TwiML, by route (`default` for the backend of every other target).

    `origin` (`wss://host`, without a trailing slash) is used when there is no `public_url`.
    """
    base = settings.public_url or origin
    urls = {} if settings.backend is None else {"default": base + "/"}
    return urls | {name: f"{base}/r/{name}" for name in settings.routes}


def slow_turn_and_stall(settings: Settings, route: str) -> tuple[float, float]:
    """The settings of these names for calls over that route, seconds; a route without any has those for all."""
    own = settings.routes.get(route) or settings
    return own.slow_turn or settings.slow_turn, own.stall or settings.stall


def _words(error: ErrorDetails, layers: list[Layer]) -> str:
    path = [str(part) for part in error["loc"] if part != "[key]"]
    name, kind, message = ".".join(path), error["type"], error["msg"].removeprefix("Value error, ")
    if not path:
        return message
    if kind == "missing":
        return f"{name} is not set: {Route.model_fields[path[-1]].description}"
    if kind == "extra_forbidden":
        known = Route.model_fields if path[0] == "routes" else Settings.model_fields
        near = get_close_matches(path[-1], known, n=1)
        message = f"no such setting; did you mean {near[0]}?" if near else "no such setting"
    elif kind in ("dict_type", "model_type"):
        message = 'a table such as [routes.sales] with backend = "wss://…" is expected'
    elif message.startswith("Input should be "):
        wanted = message.removeprefix("Input should be ").partition(", unable")[0]
        message = f"{'a number ' if wanted.startswith(('greater', 'less')) else ''}{wanted} is expected"
    single = not isinstance(error["input"], dict | list) and error["loc"][-1] != "[key]"
    return f"{name}{'=' + mask(error['input']) if single else ''}{origin(path, layers)}: {message}"
