"""What viewers are said to read is on the spans as they leave: each row of the tables of docs/telemetry.md."""

import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans

from relayproxy.conversation.measures.content import EndWords
from relayproxy.conversation.measures.spans import SpanOptions, spans
from relayproxy.settings.otel import Otel
from relayproxy.settings.otlp import otlp_export
from relayproxy.telemetry.export.readable import readable, resource
from tests.script import play
from tests.telemetry.collector import values

DOCUMENT = (Path(__file__).parents[2] / "docs/telemetry.md").read_text("utf-8")
CALL = """
    0.0  twilio   setup sessionId=VX1 callSid=CA1
    0.2  backend  text "Good morning." last
    1.0  twilio   prompt "I want a table" last
    1.5  backend  text "For how many people"
    1.9  backend  text " shall it be?" last
    3.0  twilio   interrupt "For how" 460
    4.0  twilio   prompt "For two" last
    4.5  backend  text "Well, "
    6.0  -        gone first=backend
"""


def table(first: str) -> list[list[str]]:
    text = DOCUMENT[DOCUMENT.index(f"| {first} |") :].split("\n\n", 1)[0]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in text.splitlines()[2:]]


@cache
def exported(option: str) -> list[Any]:
    """The spans of a call that is interrupted and fails, as they leave."""
    played = play(CALL)
    conversation = played.fold.conversation()
    options = SpanOptions(content=option == "content", experimental=option == "semconv")
    found = spans(conversation, played.opening, None, options, EndWords().after(conversation.turns))
    encoded = encode_spans([readable(span, resource({})) for span in found])
    return list(encoded.resource_spans[0].scope_spans[0].spans)


def carries(span: Any, what: str) -> bool:
    """True when the span has what a cell of the table names."""
    if what == "link":
        return bool(span.links)
    if what == "status ERROR":
        return bool(span.status.code == 2)
    name, _, value = what.replace("`", "").partition(" = ")
    found = values(span.attributes)
    return name in found and (not value or str(found[name]).lower() == value.lower())


@pytest.mark.parametrize(("viewer", "what", "where", "setting"), [row[:4] for row in table("viewer | attribute")])
def test_a_viewer_finds_what_it_reads(viewer: str, what: str, where: str, setting: str) -> None:
    option = setting.strip("`")
    found = [span for span in exported(option) if carries(span, what)]
    if where == "every span":
        assert len(found) == len(exported(option)) > 8
    elif where == "no span":
        assert found == []
    else:
        named = set(re.findall(r"`(\w+)`", where))
        assert named <= {span.name for span in found}
        assert (
            {span.name for span in found} <= {"turn", *named, *PARTS} if "was_interrupted" in what else named | {"turn"}
        )
    if option:
        assert not any(carries(span, what) for span in exported(""))


PARTS = ("input_wait", "backend", "stream", "playback")


@pytest.mark.parametrize(("viewer", "endpoint", "headers", "protocol"), table("viewer | endpoint"))
def test_the_settings_for_a_viewer_can_be_used(viewer: str, endpoint: str, headers: str, protocol: str) -> None:
    names = re.findall(r"`([\w-]+)` \(", headers)
    environ = {"OTLP_" + str(number): f"value {number}" for number, _ in enumerate(names)}
    given = {
        "endpoint": endpoint.strip("`"),
        "protocol": protocol.strip("`"),
        "headers": {name: f"env:OTLP_{number}" for number, name in enumerate(names)} or None,
    }
    way = otlp_export(Otel.model_validate(given), "traces", environ)

    assert way is not None
    assert way.headers == tuple((name, f"value {number}") for number, name in enumerate(names))
    assert way.endpoint == endpoint.strip("`") + ("/v1/traces" if way.protocol == "http/protobuf" else "")


def test_the_example_for_langfuse_can_be_used() -> None:
    block = DOCUMENT[DOCUMENT.index("OTEL_EXPORTER_OTLP_ENDPOINT=https://cloud.langfuse") :].split("```")[0]
    environ = dict(line.split("=", 1) for line in block.strip().splitlines())
    headers = re.sub(r"\$\(.*\)", "cGs6c2s=", environ["OTEL_EXPORTER_OTLP_HEADERS"].strip('"'))

    way = otlp_export(Otel(), "traces", {**environ, "OTEL_EXPORTER_OTLP_HEADERS": headers})

    assert way is not None
    assert way.headers == (("authorization", "Basic cGs6c2s="), ("x-langfuse-ingestion-version", "4"))
    assert otlp_export(Otel(), "metrics", {**environ, "OTEL_EXPORTER_OTLP_HEADERS": headers}) is None
