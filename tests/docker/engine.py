"""A container engine: builds the image from a clean tree, runs containers of it the way the Compose files do.

Knows: podman and docker on the command line; where the base image comes from when no registry can be reached.
Must not know: what relayproxy does.
"""

import json
import os
import shlex
import shutil
import subprocess
import tempfile
import uuid
from pathlib import Path
from typing import Any

from tests.docker.files import ROOT, said

IMAGE = "relayproxy-check"
BASE = said("ARG")[0].partition("=")[2]
WITHIN = 600
"""Seconds for any one command."""


def find() -> list[str]:
    """The engine that `ENGINE` names, else podman or docker, the first that works. Fails when none does."""
    named = os.environ.get("ENGINE")
    for engine in [shlex.split(named)] if named else [["podman"], ["docker"]]:
        if shutil.which(engine[0]) and not subprocess.run([*engine, "info"], capture_output=True).returncode:
            return engine
    raise AssertionError(f"no container engine works here: {named or 'podman, docker'}")


class Engine:
    """The engine, called with the arguments of one of its commands. What it has started is gone after `close`."""

    def __init__(self) -> None:
        self._command = find()
        self._containers: list[Container] = []
        self._volumes: list[str] = []

    def __call__(self, *arguments: str, check: bool = True) -> str:
        """The standard output of a command. Fails when the command does, unless it need not succeed (`check`)."""
        # The format of images that podman writes by itself has no HEALTHCHECK.
        environment = {**os.environ, "BUILDAH_FORMAT": "docker"}
        done = subprocess.run(
            [*self._command, *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=WITHIN,
            env=environment,
        )
        assert done.returncode == 0 or not check, f"{arguments}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
        return done.stdout

    def build(self) -> dict[str, Any]:
        """Builds the image from a folder with nothing but the files that git knows; the image's configuration."""
        with tempfile.TemporaryDirectory(prefix="relayproxy-image-") as folder:
            context = Path(folder)
            context.chmod(0o755)  # the engine may run as somebody else
            tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
            for name in filter(None, tracked.stdout.split("\0")):
                if (ROOT / name).is_file():
                    (context / name).parent.mkdir(parents=True, exist_ok=True)
                    shutil.copy(ROOT / name, context / name)
            self._provide_base()
            self("build", "--file", str(context / "docker/Dockerfile"), "--tag", IMAGE, str(context))
        (image,) = json.loads(self("image", "inspect", IMAGE))
        found: dict[str, Any] = image["Config"] | {"Size": image["Size"]}
        # podman says it outside of Config, too.
        return found | {"Healthcheck": found.get("Healthcheck") or image["Healthcheck"]}

    def _provide_base(self) -> None:
        """The base image from its registry; where that cannot be reached, the same packages from Debian's archive."""
        if self("images", "--quiet", BASE).strip():
            return
        if subprocess.run([*self._command, "pull", BASE], capture_output=True).returncode == 0:
            return
        # Where this machine trusts more authorities than Debian does, what is built here has to.
        authorities = sorted(Path("/usr/local/share/ca-certificates").glob("*.crt"))
        hooks = ['mkdir -p "$1"/usr/local/share/ca-certificates', *(f"upload {one} {one}" for one in authorities)]
        hooks.append('rm -rf "$1"/usr/share/doc/* "$1"/usr/share/man/*')
        suite = BASE.partition(":")[2].removesuffix("-slim")
        with tempfile.NamedTemporaryFile(suffix=".tar") as archive:
            subprocess.run(
                ["mmdebstrap", "--variant=minbase", *(f"--customize-hook={one}" for one in hooks), suite, archive.name],
                check=True,
                capture_output=True,
            )
            Path(archive.name).chmod(0o644)
            self("import", archive.name, f"docker.io/library/{BASE}")

    def volume(self) -> str:
        name = self("volume", "create", f"relayproxy-check-{uuid.uuid4().hex[:8]}").strip()
        self._volumes.append(name)
        return name

    def start(
        self, *command: str, volume: str | None = None, beside: "Container | None" = None, **more: Any
    ) -> "Container":
        """A container of the image as the Compose files run it. `beside` shares the network of another one, else it
        has a loopback of its own and nothing else."""
        name = f"relayproxy-check-{uuid.uuid4().hex[:8]}"
        options = ["--read-only", "--tmpfs=/tmp", "--cap-drop=all", "--security-opt=no-new-privileges"]
        options.append("--network=" + (f"container:{beside.name}" if beside else "none"))
        options += [f"--volume={volume}:/data"] if volume else []
        options += [f"--volume={where}" for where in more.get("volumes", ())]
        options += [f"--env={name}={value}" for name, value in more.get("environment", {}).items()]
        self("run", "--detach", f"--name={name}", *options, IMAGE, *command)
        container = Container(self, name)
        self._containers.append(container)
        return container

    def close(self) -> None:
        for container in reversed(self._containers):
            self("rm", "--force", container.name, check=False)
        for volume in self._volumes:
            self("volume", "rm", "--force", volume, check=False)

    def popen(self, *arguments: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [*self._command, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )


class Container:
    """A container that was started."""

    def __init__(self, engine: Engine, name: str) -> None:
        self._engine = engine
        self.name = name

    def exec(self, *command: str) -> str:
        return self._engine("exec", self.name, *command)

    def python(self, program: str) -> str:
        """What a Python program prints that is run in the container, in the place of tools that the image lacks."""
        return self.exec("/opt/relayproxy/bin/python", "-c", program)

    def begin(self, *command: str) -> "subprocess.Popen[str]":
        return self._engine.popen("exec", self.name, *command)

    def healthy(self, command: list[str]) -> bool:
        arguments = ("exec", self.name, *command)
        with self._engine.popen(*arguments) as process:
            process.communicate(timeout=WITHIN)
            return process.returncode == 0

    def signal(self, name: str) -> None:
        self._engine("kill", f"--signal={name}", self.name)

    def wait(self) -> int:
        return int(self._engine("wait", self.name).strip())

    def logs(self) -> str:
        with self._engine.popen("logs", self.name) as process:
            return process.communicate(timeout=WITHIN)[0]
