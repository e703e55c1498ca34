"""OTLP JSON is what a collector takes, and what it says is what the spans say."""

import json
from pathlib import Path

import aiohttp
import msgspec

from relayproxy.conversation.measures.spans import SpanLink
from relayproxy.telemetry.export.otlp_json import otlp_json
from tests.telemetry.collector import collector, values
from tests.telemetry.export.test_otlp import ROOT, TURN


def test_ids_are_hex_and_it_is_one_line() -> None:
    linked = msgspec.structs.replace(TURN, links=(SpanLink(ROOT.trace_id, ROOT.span_id),))
    line = otlp_json([ROOT, linked], {"service.name": "calls"})
    (resource,) = json.loads(line)["resourceSpans"]
    root, turn = resource["scopeSpans"][0]["spans"]

    assert line.count(b"\n") == 1
    assert (root["traceId"], root["spanId"]) == (ROOT.trace_id, ROOT.span_id)
    assert turn["parentSpanId"] == ROOT.span_id
    assert turn["links"][0]["spanId"] == ROOT.span_id
    assert (root["startTimeUnixNano"], root["kind"]) == (str(ROOT.start), 2)
    assert {"key": "service.name", "value": {"stringValue": "calls"}} in resource["resource"]["attributes"]


async def test_a_collector_takes_it(tmp_path: Path) -> None:
    async with collector(tmp_path) as there, aiohttp.ClientSession() as client:
        headers = {"Content-Type": "application/json"}
        async with client.post(f"{there.http}/v1/traces", data=otlp_json([TURN, ROOT], {}), headers=headers) as answer:
            assert answer.status == 200, await answer.text()
        spans = {span.name: span for span in await there.received.until(2)}

    assert spans["turn"].trace_id.hex() == TURN.trace_id
    assert spans["turn"].parent_span_id.hex() == ROOT.span_id
    assert spans["conversation"].start_time_unix_nano == ROOT.start
    assert values(spans["turn"].attributes)["turn.was_interrupted"] is True
