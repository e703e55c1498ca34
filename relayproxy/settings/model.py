"""Settings model: every setting of every process, and what is read off several of them.

Knows: every setting's name, unit, default and what a right value looks like.
Must not know: where values come from; what the settings are used for.
"""

import re
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import quote

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from relayproxy.objects.place import S3, endpoint_of, root_of
from relayproxy.redaction.values import KeyPolicy, Record
from relayproxy.settings.alerts import Alert, Webhook
from relayproxy.settings.alerts import Name as AlertName
from relayproxy.settings.faults import Faults
from relayproxy.settings.otel import Otel
from relayproxy.settings.receiver import Receiver
from relayproxy.settings.replay_targets import ReplayTarget
from relayproxy.settings.shadow import Shadow
from relayproxy.settings.tables import (
    BackendUrl,
    Days,
    FieldNames,
    RegularExpressions,
    Route,
    RouteName,
    Seconds,
    SecretReferences,
    SignatureMode,
    SpacyModel,
    Token,
    User,
    UserName,
    Verify,
    VersionSource,
)
from relayproxy.settings.validators import (
    address,
    file,
    folder,
    header_name,
    host_names,
    networks,
    public_url,
    signing_key,
    trace_template,
    web_origin,
)


def _database_url(value: str) -> str:
    sqlite = re.fullmatch(r"sqlite(?:\+pysqlite)?:///([^?]+)(?:\?.*)?", value)
    host = r"(?:\[[0-9A-Fa-f:.]+\]|[^@/?:\[\]]*)(?::[0-9]{1,5})?"
    server = re.fullmatch(rf"(?:postgres|postgresql(?:\+psycopg)?)://(?:[^@/?]*@)?{host}/[^/?]+(?:\?.*)?", value)
    if server is None and (sqlite is None or sqlite[1] == ":memory:"):
        raise ValueError(
            "a URL such as sqlite:////var/lib/relayproxy/relayproxy.db or postgresql://user:password@host/relayproxy "
            "is expected (special characters in user name and password percent-encoded)"
        )
    return value


Address = Annotated[str, BeforeValidator(address)]
File = Annotated[Path, AfterValidator(file)]
PublicUrl = Annotated[str, AfterValidator(public_url)]


Recordings = Annotated[str, AfterValidator(root_of)]
Endpoint = Annotated[str, AfterValidator(endpoint_of)]


class Settings(BaseModel):
    """All settings of all processes. Field descriptions are the help texts and the settings page of the docs."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    backend: BackendUrl | None = Field(default=None, description="Backend for every target that no named route takes.")
    routes: dict[RouteName, Route] = Field(
        default_factory=dict, description="Named routes: /r/<name>/<rest> goes to that route's backend + /<rest>."
    )
    listen: Address = Field(
        default="0.0.0.0:8080", description="Where the relay listens; Twilio must be able to reach it."
    )
    console: Address = Field(
        default="127.0.0.1:8081",
        description="Where the console listens; elsewhere than on loopback it insists on a sign-in.",
    )
    users: dict[UserName, User] = Field(default_factory=dict, description="Who may sign in to the console.")
    tokens: dict[UserName, Token] = Field(default_factory=dict, description="Programs that may ask the console's API.")
    console_url: Annotated[str, AfterValidator(web_origin)] | None = Field(
        default=None, description="Where browsers reach the console when that is a reverse proxy's address."
    )
    console_hosts: Annotated[str, BeforeValidator(host_names)] | None = Field(
        default=None,
        description="Other host names under which the console answers, separated by commas, such as that of its "
        "container.",
    )
    console_user_header: Annotated[str, AfterValidator(header_name)] | None = Field(
        default=None, description="Header in which a trusted reverse proxy names who has signed in there."
    )
    console_proxies: Annotated[str, BeforeValidator(networks)] = Field(
        default="127.0.0.0/8,::1/128", description="Addresses and networks of trusted reverse proxies of the console."
    )
    console_key: Annotated[str, AfterValidator(signing_key)] | None = Field(
        default=None,
        repr=False,
        description="Secret that signs the console's cookies, to be shared by several consoles; default: the file "
        "console.key in the data folder.",
    )
    data_dir: Annotated[Path, AfterValidator(folder)] = Field(
        default=Path("relayproxy-data"), description="Folder of the journal and the embedded database."
    )
    database_url: Annotated[str, AfterValidator(_database_url)] | None = Field(
        default=None,
        repr=False,
        description="URL of the database, SQLite or PostgreSQL; default: SQLite in the data folder.",
    )
    relays: int = Field(
        default=1,
        ge=1,
        le=64,
        description="Relay processes of serve that share the port, each with a processor to use. Limits of connections "
        "and journal_buffer are divided among them.",
    )
    public_url: PublicUrl | None = Field(
        default=None, description="The URL at which Twilio reaches the relay (wss://relay.example.com)."
    )
    tls_cert: File | None = Field(
        default=None,
        description="Certificate chain (PEM) for the relay's listener; it and its key are read again when replaced.",
    )
    tls_key: File | None = Field(default=None, description="Private key (PEM) for the relay's listener.")
    trusted_proxies: Annotated[str, BeforeValidator(networks)] = Field(
        default="127.0.0.0/8,::1/128",
        description="Addresses and networks of front ends before the relay whose X-Forwarded-… headers and traceparent "
        "are believed.",
    )
    verify: Verify | None = Field(
        default=None,
        description="Check of Twilio's signature: off, report (say what was found, relay all the same) or enforce (403 "
        "for what Twilio has not signed); default: report with auth_tokens, off without.",
    )
    auth_tokens: SecretReferences | None = Field(
        default=None,
        description="Where the auth tokens are that Twilio signs with: references such as env:TWILIO_AUTH_TOKEN or "
        "file:/run/secrets/twilio, never the tokens themselves; KEYID=env:NAME for a shared key.",
    )
    signature: SignatureMode = Field(
        default="preserve",
        description="Twilio's signature towards the backend: preserve (as it came), resign (anew, for the URL that the "
        "backend sees, once it has been verified) or strip (none).",
    )
    connect_timeout: float = Field(
        default=10.0, gt=0, le=300, description="Seconds for the whole handshake with the backend; then 504."
    )
    max_connections: int = Field(
        default=10_000,
        ge=1,
        description="Connections that the relay has open at once, calls and handshakes; beyond, 503.",
    )
    max_connections_per_peer: int = Field(
        default=5_000,
        ge=1,
        description="Of these, those of one address; calls of Twilio come from few. Behind a trusted proxy it is the "
        "address that the proxy vouches for.",
    )
    max_handshakes: int = Field(
        default=1_000,
        ge=1,
        description="Requests that wait for a backend's answer at once; beyond, 503. Of as many connections that have "
        "not sent a whole request yet, the oldest gives way to a new one.",
    )
    drain_delay: float = Field(
        default=0.0,
        ge=0,
        allow_inf_nan=False,
        description="Seconds after SIGTERM for which calls are still taken while /.relayproxy/readyz answers 503, so "
        "that a load balancer learns of it before the listener closes.",
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
    record: Record = Field(
        default="redacted",
        description="What is recorded of calls: full (everything), redacted (without card numbers, PINs and the like), "
        "metadata (times, types and sizes, no words) or none.",
    )
    keys: KeyPolicy = Field(
        default="mask",
        description="Keys that are pressed or sent, where record is redacted: keep, mask (three or more in a row; "
        "fewer are menu choices) or mask-all.",
    )
    redact_fields: FieldNames | None = Field(
        default=None,
        description="Names of custom parameters and handoff fields whose values are masked, separated by commas.",
    )
    redact_patterns: RegularExpressions | None = Field(
        default=None,
        description="Regular expressions (RE2) whose matches are masked as well: a list in the file, one a line in the "
        "variable.",
    )
    redact_names: SpacyModel | None = Field(
        default=None,
        description="spaCy model by which names of people are found and masked, as its name or its folder; it needs "
        "the extra relayproxy[names].",
    )
    journal_dir: Annotated[Path, AfterValidator(folder)] | None = Field(
        default=None,
        description="Folder of the journal, where bytes lie before they are redacted; it may be on tmpfs. Default: the "
        "folder journal in the data folder.",
    )
    journal_buffer: int = Field(
        default=64 * 1024 * 1024,
        ge=64 * 1024,
        description="Bytes that may wait in memory for the disk; beyond it, a gap.",
    )
    journal_quota: int = Field(
        default=2 * 1024**3,
        ge=1024 * 1024,
        description="Bytes of journal files kept for a recorder that is behind; at least 2 × journal_segment, and 1 × "
        "more for each further relay.",
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
    session_limit: int = Field(
        default=16 * 1024 * 1024,
        ge=64 * 1024,
        description="Bytes recorded of each side of a call's connection; what comes after them is counted as a gap.",
    )

    recordings: Recordings | None = Field(
        default=None,
        description="Where recordings of calls go that are over: a bucket (s3://bucket/prefix) or a folder; default: "
        "they stay in the database.",
    )
    recordings_endpoint: Endpoint | None = Field(
        default=None,
        description="URL of the bucket's server (https://s3.example.com); default: AWS, or what AWS_ENDPOINT_URL says.",
    )
    recordings_path_style: bool = Field(
        default=True,
        description="Ask recordings_endpoint for /bucket/key, as most servers expect; else bucket.host for /key.",
    )
    keep_content: Days = Field(
        default=30,
        description="Days after its end for which what was said in a call is kept: texts, recordings, parameters, "
        "phone numbers, notes; 0: for ever.",
    )
    keep_numbers: Days = Field(
        default=400,
        description="Days after its end for which anything of a call is kept: latencies, outcome, findings, tags; 0: "
        "for ever.",
    )

    slow_turn: Seconds = Field(default=2.0, description="Seconds from which on a wait for an answer is a finding.")
    stall: Seconds = Field(default=1.0, description="Seconds from which on a pause within an answer is a finding.")
    version_from: VersionSource | None = Field(
        default=None,
        description="Where a call tells the backend's version: header:NAME (of the backend's 101) or parameter:NAME (a "
        "custom parameter).",
    )
    trace_url: Annotated[str, AfterValidator(trace_template)] | None = Field(
        default=None, description="Where a session's trace can be looked at: a URL with {trace_id}."
    )
    alerts: dict[AlertName, Alert] = Field(
        default_factory=dict, description="Rules that tell webhooks when something is wrong, and when it is over."
    )
    webhooks: dict[AlertName, Webhook] = Field(default_factory=dict, description="Where alerts are told.")
    replay_targets: dict[AlertName, ReplayTarget] = Field(
        default_factory=dict, description="Backends that an admin can have recorded calls replayed to, from their page."
    )
    otel: Otel = Field(default_factory=Otel, description="Spans and metrics that are sent over OTLP, where to and how.")
    receiver: Receiver = Field(
        default_factory=Receiver, description="Spans of backends that are received over OTLP, where, and what is kept."
    )
    shadow: Shadow = Field(
        default_factory=Shadow,
        description="A second backend that is told what callers say, and whose answers are recorded and go nowhere; of "
        "calls to backend, as routes have their own.",
    )
    faults: Faults = Field(
        default_factory=Faults,
        description="Faults that calls are treated with, for staging; of calls to backend, as routes have their own.",
    )

    @model_validator(mode="after")
    def _tls_together(self) -> "Settings":
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ValueError("tls_cert and tls_key are expected together")
        return self

    @model_validator(mode="after")
    def _quota_holds_segments(self) -> "Settings":
        # What is being written is never deleted: with less, there would be nothing to make room with.
        if self.journal_quota < (1 + self.relays) * self.journal_segment:
            relays = "" if self.relays == 1 else f" for {self.relays} relays"
            raise ValueError(
                f"journal_quota={self.journal_quota}: at least {1 + self.relays} × journal_segment is expected"
                f"{relays}, and journal_segment={self.journal_segment}"
            )
        return self

    @model_validator(mode="after")
    def _numbers_are_kept_longest(self) -> "Settings":
        general = (self.keep_content, self.keep_numbers)
        own = {f"routes.{name}.": route.kept_days(*general) for name, route in self.routes.items()}
        for where, (content, numbers) in {"": general, **own}.items():
            if numbers and not 0 < content <= numbers:
                enough = f"at least {content:g}, as keep_content has, or 0 (for ever)" if content else "0 (for ever)"
                raise ValueError(
                    f"{where}keep_numbers={numbers:g}: {enough} is expected, since what was said goes with the numbers"
                )
        return self

    @model_validator(mode="after")
    def _endpoint_has_a_bucket(self) -> "Settings":
        if self.recordings_endpoint is not None and not (self.recordings or "").startswith(S3):
            raise ValueError("recordings_endpoint: recordings=s3://bucket is expected with it")
        return self

    @model_validator(mode="after")
    def _header_has_a_url(self) -> "Settings":
        # Else a page elsewhere whose name was rebound to this address could send the header itself.
        if self.console_user_header and self.console_url is None:
            raise ValueError(
                "console_user_header: console_url is expected with it, the URL at which browsers reach the proxy"
            )
        return self

    @property
    def asks_who(self) -> bool:
        """True when the console authenticates requests: a user, a token or a proxy's user header is configured."""
        return bool(self.users or self.tokens or self.console_user_header)

    @property
    def journal(self) -> Path:
        """The folder of the journal in force."""
        return self.journal_dir or self.data_dir / "journal"

    @property
    def database(self) -> str:
        """The SQLAlchemy URL in force."""
        return self.database_url or f"sqlite:///{quote(str((self.data_dir / 'relayproxy.db').absolute()))}"

    @property
    def embedded(self) -> bool:
        """True when the database is the SQLite file in the data folder, which `serve` creates and migrates."""
        return self.database_url is None


def alert_routes(settings: Settings) -> tuple[str, ...]:
    """The routes that an alert can be confined to: `default` and the named ones."""
    return ("default", *settings.routes)


def relay_urls(settings: Settings, origin: str) -> dict[str, str]:
    """The URLs for Studio or TwiML, by route (`default` for the backend of every other target).

    `origin` (`wss://host`, without a trailing slash) is used when there is no `public_url`.
    """
    base = settings.public_url or origin
    urls = {} if settings.backend is None else {"default": base + "/"}
    return urls | {name: f"{base}/r/{name}" for name in settings.routes}


def slow_turn_and_stall(settings: Settings, route: str) -> tuple[float, float]:
    """The settings of these names for calls over that route, seconds; a route without any has those for all."""
    own = settings.routes.get(route) or settings
    return own.slow_turn or settings.slow_turn, own.stall or settings.stall


def version_from(settings: Settings, route: str) -> str | None:
    """The setting of this name for calls over that route."""
    own = settings.routes.get(route)
    return (own and own.version_from) or settings.version_from
