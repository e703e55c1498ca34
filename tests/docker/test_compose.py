"""Compose files, front ends and the systemd unit say what relayproxy understands."""

import json
import re
import subprocess
import sys
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click
import pytest
from ruamel.yaml import YAML

from relayproxy.cli.main import main
from relayproxy.settings.loading import load
from relayproxy.settings.model import Settings
from relayproxy.settings.otlp import otlp_export
from relayproxy.settings.requirements import require_backend, require_sign_in
from relayproxy.settings.sources import CONFIG_ENV
from relayproxy.settings.tables import ROWS
from tests.docker.files import COMPOSE, DOCKER, GIVEN, compose, image_environment, own_services, seconds

UNIT = (DOCKER / "systemd/relayproxy@.service").read_text("utf-8")
SIGN_IN = f'[tokens.ci]\nsha256 = "{"0" * 64}"\n'
"""What makes a console start that others can reach."""


def loaded(file: Path) -> Any:
    return YAML(typ="safe").load(file.read_text("utf-8"))


def settings_of(service: dict[str, Any], folder: Path) -> Settings:
    """The settings with which a service starts, its file of settings saying who may sign in."""
    environment = {**image_environment(), **service["environment"]}
    takes_calls = service["command"] in (["serve"], ["relay"])
    assert environment.pop("TWILIO_AUTH_TOKEN", None) == ("secret" if takes_calls else None)
    known = {f"RELAYPROXY_{name.upper()}" for name in Settings.model_fields} | {CONFIG_ENV}
    assert {name for name in set(environment) - known if not name.startswith(("OTEL_", "AWS_"))} == set()
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

    published = {
        (key, port.get("host_ip"), port["target"])
        for key, service in services.items()
        for port in service.get("ports", ())
    }
    assert {(key, port) for key, host, port in published if host != "127.0.0.1"} == {("caddy", 80), ("caddy", 443)}
    assert 8081 in {port for _, _, port in published}
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
def test_images_of_others_are_pinned_and_may_do_no_more_than_they_must(name: str) -> None:
    for key, service in compose(name)["services"].items():
        if service["image"] != "relayproxy":
            assert re.search(r":v?\d", service["image"])
            if key not in ("postgres", "seaweedfs"):  # which give their volumes to users of their own at the start
                assert service["cap_drop"] == ["ALL"]
                assert service["security_opt"] == ["no-new-privileges:true"]


@pytest.mark.parametrize("name", COMPOSE)
def test_files_and_volumes_that_are_mounted_are_there(name: str) -> None:
    made_by_hand = {"relayproxy.toml", "prometheus.token"}
    document = compose(name)
    for service in document["services"].values():
        for volume in service.get("volumes", ()):
            if volume["type"] == "volume":
                assert volume["source"] in document["volumes"]
            elif Path(volume["source"]).name in made_by_hand:
                assert volume["bind"] == {"create_host_path": False}
            else:
                assert Path(volume["source"]).is_file()


def mounted(service: dict[str, Any]) -> dict[str, Path]:
    """The files that a service gets, by where they are in its container."""
    return {one["target"]: Path(one["source"]) for one in service["volumes"] if one["type"] == "bind"}


def test_spans_go_over_the_collector_to_jaeger_and_each_call_leads_to_its_trace(tmp_path: Path) -> None:
    services = compose("compose.telemetry.yaml")["services"]
    recorder, console = services["recorder"], services["console"]
    (option,) = services["collector"]["command"]
    collector = loaded(mounted(services["collector"])[option.removeprefix("--config=")])

    sent = urlsplit(recorder["environment"]["OTEL_EXPORTER_OTLP_ENDPOINT"])
    assert sent.hostname in services
    assert collector["receivers"]["otlp"]["protocols"]["http"]["endpoint"].endswith(f":{sent.port}")
    pipelines = collector["service"]["pipelines"]
    assert list(pipelines) == ["traces"]
    assert pipelines["traces"]["receivers"] == list(collector["receivers"])
    assert pipelines["traces"]["exporters"] == list(collector["exporters"])
    assert {urlsplit(one["endpoint"]).hostname for one in collector["exporters"].values()} == {"jaeger"}
    (viewer,) = services["jaeger"]["ports"]
    trace_url = settings_of(console, tmp_path).trace_url
    assert trace_url
    assert trace_url.startswith(f"http://{viewer['host_ip']}:{viewer['published']}/trace/")
    otel = settings_of(recorder, tmp_path).otel
    assert otlp_export(otel, "traces", recorder["environment"]) is not None
    assert otlp_export(otel, "metrics", recorder["environment"]) is None, "Prometheus asks the console for them"


def test_prometheus_asks_the_console_under_a_name_that_is_its_own_with_the_alert_rules(tmp_path: Path) -> None:
    services = compose("compose.telemetry.yaml")["services"]
    files = mounted(services["prometheus"])
    (config,) = (one for one in services["prometheus"]["command"] if one.startswith("--config.file="))
    place = Path(config.removeprefix("--config.file="))
    given = loaded(files[str(place)])

    (job,) = given["scrape_configs"]
    (static,) = job["static_configs"]
    (target,) = static["targets"]
    host, _, port = target.partition(":")
    settings = settings_of(services[host], tmp_path)
    assert settings.console == f"0.0.0.0:{port}"
    assert settings.console_hosts == host
    assert files[job["authorization"]["credentials_file"]].name == "prometheus.token"
    for rules in given["rule_files"]:
        assert files[str(place.parent / rules)].is_file()
    named = loaded(DOCKER / "prometheus/prometheus.yml")
    assert {**given, "scrape_configs": []} == {**named, "scrape_configs": []}


def test_recorder_and_console_reach_a_bucket_that_nobody_else_does(tmp_path: Path) -> None:
    services = compose("compose.bucket.yaml")["services"]
    server = services["seaweedfs"]
    (port,) = (one.partition("=")[2] for one in server["command"] if one.startswith("-s3.port="))

    assert {key for key, service in services.items() if "bucket" in service["networks"]} == {
        "recorder",
        "console",
        "seaweedfs",
    }
    assert compose("compose.bucket.yaml")["networks"]["bucket"]["internal"] is True
    assert list(server["networks"]) == ["bucket"]
    assert "ports" not in server
    keys = server["environment"]
    assert set(keys) == {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}
    for name in ("recorder", "console"):
        settings = settings_of(services[name], tmp_path)
        assert settings.recordings == "s3://relayproxy/recordings"
        assert settings.recordings_endpoint == f"http://seaweedfs:{port}"
        assert keys.items() <= services[name]["environment"].items()


def test_grafana_finds_the_dashboard_and_what_it_reads_from() -> None:
    services = compose("compose.telemetry.yaml")["services"]
    files = mounted(services["grafana"])
    provisioning = {
        Path(target).parent.name: loaded(file) for target, file in files.items() if "provisioning" in target
    }

    (provider,) = provisioning["dashboards"]["providers"]
    home = services["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert str(Path(home).parent) == provider["options"]["path"]
    assert json.loads(files[home].read_text("utf-8"))["title"] == "relayproxy"
    sources = provisioning["datasources"]["datasources"]
    assert [one["type"] for one in sources if one.get("isDefault")] == ["prometheus"]
    for one in sources:
        assert urlsplit(one["url"]).hostname in services


def test_the_example_of_env_names_what_the_compose_files_ask_for() -> None:
    named = set(re.findall(r"^(\w+)=", (DOCKER / "example.env").read_text("utf-8"), re.M))
    asked = {name for file in COMPOSE for name in re.findall(r"\$\{(\w+)", (DOCKER / file).read_text("utf-8"))}
    assert sorted(COMPOSE) == sorted(path.name for path in DOCKER.glob("compose*.yaml"))

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

    assert set(re.findall(r"RELAYPROXY_[A-Z]+(?:_[A-Z]+)*", text)) <= known
    for command in re.findall(r"(?:run --rm --no-deps relayproxy|/bin/relayproxy) ([a-z-]+)", text):
        assert isinstance(main.commands[command], click.Command)
