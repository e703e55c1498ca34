"""What the tests read in `docker/`: Compose files and the instructions of the Dockerfile."""

import re
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

ROOT = Path(__file__).parents[2]
DOCKER = ROOT / "docker"
COMPOSE = sorted(path.name for path in DOCKER.glob("compose*.yaml"))
GIVEN = {
    "DOMAIN": "relay.example.com",
    "BACKEND": "wss://agent.example.com",
    "DB_PASSWORD": "secret",
    "TWILIO_AUTH_TOKEN": "secret",
    "VERIFY": "enforce",
}
"""What `.env` gives, as `example.env` asks for it."""
_VARIABLE = re.compile(r"\$\{([A-Z_]+)(?::[?-][^}]*)?\}")


def compose(name: str) -> dict[str, Any]:
    """A Compose file with its anchors and variables put in."""
    text = _VARIABLE.sub(lambda found: GIVEN[found[1]], (DOCKER / name).read_text("utf-8"))
    loaded: dict[str, Any] = YAML(typ="safe").load(text)
    return loaded


def own_services(name: str) -> dict[str, dict[str, Any]]:
    """The services of a Compose file that run relayproxy's image."""
    return {key: service for key, service in compose(name)["services"].items() if service["image"] == "relayproxy"}


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's instructions and what each says, without comments and on one line."""
    lines = [line for line in (DOCKER / "Dockerfile").read_text("utf-8").splitlines() if not line.startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [(name, said) for name, _, said in (line.partition(" ") for line in joined.splitlines() if line)]


def said(instruction: str) -> list[str]:
    """What all instructions of that name say."""
    return [words for name, words in instructions() if name == instruction]


def seconds(duration: str) -> int:
    """The seconds of `17m`, `17min` or `90s`."""
    found = re.fullmatch(r"(\d+)(s|m|min)", duration)
    assert found, duration
    return int(found[1]) * (1 if found[2] == "s" else 60)
