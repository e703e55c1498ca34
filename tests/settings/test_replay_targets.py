"""Replay targets of the settings: what is read, what is refused and how."""

from pathlib import Path
from typing import Any

import pytest

from relayproxy.errors import SettingError
from relayproxy.settings.loading import as_environment, load
from relayproxy.settings.replay_targets import ReplayTarget, auth_token, target_variables
from tests.settings.problems import problems_of


def test_they_are_read_from_a_file_and_the_environment(tmp_path: Path) -> None:
    file = tmp_path / "relayproxy.toml"
    file.write_text(
        'backend = "wss://agent.example.com"\n'
        '[replay_targets.staging]\nbackend = "wss://staging.example.com/ws"\nallow_side_effects = true\n'
        'auth_token = "env:STAGING_TOKEN"\n'
    )
    next_one = {"BACKEND": "ws://127.0.0.1:9000", "ALLOW_SIDE_EFFECTS": "true"}
    settings = load(file, {}, {f"RELAYPROXY_REPLAY_TARGETS__next__{name}": value for name, value in next_one.items()})

    staging = settings.replay_targets["staging"]
    assert staging == ReplayTarget(
        backend="wss://staging.example.com/ws", allow_side_effects=True, auth_token="env:STAGING_TOKEN"
    )
    assert auth_token("staging", staging, {"STAGING_TOKEN": "goldfinch"}) == "goldfinch"
    assert auth_token("next", settings.replay_targets["next"], {}) is None
    assert target_variables(settings.replay_targets) == {"STAGING_TOKEN"}
    assert load(None, {}, as_environment(settings)) == settings


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"BACKEND": "https://x", "ALLOW_SIDE_EFFECTS": "true"}, "replay_targets.a.backend=https://x"),
        ({"BACKEND": "ws://x"}, "replay_targets.a.allow_side_effects is not set: true: the tools of its agent"),
        (
            {"BACKEND": "ws://x", "ALLOW_SIDE_EFFECTS": "false"},
            "true is expected: a replayed call reaches the tools of this backend's agent, which act once more",
        ),
        (
            {"BACKEND": "ws://x", "ALLOW_SIDE_EFFECTS": "true", "AUTH_TOKEN": "goldfinch"},
            "references to secrets are expected",
        ),
    ],
)
def test_what_is_wrong_is_named(given: dict[str, Any], expected: str) -> None:
    said = "; ".join(problems_of(**{f"RELAYPROXY_REPLAY_TARGETS__a__{name}": value for name, value in given.items()}))

    assert expected in said
    assert "goldfinch" not in said


def test_a_token_that_is_not_there_is_named() -> None:
    target = ReplayTarget(backend="ws://x", allow_side_effects=True, auth_token="env:STAGING_TOKEN")

    with pytest.raises(SettingError, match=r"replay_targets\.staging\.auth_token=env:STAGING_TOKEN: the environment"):
        auth_token("staging", target, {})
