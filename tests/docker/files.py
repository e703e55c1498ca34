"""What the tests read in `docker/`: Compose files, manifests for Kubernetes and the instructions of the Dockerfile.

Knows: `docker-compose` and `kubectl`, which put files together as they do for users, and ask nobody for that.
Must not know: what the files have to say.
"""

import base64
import json
import re
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

ROOT = Path(__file__).parents[2]
DOCKER = ROOT / "docker"
KUBERNETES = DOCKER / "kubernetes"
COMPOSE = {
    "compose.yaml": ("compose.yaml",),
    "compose.postgresql.yaml": ("compose.postgresql.yaml",),
    "compose.bucket.yaml": ("compose.postgresql.yaml", "compose.bucket.yaml"),
    "compose.telemetry.yaml": ("compose.postgresql.yaml", "compose.telemetry.yaml"),
}
"""The Compose files, and with which others each is used."""
COMPONENTS = ("loadbalancer", "ingress", "bucket")
"""What the example of Kubernetes names, in use or not."""
INSTALLATIONS = ("loadbalancer", "ingress", "ingress bucket")
"""Components that are used together."""
GIVEN = {
    "DOMAIN": "relay.example.com",
    "BACKEND": "wss://agent.example.com",
    "BUCKET_SECRET": "secret",
    "DB_PASSWORD": "secret",
    "GRAFANA_PASSWORD": "secret",
    "TWILIO_AUTH_TOKEN": "secret",
    "VERIFY": "enforce",
}
"""What `.env` gives, as `example.env` asks for it."""

Object = dict[str, Any]


def _output(program: str, *arguments: str, **environment: str) -> str:
    """What a program says: the one of the virtual environment, else the system's."""
    own = Path(sys.executable).with_name(program)
    found = str(own) if own.exists() else shutil.which(program)
    assert found, f"{program} is not here, and has no wheel for this platform: install it"
    done = subprocess.run([found, *arguments], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


@cache
def _compose(name: str) -> str:
    files = (f"--file={DOCKER / file}" for file in COMPOSE[name])
    return _output("docker-compose", "--env-file=/dev/null", *files, "config", "--format=json", **GIVEN)


def compose(name: str) -> Object:
    """What Compose makes of a file and those that it is used with."""
    loaded: Object = json.loads(_compose(name))
    return loaded


def own_services(name: str) -> dict[str, Object]:
    """The services of a Compose file that run relayproxy's image."""
    return {key: service for key, service in compose(name)["services"].items() if service["image"] == "relayproxy"}


@cache
def manifests(installation: str) -> tuple[Object, ...]:
    """The objects of Kubernetes that kustomize makes of the example, with these components in use."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, "kubernetes")
        shutil.copytree(KUBERNETES, copy)
        file = copy / "example/kustomization.yaml"
        for one in COMPONENTS:
            line = f"  - ../{one}\n" if one in installation.split() else f"  # - ../{one}\n"
            text, count = re.subn(rf"^  (?:# )?- \.\./{one}\n", line, file.read_text("utf-8"), flags=re.MULTILINE)
            assert count == 1, one
            file.write_text(text, "utf-8")
        return tuple(YAML(typ="safe").load_all(_output("kubectl", "kustomize", str(copy / "example"))))


def manifest(installation: str, kind: str, name: str) -> Object:
    """One of them. ConfigMaps and Secrets are found by their names without what kustomize has added."""
    added = r"-[0-9a-z]{10}$" if kind in ("ConfigMap", "Secret") else "$"
    (found,) = (
        one
        for one in manifests(installation)
        if one["kind"] == kind and name == re.sub(added, "", one["metadata"]["name"])
    )
    return found


def pods(installation: str) -> dict[str, Object]:
    """The specs of pods by what they belong to."""
    return {
        one["metadata"]["name"]: one["spec"]["template"]["spec"]
        for one in manifests(installation)
        if one["kind"] in ("StatefulSet", "Deployment", "Job")
    }


def containers(installation: str) -> dict[str, Object]:
    """The containers of all pods by their names."""
    return {
        container["name"]: container
        for pod in pods(installation).values()
        for container in (*pod.get("initContainers", ()), *pod["containers"])
    }


def environment_of(installation: str, container: Object) -> dict[str, str]:
    """The variables that a container gets from its manifest and from Secrets."""
    secrets = {one["metadata"]["name"]: one for one in manifests(installation) if one["kind"] == "Secret"}
    found: dict[str, str] = {}
    for source in container.get("envFrom", ()):
        data = secrets[source["secretRef"]["name"]]["data"]
        found |= {key: base64.b64decode(value).decode() for key, value in data.items()}
    return found | {one["name"]: one["value"] for one in container.get("env", ())}


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's instructions and what each says, without comments and on one line."""
    lines = [line for line in (DOCKER / "Dockerfile").read_text("utf-8").splitlines() if not line.startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [(name, said) for name, _, said in (line.partition(" ") for line in joined.splitlines() if line)]


def said(instruction: str) -> list[str]:
    """What all instructions of that name say."""
    return [words for name, words in instructions() if name == instruction]


def image_environment() -> dict[str, str]:
    """The settings that the image has set."""
    return dict(re.findall(r"(RELAYPROXY_\w+)=(\S+)", said("ENV")[0]))


def seconds(duration: str) -> int:
    """The seconds of `17m0s`, `17min` or `90s`."""
    found = re.fullmatch(r"(?:(\d+)m(?:in)?)?(?:(\d+)s)?", duration)
    assert found, duration
    return int(found[1] or 0) * 60 + int(found[2] or 0)
