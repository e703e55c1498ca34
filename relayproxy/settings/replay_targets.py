"""Settings of replay targets: the tables `[replay_targets.NAME]`.

Knows: their settings, and where the token is that requests to them are signed with.
Must not know: how a call is replayed; who may have one replayed.
"""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from relayproxy.errors import SettingError
from relayproxy.settings.references import secret_at, secret_reference, variables
from relayproxy.settings.validators import websocket_url


def _allowed(value: object) -> object:
    if str(value).lower() != "true":
        raise ValueError(
            "true is expected: a replayed call reaches the tools of this backend's agent, which act once more"
        )
    return True


class ReplayTarget(BaseModel):
    """A backend that recorded calls can be replayed to from their page."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    backend: Annotated[str, AfterValidator(websocket_url)] = Field(description="Its URL.")
    allow_side_effects: Annotated[Literal[True], BeforeValidator(_allowed)] = Field(
        description="true: the tools of its agent may act once more with each replay."
    )
    auth_token: Annotated[str, AfterValidator(secret_reference)] | None = Field(
        default=None,
        description="Where the token is that requests are signed with, as Twilio signs them: env:NAME or file:PATH.",
    )


def auth_token(name: str, target: ReplayTarget, env: Mapping[str, str] | None = None) -> str | None:
    """The token of the target called `name`, if it has one. Raises SettingError."""
    if target.auth_token is None:
        return None
    try:
        return secret_at(target.auth_token, "the token", env)
    except ValueError as problem:
        raise SettingError(f"replay_targets.{name}.auth_token={target.auth_token}: {problem}") from None


def target_variables(targets: Mapping[str, ReplayTarget]) -> frozenset[str]:
    """The environment variables that hold tokens of targets."""
    return variables(one.auth_token for one in targets.values() if one.auth_token is not None)
