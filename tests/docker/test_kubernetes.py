"""The manifests for Kubernetes: objects of its schemas, with settings and commands that there are."""

import base64
import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]
import pytest

from relayproxy.cli.main import main
from relayproxy.settings.loading import load
from relayproxy.settings.model import Settings
from relayproxy.settings.requirements import require_backend, require_sign_in
from relayproxy.settings.sources import CONFIG_ENV
from relayproxy.settings.validators import split_address
from tests.docker.files import (
    INSTALLATIONS,
    Object,
    containers,
    environment_of,
    image_environment,
    manifest,
    manifests,
    pods,
)

VERSIONS = ("1.29", "1.37")
"""The oldest Kubernetes that has sidecars unasked, and the newest of those whose schemas are here."""
FILLED_IN = {
    "RELAYPROXY_DATABASE_URL": "postgresql://relayproxy:secret@db.example.com/relayproxy",
    "RELAYPROXY_CONSOLE_KEY": "0" * 32,
    "RELAYPROXY_TOKENS__ci__SHA256": "0" * 64,
}
"""What who installs it writes into the files of secrets."""


def settings_of(installation: str, name: str, folder: Path) -> Settings:
    """The settings with which a container starts once its secrets are filled in."""
    given = environment_of(installation, containers(installation)[name])
    given |= {key: value for key, value in FILLED_IN.items() if key in given}
    if name == "console":
        given["RELAYPROXY_TOKENS__ci__SHA256"] = FILLED_IN["RELAYPROXY_TOKENS__ci__SHA256"]
    file = None
    if place := given.pop(CONFIG_ENV, None):
        file = folder / Path(place).name
        file.write_text(manifest(installation, "ConfigMap", "relayproxy")["data"][file.name], "utf-8")
    for key in given:
        if key.startswith("RELAYPROXY_TLS_"):
            own = folder / Path(given[key]).name
            own.touch()
            given[key] = str(own)
    return load(file, {}, image_environment() | given)


def ports(container: Object) -> dict[str, int]:
    return {one["name"]: one["containerPort"] for one in container.get("ports", ())}


def selected(selector: Object, labels: Object) -> bool:
    return bool(selector) and selector.items() <= labels.items()


@pytest.mark.parametrize("installation", INSTALLATIONS)
@pytest.mark.parametrize("version", VERSIONS)
def test_every_object_is_one_of_kubernetes_own_schemas(installation: str, version: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        for one in manifests(installation):
            kubernetes_validate.validate(one, version, strict=True)


@pytest.mark.parametrize("installation", INSTALLATIONS)
def test_every_container_starts_with_its_settings(installation: str, tmp_path: Path) -> None:
    found = containers(installation)
    assert sorted(found) == ["console", "migrate", "recorder", "relay"]

    for name, container in found.items():
        assert container["args"] == [name]
        assert name in main.commands
        assert "command" not in container, "the image's tini is process 1"
        settings = settings_of(installation, name, tmp_path)
        assert settings.embedded == (name == "relay")
        mounts = {Path(one["mountPath"]): one for one in container["volumeMounts"]}
        assert Path("/tmp") in mounts
        if name != "migrate":
            assert not mounts[settings.data_dir].get("readOnly")
        if name == "relay":
            require_backend(settings)
            assert split_address(settings.listen)[1] == ports(container)["relay"]
        if name == "console":
            require_sign_in(settings)
            assert split_address(settings.console)[1] == ports(container)["console"]


def test_a_secret_is_given_to_those_alone_that_need_it() -> None:
    found = containers("loadbalancer")
    given = {
        name: {source["secretRef"]["name"].rpartition("-")[0] for source in container.get("envFrom", ())}
        for name, container in found.items()
    }
    volumes = {one["name"] for pod in pods("loadbalancer").values() for one in pod["volumes"] if "secret" in one}

    assert given == {
        "relay": set(),
        "recorder": {"relayproxy-database"},
        "console": {"relayproxy-database", "relayproxy-console"},
        "migrate": {"relayproxy-database"},
    }
    assert volumes == {"tokens", "tls"}
    for name, container in found.items():
        mounted = {mount["name"] for mount in container["volumeMounts"]}
        assert mounted & volumes == (volumes if name == "relay" else set())


@pytest.mark.parametrize("installation", INSTALLATIONS)
def test_what_is_mounted_is_there(installation: str) -> None:
    made_by_hand = "relayproxy-tls"
    names = {(one["kind"], one["metadata"]["name"]) for one in manifests(installation)}
    claims = {
        one["metadata"]["name"]
        for one in manifest(installation, "StatefulSet", "relayproxy-relay")["spec"]["volumeClaimTemplates"]
    }
    for owner, pod in pods(installation).items():
        volumes = {one["name"]: one for one in pod["volumes"]}
        for volume in volumes.values():
            if "configMap" in volume:
                assert ("ConfigMap", volume["configMap"]["name"]) in names
            if "secret" in volume:
                name = volume["secret"]["secretName"]
                assert name == made_by_hand or ("Secret", name) in names
                assert volume["secret"]["defaultMode"] == 0o440, "read by the group, which is the user's own"
        known = {*volumes, *(claims if owner == "relayproxy-relay" else ())}
        for container in (*pod.get("initContainers", ()), *pod["containers"]):
            assert {mount["name"] for mount in container["volumeMounts"]} <= known


def test_the_recorder_outlives_the_relay_beside_which_it_works_on_one_volume() -> None:
    pod = pods("loadbalancer")["relayproxy-relay"]
    (recorder,) = pod["initContainers"]
    (relay,) = pod["containers"]

    assert recorder["restartPolicy"] == "Always", "a sidecar: stopped once the containers have ended"
    assert "startupProbe" not in recorder, "the relay would wait for it"
    of_data = [mount for one in (recorder, relay) for mount in one["volumeMounts"] if mount["mountPath"] == "/data"]
    assert len(of_data) == 2
    assert of_data[0] == of_data[1]


@pytest.mark.parametrize("installation", INSTALLATIONS)
def test_live_calls_get_the_time_that_the_drain_gives_them(installation: str, tmp_path: Path) -> None:
    settings = settings_of(installation, "relay", tmp_path)
    pod = pods(installation)["relayproxy-relay"]
    (relay,) = pod["containers"]
    ready = relay["readinessProbe"]

    rest = 60  # for what closes calls that are left, and for the recorder
    assert pod["terminationGracePeriodSeconds"] >= settings.drain_delay + settings.drain_timeout + rest
    # A pod that is told to stop is not sent calls any more, in the time for which it still takes them.
    assert settings.drain_delay >= ready["periodSeconds"] * ready["failureThreshold"]
    assert manifest(installation, "PodDisruptionBudget", "relayproxy-relay")["spec"]["maxUnavailable"] == 1
    assert manifest(installation, "StatefulSet", "relayproxy-relay")["spec"]["replicas"] >= 2


@pytest.mark.parametrize("installation", INSTALLATIONS)
def test_probes_ask_what_the_processes_answer(installation: str, tmp_path: Path) -> None:
    found = containers(installation)
    asked = {
        (name, kind): container[kind]["httpGet"]
        for name, container in found.items()
        for kind in ("livenessProbe", "readinessProbe", "startupProbe")
        if kind in container
    }

    assert {where: get["path"] for where, get in asked.items()} == {
        ("relay", "livenessProbe"): "/.relayproxy/healthz",
        ("relay", "readinessProbe"): "/.relayproxy/readyz",
        ("console", "livenessProbe"): "/healthz",
        ("console", "readinessProbe"): "/healthz",
    }
    for (name, _), get in asked.items():
        assert get["port"] in ports(found[name])
        encrypted = name == "relay" and settings_of(installation, name, tmp_path).tls_cert is not None
        assert (get.get("scheme") == "HTTPS") == encrypted


@pytest.mark.parametrize("installation", INSTALLATIONS)
def test_no_pod_may_become_more_than_it_is(installation: str) -> None:
    for pod in pods(installation).values():
        own = pod["securityContext"]
        assert own["runAsNonRoot"] is True
        assert (own["runAsUser"], own["runAsGroup"]) == (10001, 10001)
        assert own["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["automountServiceAccountToken"] is False
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod)
        for container in (*pod.get("initContainers", ()), *pod["containers"]):
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert "memory" in container["resources"]["limits"]
            assert set(container["resources"]["requests"]) == {"cpu", "memory"}
    labels = manifest(installation, "Namespace", "relayproxy")["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"


@pytest.mark.parametrize("installation", INSTALLATIONS)
def test_selectors_find_the_pods_that_they_mean(installation: str) -> None:
    labels = {
        one["metadata"]["name"]: one["spec"]["template"]["metadata"]["labels"]
        for one in manifests(installation)
        if one["kind"] in ("StatefulSet", "Deployment", "Job")
    }

    def meant(kind: str, name: str) -> set[str]:
        spec = manifest(installation, kind, name)["spec"]
        selector = spec["selector"] if kind == "Service" else spec.get("selector") or spec["podSelector"]
        wanted = selector if kind == "Service" else selector["matchLabels"]
        return {owner for owner, its in labels.items() if selected(wanted, its)}

    for name in ("relayproxy-relay", "relayproxy-console"):
        assert meant("Service", name) == meant("NetworkPolicy", name) == {name}
    assert meant("PodDisruptionBudget", "relayproxy-relay") == meant("StatefulSet", "relayproxy-relay")
    assert meant("NetworkPolicy", "relayproxy") == set(labels)
    for name in ("relayproxy-relay", "relayproxy-console"):
        for port in manifest(installation, "Service", name)["spec"]["ports"]:
            (container,) = pods(installation)[name]["containers"]
            assert port["targetPort"] in ports(container)
    spread = pods(installation)["relayproxy-relay"]["topologySpreadConstraints"]
    for constraint in spread:
        assert selected(constraint["labelSelector"]["matchLabels"], labels["relayproxy-relay"])


def opened(policy: Object, direction: str) -> Iterator[tuple[Any, Any]]:
    """Who may talk to the pods of a policy, or to whom they may, and the ports; None for everybody, and for all."""
    for rule in policy["spec"].get(direction, ()):
        for port in rule.get("ports", [{}]):
            yield rule.get("from" if direction == "ingress" else "to"), port.get("port")


def test_strangers_reach_the_relay_alone() -> None:
    balanced = manifest("loadbalancer", "NetworkPolicy", "relayproxy-relay")
    behind = manifest("ingress", "NetworkPolicy", "relayproxy-relay")

    assert [*opened(balanced, "ingress")] == [(None, "relay")]
    ((peers, port),) = opened(behind, "ingress")
    assert port == "relay"
    assert [one["namespaceSelector"]["matchLabels"] for one in peers] == [{"kubernetes.io/metadata.name": "ingress"}]
    for installation in INSTALLATIONS:
        everybody = manifest(installation, "NetworkPolicy", "relayproxy")["spec"]
        assert everybody["policyTypes"] == ["Ingress", "Egress"], "closed, but for what other policies open"
        assert "ingress" not in everybody
        for peers, port in opened(manifest(installation, "NetworkPolicy", "relayproxy-console"), "ingress"):
            assert peers
            assert port == "console"
        services = [one for one in manifests(installation) if one["kind"] == "Service"]
        public = [one["metadata"]["name"] for one in services if one["spec"].get("type", "ClusterIP") != "ClusterIP"]
        assert public == (["relayproxy-relay"] if installation == "loadbalancer" else [])


def test_the_load_balancer_leaves_tls_and_addresses_to_the_relay(tmp_path: Path) -> None:
    service = manifest("loadbalancer", "Service", "relayproxy-relay")["spec"]
    settings = settings_of("loadbalancer", "relay", tmp_path)
    pod = pods("loadbalancer")["relayproxy-relay"]
    relay = containers("loadbalancer")["relay"]
    files = {Path(value) for key, value in environment_of("loadbalancer", relay).items() if "_TLS_" in key}

    assert service["externalTrafficPolicy"] == "Local", "else each call seems to come from a node"
    assert [port["port"] for port in service["ports"]] == [443]
    assert {file.name for file in files} == {"tls.crt", "tls.key"}, "as secrets of the type kubernetes.io/tls have it"
    assert {str(file.parent) for file in files} <= {mount["mountPath"] for mount in relay["volumeMounts"]}
    assert "relayproxy-tls" in {one["secret"]["secretName"] for one in pod["volumes"] if "secret" in one}
    assert settings.trusted_proxies == Settings().trusted_proxies


def test_the_ingress_leads_to_the_relay_under_the_public_name(tmp_path: Path) -> None:
    ingress = manifest("ingress", "Ingress", "relayproxy-relay")["spec"]
    settings = settings_of("ingress", "relay", tmp_path)

    (rule,) = ingress["rules"]
    assert settings.public_url == f"wss://{rule['host']}"
    assert ingress["tls"] == [{"hosts": [rule["host"]], "secretName": "relayproxy-tls"}]
    (path,) = rule["http"]["paths"]
    target = path["backend"]["service"]
    assert path["path"] == "/"
    ports_of = manifest("ingress", "Service", target["name"])["spec"]["ports"]
    assert target["port"]["name"] in {port["name"] for port in ports_of}
    assert settings.trusted_proxies != Settings().trusted_proxies
    assert settings.tls_cert is None


def test_recorder_and_console_get_the_bucket_and_its_keys(tmp_path: Path) -> None:
    for name, container in containers("ingress bucket").items():
        given = environment_of("ingress bucket", container)
        uses = name in ("recorder", "console")
        assert ("AWS_SECRET_ACCESS_KEY" in given) == uses
        recordings = settings_of("ingress bucket", name, tmp_path).recordings
        assert (recordings or "").startswith("s3://") == uses
    policy = manifest("ingress bucket", "NetworkPolicy", "relayproxy-console")
    assert ([{"namespaceSelector": {}}], None) in [*opened(policy, "egress")]


def test_the_console_answers_under_the_names_of_its_service(tmp_path: Path) -> None:
    service = manifest("loadbalancer", "Service", "relayproxy-console")["metadata"]

    hosts = settings_of("loadbalancer", "console", tmp_path).console_hosts
    assert hosts == f"{service['name']},{service['name']}.{service['namespace']}.svc"


@pytest.mark.parametrize("installation", INSTALLATIONS)
def test_variables_that_kubernetes_sets_for_the_services_are_nobodys_settings(installation: str) -> None:
    linked: dict[str, str] = {}
    for one in manifests(installation):
        if one["kind"] == "Service":
            name = one["metadata"]["name"].upper().replace("-", "_")
            first = one["spec"]["ports"][0]["port"]
            linked |= {f"{name}_SERVICE_HOST": "10.96.0.10", f"{name}_SERVICE_PORT": f"{first}"}
            linked[f"{name}_PORT"] = f"tcp://10.96.0.10:{first}"
            for port in one["spec"]["ports"]:
                linked[f"{name}_SERVICE_PORT_{port['name'].upper()}"] = f"{port['port']}"
                prefix = f"{name}_PORT_{port['port']}_TCP"
                linked |= {prefix: linked[f"{name}_PORT"], f"{prefix}_PROTO": "tcp"}
                linked |= {f"{prefix}_PORT": f"{port['port']}", f"{prefix}_ADDR": "10.96.0.10"}

    assert len(linked) == 2 * 8
    assert load(None, {}, linked) == Settings()


def test_a_change_of_a_file_replaces_the_pods_that_read_it_but_for_the_token_that_relays_read_again() -> None:
    names = {one["metadata"]["name"] for one in manifests("loadbalancer") if one["kind"] in ("ConfigMap", "Secret")}

    hashed = {name for name in names if re.fullmatch(r"relayproxy(-console|-database)?-[0-9a-z]{10}", name)}
    assert names - hashed == {"relayproxy-relay"}
    assert len(hashed) == 3


def test_what_the_migrations_read_is_applied_with_them() -> None:
    """By their label, before the rest of a new version: its Secret may have a new name, too."""
    job = manifest(INSTALLATIONS[0], "Job", "relayproxy-migrate")
    (container,) = job["spec"]["template"]["spec"]["containers"]
    (needed,) = (one["secretRef"]["name"] for one in container["envFrom"])
    by_label = [
        one["metadata"]["name"]
        for one in manifests(INSTALLATIONS[0])
        if selected({"app.kubernetes.io/component": "migrate"}, one["metadata"].get("labels", {}))
    ]
    assert sorted(by_label) == [needed, "relayproxy-migrate"]


def test_nothing_of_the_example_is_a_secret_or_latest() -> None:
    values = {
        base64.b64decode(value).decode()
        for one in manifests("loadbalancer")
        if one["kind"] == "Secret"
        for value in one["data"].values()
    }

    assert [value for value in values if value and "PASSWORD@" not in value] == []
    for container in containers("loadbalancer").values():
        assert re.search(r":\d", container["image"])
