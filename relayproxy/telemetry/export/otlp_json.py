"""OTLP JSON: spans as the text that collectors read from files and over HTTP.

Knows: that OTLP writes ids in hex digits, unlike other JSON of protobuf.
Must not know: how spans were derived; where the text goes.
"""

import base64
import json
from collections.abc import Iterable, Mapping
from typing import Any

from google.protobuf.json_format import MessageToDict
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans

from relayproxy.conversation.measures.spans import Span
from relayproxy.telemetry.export.readable import readable, resource

_IDS = ("traceId", "spanId", "parentSpanId")


def otlp_json(spans: Iterable[Span], told: Mapping[str, str]) -> bytes:
    """The spans as one line: an `ExportTraceServiceRequest`, or `TracesData`, which is the same. `told` are attributes
    of the sender."""
    sender = resource(told)
    request = encode_spans([readable(span, sender) for span in spans])
    document = MessageToDict(request, use_integers_for_enums=True)
    for of_resource in document.get("resourceSpans", ()):
        for scope in of_resource.get("scopeSpans", ()):
            for span in scope.get("spans", ()):
                _in_hex(span)
                for link in span.get("links", ()):
                    _in_hex(link)
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def _in_hex(value: dict[str, Any]) -> None:
    for name in _IDS:
        if name in value:
            value[name] = base64.b64decode(value[name]).hex()
