"""The image: its Dockerfile, what goes into it, and its health check."""

import json
import signal
import subprocess
import sys
from pathlib import Path

from relayproxy import __version__
from tests.docker.files import DOCKER, ROOT, said
from tests.relay.tls import Tls
from tests.running import relay

HEALTHCHECK = json.loads(said("HEALTHCHECK")[0].partition("CMD ")[2])


def healthcheck(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The image's own command, with this Python in place of the image's."""
    script = DOCKER / Path(HEALTHCHECK[-1]).name
    return subprocess.run(
        [sys.executable, *HEALTHCHECK[1:-1], str(script), *arguments], env=environment, capture_output=True, text=True
    )


def test_hadolint_finds_nothing() -> None:
    done = subprocess.run(
        [str(Path(sys.executable).with_name("hadolint")), str(DOCKER / "Dockerfile")], capture_output=True, text=True
    )

    assert (done.stdout, done.returncode) == ("", 0)


def test_what_is_copied_is_here_and_not_ignored() -> None:
    ignored = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    copied = [source for words in said("COPY") if "--from" not in words for source in words.split()[:-1]]

    assert [source for source in copied if not (ROOT / source).exists()] == []
    assert "*" in ignored
    assert {line[1:] for line in ignored if line.startswith("!")} == set(copied)


def test_nothing_is_compiled_and_nothing_comes_without_its_hash() -> None:
    installs = [part for words in said("RUN") for part in words.split("&&") if "pip" in part and " install " in part]

    assert len(installs) == 3
    for one in installs:
        assert ("--only-binary :all:" in one and "--require-hashes" in one) or one.rstrip().endswith("/dist/*.whl")


def test_it_runs_as_a_fixed_user_under_an_init_that_passes_sigterm_on() -> None:
    assert said("USER") == ["10001:10001"]
    assert said("STOPSIGNAL") == ["SIGTERM"]
    assert json.loads(said("ENTRYPOINT")[0]) == ["tini", "--", "relayproxy"]
    assert said("VOLUME") == ["/data"]


def test_it_is_labelled_with_this_version() -> None:
    (labels,) = said("LABEL")

    assert f'org.opencontainers.image.version="{__version__}"' in labels


def test_the_health_check_passes_while_the_relay_answers_and_fails_when_it_does_not(tmp_path: Path) -> None:
    with relay("ws://127.0.0.1:9/", data_dir=tmp_path) as process:
        address = f"127.0.0.1:{process.port}"
        assert healthcheck(RELAYPROXY_LISTEN=address).returncode == 0

        process.signal(signal.SIGSTOP)
        frozen = healthcheck(RELAYPROXY_LISTEN=address)
        process.signal(signal.SIGCONT)
    gone = healthcheck(RELAYPROXY_LISTEN=address)

    assert (frozen.returncode, gone.returncode) == (1, 1)
    assert frozen.stderr == f"relay at {address}: timed out\n"
    assert gone.stderr == f"relay at {address}: [Errno 111] Connection refused\n"


def test_the_health_check_takes_a_relay_with_a_certificate(tmp_path: Path) -> None:
    tls = Tls(tmp_path)
    with relay("ws://127.0.0.1:9/", data_dir=tmp_path, tls_cert=str(tls.cert), tls_key=str(tls.key)) as process:
        assert healthcheck(RELAYPROXY_LISTEN=f"127.0.0.1:{process.port}").returncode == 0


def test_the_health_check_fails_at_anything_but_200(tmp_path: Path) -> None:
    with relay("ws://127.0.0.1:9/", data_dir=tmp_path) as process:
        # Another server's address: the console's path is none of the relay's.
        address = f"127.0.0.1:{process.port}"
        wrong = healthcheck("console", RELAYPROXY_CONSOLE=address)

    assert (wrong.returncode, wrong.stderr) == (1, f"console at {address}: /healthz answered 426\n")
