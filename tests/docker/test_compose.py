"""Compose files, front ends and the systemd unit say what relayproxy understands."""

import re
import subprocess
import sys
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import click
import pytest

from relayproxy.cli.main import main
from relayproxy.settings.loading import load
from relayproxy.settings.model import Settings
from relayproxy.settings.requirements import require_backend, require_sign_in
from relayproxy.settings.sources import CONFIG_ENV
from relayproxy.settings.tables import ROWS
from tests.docker.files import COMPOSE, DOCKER, GIVEN, compose, own_services, said, seconds

UNIT = (DOCKER / "systemd/relayproxy@.service").read_text("utf-8")
IMAGE = dict(re.findall(r"(RELAYPROXY_\w+)=(\S+)", said("ENV")[0]))
SIGN_IN = f'[tokens.ci]\nsha256 = "{"0" * 64}"\n'
"""What makes a console start that others can reach."""


def settings_of(service: dict[str, Any], folder: Path) -> Settings:
    """The settings with which a service starts, its file of settings saying who may sign in."""
    environment = {**IMAGE, **service["environment"]}
    takes_calls = service["command"] in (["serve"], ["relay"])
    assert environment.pop("TWILIO_AUTH_TOKEN", None) == ("secret" if takes_calls else None)
    known = {f"RELAYPROXY_{name.upper()}" for name in Settings.model_fields} | {CONFIG_ENV}
    assert set(environment) - known == set()
    file = None
    if environment.pop(CONFIG_ENV, None):
        file = folder / "relayproxy.toml"
        file.write_text(SIGN_IN)
    return load(file, {}, environment)


@pytest.mark.parametrize("name", COMPOSE)
def test_the_compose_schema_holds(name: str) -> None:
    checker = str(Path(sys.executable).with_name("check-jsonschema"))
    done = subprocess.run(
        [checker, "--builtin-schema", "vendor.compose-spec", str(DOCKER / name)], capture_output=True, text=True
    )

    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", COMPOSE)
def test_every_service_starts_with_its_settings(name: str, tmp_path: Path) -> None:
    commands = {service["command"][0] for service in own_services(name).values()}
    assert commands == ({"serve"} if name == "compose.yaml" else {"relay", "recorder", "console", "migrate"})

    for service in own_services(name).values():
        settings = settings_of(service, tmp_path)
        if service["command"] in (["serve"], ["relay"]):
            require_backend(settings)
            assert settings.verify == "enforce"
        if service["command"] in (["serve"], ["console"]):
            require_sign_in(settings)
        assert settings.data_dir == Path("/data")
        assert settings.embedded == (service["command"] in (["serve"], ["relay"]))


@pytest.mark.parametrize("name", COMPOSE)
def test_live_calls_get_the_time_that_the_drain_gives_them(name: str, tmp_path: Path) -> None:
    services = compose(name)["services"]
    for service in own_services(name).values():
        if service["command"] in (["serve"], ["relay"]):
            settings = settings_of(service, tmp_path)
            drain = settings.drain_delay + settings.drain_timeout
            assert seconds(service["stop_grace_period"]) > drain
            assert seconds(services["caddy"]["stop_grace_period"]) > drain


@pytest.mark.parametrize("name", COMPOSE)
def test_strangers_reach_the_front_end_alone(name: str, tmp_path: Path) -> None:
    services = compose(name)["services"]

    published = {key: service["ports"] for key, service in services.items() if "ports" in service}
    assert published.pop("caddy") == ["80:80", "443:443"]
    (ports,) = published.values()
    assert ports == ["127.0.0.1:8081:8081"]
    address = services["caddy"]["networks"]["front"]["ipv4_address"]
    (pool,) = compose(name)["networks"]["front"]["ipam"]["config"]
    assert ip_address(address) in ip_network(pool["subnet"])
    assert ip_address(address) not in ip_network(pool["ip_range"])
    for service in own_services(name).values():
        if "RELAYPROXY_TRUSTED_PROXIES" in service["environment"]:
            assert settings_of(service, tmp_path).trusted_proxies == f"{address}/32"


@pytest.mark.parametrize("name", COMPOSE)
def test_no_service_may_write_outside_its_volumes_or_become_more_than_it_is(name: str) -> None:
    for service in own_services(name).values():
        assert service["read_only"] is True
        assert service["tmpfs"] == ["/tmp"]
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert "user" not in service


@pytest.mark.parametrize("name", COMPOSE)
def test_files_and_volumes_that_are_mounted_are_there(name: str) -> None:
    made_by_hand = {"./relayproxy.toml": "example.toml", "./.env": "example.env"}
    document = compose(name)
    for service in document["services"].values():
        for volume in service.get("volumes", ()):
            source: str = volume["source"] if isinstance(volume, dict) else volume.partition(":")[0]
            if source.startswith("."):
                assert (DOCKER / made_by_hand.get(source, source)).is_file()
            else:
                assert source in document["volumes"]


def test_the_example_of_env_names_what_the_compose_files_ask_for() -> None:
    named = set(re.findall(r"^(\w+)=", (DOCKER / "example.env").read_text("utf-8"), re.M))
    asked = {name for file in COMPOSE for name in re.findall(r"\$\{(\w+)", (DOCKER / file).read_text("utf-8"))}

    assert named == asked == set(GIVEN)


def test_the_example_of_the_settings_file_holds_and_names_settings_of_a_user() -> None:
    example = DOCKER / "example.toml"
    assert load(example, {}, {}) == Settings()

    named = set(re.findall(r"^# (\w+) = ", example.read_text("utf-8"), re.M))
    assert named
    assert named <= set(ROWS["users"].model_fields)


def test_the_unit_runs_commands_and_settings_that_there_are() -> None:
    environment = dict(re.findall(r"(RELAYPROXY_\w+)=(\S+)", UNIT))
    del environment[CONFIG_ENV]
    settings = load(None, {}, environment)

    assert set(re.findall(r"relayproxy@(\w+)", UNIT)) <= set(main.commands)
    assert "KillMode=mixed" in UNIT
    stop = re.search(r"^TimeoutStopSec=(\w+)$", UNIT, re.M)
    assert stop
    assert seconds(stop[1]) > settings.drain_delay + settings.drain_timeout


@pytest.mark.parametrize("path", sorted(DOCKER.rglob("*")), ids=lambda path: path.name)
def test_variables_and_commands_that_are_named_exist(path: Path) -> None:
    if not path.is_file() or path.suffix == ".pyc":
        return
    text = path.read_text("utf-8")
    known = {f"RELAYPROXY_{name.upper()}" for name in Settings.model_fields} | {CONFIG_ENV}

    assert set(re.findall(r"RELAYPROXY_[A-Z_]+", text)) <= known
    for command in re.findall(r"(?:run --rm --no-deps relayproxy|/bin/relayproxy) ([a-z-]+)", text):
        assert isinstance(main.commands[command], click.Command)
