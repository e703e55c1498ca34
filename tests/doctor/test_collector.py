"""Collectors: a request that holds nothing is sent, and the answer explained."""

from typing import Any

import pytest

from relayproxy.doctor.check import Result
from relayproxy.doctor.clock import Clocks
from relayproxy.doctor.collector import collector
from relayproxy.settings.model import Settings
from relayproxy.settings.otel import Otel
from tests.doctor.test_ports import free_port
from tests.telemetry.endpoints import ENDPOINTS, Endpoint

PROTOCOLS = sorted(ENDPOINTS)


async def tried(settings: Settings, signal: Any = "traces", clocks: Clocks | None = None) -> Result:
    (one,) = await collector(settings, signal, clocks or Clocks())
    assert "canary" not in repr(one)
    return one


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_an_endpoint_that_takes_spans(protocol: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEY_HERE", "canary")
    endpoint, port, clocks = Endpoint(), free_port(), Clocks()
    endpoint.gate.set()
    with ENDPOINTS[protocol](port, endpoint):
        otel = Otel(endpoint=f"http://127.0.0.1:{port}", protocol=protocol, headers="authorization=env:KEY_HERE")
        one = await tried(Settings(otel=otel), clocks=clocks)

    assert one.state == "ok"
    assert one.text == f"http://127.0.0.1:{port} takes them over {protocol} (it was sent none)"
    assert [len(request.resource_spans) for request in endpoint.requests] == [0]
    assert endpoint.secrets == {"canary"}
    assert bool(clocks.ahead) == (protocol != "grpc"), "gRPC tells no time"


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_an_endpoint_that_does_not_take_the_credentials(protocol: Any) -> None:
    endpoint, port = Endpoint(statuses=iter([401])), free_port()
    endpoint.gate.set()
    with ENDPOINTS[protocol](port, endpoint):
        one = await tried(Settings(otel=Otel(endpoint=f"http://127.0.0.1:{port}", protocol=protocol)))

    assert one.state == "failed"
    assert f"does not take them ({'UNAUTHENTICATED' if protocol == 'grpc' else 'HTTP 401'})" in one.text
    assert one.action.startswith("see otel.headers")


async def test_metrics_are_tried_by_themselves() -> None:
    endpoint, port = Endpoint(), free_port()
    endpoint.gate.set()
    with ENDPOINTS["http/protobuf"](port, endpoint):
        one = await tried(Settings(otel=Otel(endpoint=f"http://127.0.0.1:{port}")), "metrics")
    assert (one.name, one.state, len(endpoint.requests)) == ("metrics", "ok", 1)

    with ENDPOINTS["grpc"](port, endpoint):
        one = await tried(Settings(otel=Otel(endpoint=f"http://127.0.0.1:{port}", protocol="grpc")), "metrics")
    assert (one.state, "(UNIMPLEMENTED)" in one.text) == ("failed", True)
    assert "otel.metrics_exporter to none" in one.action


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_nobody_answers(protocol: Any) -> None:
    otel = Otel(endpoint=f"http://127.0.0.1:{free_port()}", protocol=protocol, timeout=0.2)
    one = await tried(Settings(otel=otel))

    assert one.state == "failed"
    assert "nothing answers there" in one.action


async def test_what_is_not_sent_is_not_tried() -> None:
    assert (await tried(Settings())).state == "skipped"
    off = Settings(otel=Otel(endpoint="http://127.0.0.1:9", metrics_exporter="none"))
    assert (await tried(off, "metrics")).state == "skipped"
    wrong = Settings(otel=Otel(endpoint="http://127.0.0.1:9", headers="key=env:GONE_X"))
    assert (await tried(wrong)).state == "failed"
