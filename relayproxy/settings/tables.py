"""Tables of settings: routes, users and tokens, each by name; and sections, whose settings have fixed names.

Knows: what each row holds, and which values are secrets.
Must not know: the other settings, where values come from.
"""

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from relayproxy.redaction.values import KeyPolicy, Record
from relayproxy.settings.alerts import Alert, Webhook
from relayproxy.settings.faults import Faults
from relayproxy.settings.otel import Otel
from relayproxy.settings.receiver import Receiver
from relayproxy.settings.replay_targets import ReplayTarget
from relayproxy.settings.shadow import Shadow, in_a_variable
from relayproxy.settings.validators import (
    field_names,
    password_hash,
    plain_name,
    regular_expressions,
    secret_references,
    sha256_hex,
    spacy_model,
    user_name,
    version_source,
    websocket_url,
)

BackendUrl = Annotated[str, AfterValidator(websocket_url)]
RouteName = Annotated[str, AfterValidator(plain_name)]
UserName = Annotated[str, AfterValidator(user_name)]
Seconds = Annotated[float, Field(gt=0, le=3600)]
Days = Annotated[float, Field(ge=0, le=36_500, allow_inf_nan=False)]
VersionSource = Annotated[str, AfterValidator(version_source)]
Verify = Literal["off", "report", "enforce"]
SecretReferences = Annotated[str, BeforeValidator(secret_references)]
SignatureMode = Literal["preserve", "resign", "strip"]
FieldNames = Annotated[str, BeforeValidator(field_names)]
RegularExpressions = Annotated[str, BeforeValidator(regular_expressions)]
SpacyModel = Annotated[str, AfterValidator(spacy_model)]
Role = Literal["viewer", "admin"]
_FOR_ROUTE = "As the setting of the same name, for this route alone."


class Route(BaseModel):
    """A named route: `/r/<name>/<rest>` goes to `backend` + `/<rest>`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    backend: BackendUrl = Field(description="The route's backend.")
    host_header: Literal["auto", "preserve", "backend"] | None = Field(default=None, description=_FOR_ROUTE)
    slow_turn: Seconds | None = Field(default=None, description=_FOR_ROUTE)
    stall: Seconds | None = Field(default=None, description=_FOR_ROUTE)
    version_from: VersionSource | None = Field(default=None, description=_FOR_ROUTE)
    verify: Verify | None = Field(default=None, description=_FOR_ROUTE)
    auth_tokens: SecretReferences | None = Field(default=None, description=_FOR_ROUTE)
    signature: SignatureMode | None = Field(default=None, description=_FOR_ROUTE)
    record: Record | None = Field(default=None, description=_FOR_ROUTE)
    keys: KeyPolicy | None = Field(default=None, description=_FOR_ROUTE)
    redact_fields: FieldNames | None = Field(default=None, description=_FOR_ROUTE)
    redact_patterns: RegularExpressions | None = Field(default=None, description=_FOR_ROUTE)
    redact_names: SpacyModel | None = Field(default=None, description=_FOR_ROUTE)
    keep_content: Days | None = Field(default=None, description=_FOR_ROUTE)
    keep_numbers: Days | None = Field(default=None, description=_FOR_ROUTE)
    shadow: Annotated[Shadow, BeforeValidator(in_a_variable)] | None = Field(
        default=None, description="A shadow for the route's calls: a table as [shadow], in the variable as JSON."
    )
    faults: Annotated[Faults, BeforeValidator(in_a_variable)] | None = Field(
        default=None, description="Faults for the route's calls: a table as [faults], in the variable as JSON."
    )

    def kept_days(self, content: float, numbers: float) -> tuple[float, float]:
        """`keep_content` and `keep_numbers` for its calls; these are the ones for all routes."""
        return (
            content if self.keep_content is None else self.keep_content,
            numbers if self.keep_numbers is None else self.keep_numbers,
        )


class User(BaseModel):
    """A user of the console; without a password, one whose name comes from a trusted proxy."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    password: Annotated[str, AfterValidator(password_hash)] | None = Field(
        default=None,
        repr=False,
        description="Argon2 hash of the password, as relayproxy password prints it; none for who comes by a proxy.",
    )
    role: Role = Field(default="viewer", description="viewer, or admin, who also sees the audit.")


class Token(BaseModel):
    """A program that asks the console's API."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sha256: Annotated[str, AfterValidator(sha256_hex)] = Field(
        repr=False, description="SHA-256 of the token in hex digits, as relayproxy token prints it."
    )
    role: Role = Field(default="viewer", description="As a user's.")


ROWS: dict[str, type[BaseModel]] = {
    "routes": Route,
    "users": User,
    "tokens": Token,
    "alerts": Alert,
    "webhooks": Webhook,
    "replay_targets": ReplayTarget,
}
"""The model of each table's rows."""
FIXED: dict[str, type[BaseModel]] = {"otel": Otel, "receiver": Receiver, "shadow": Shadow, "faults": Faults}
"""The model of each section."""
EXAMPLES = {
    "routes": '[routes.sales] with backend = "wss://…"',
    "users": '[users.alice] with password = "$argon2id$…"',
    "tokens": '[tokens.ci] with sha256 = "…"',
    "alerts": '[alerts.slow] with kind = "p95_latency" and above = 2.5',
    "webhooks": '[webhooks.ops] with url = "https://…"',
    "replay_targets": '[replay_targets.staging] with backend = "wss://…" and allow_side_effects = true',
    "otel": '[otel] with endpoint = "https://…"',
    "receiver": '[receiver] with listen = "127.0.0.1:4318"',
    "shadow": '[shadow] with backend = "wss://…"',
    "faults": '[faults] with first_token_delay = "800ms"',
}
"""The form of a row of each, and of each section."""
