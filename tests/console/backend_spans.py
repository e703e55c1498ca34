"""Spans that the backends of the console's calls made, told in seconds since the call began.

A line is a span: its name, its beginning and end by the backend's clock, and words for what it is. Further to the right
it is below the one above.
"""

from relayproxy.conversation.backend_span import Attributes, BackendSpan, SpanDetail
from relayproxy.store.schema.rows import JoinedBy
from relayproxy.store.write.annotation_writer import AnnotationWriter
from relayproxy.store.write.backend_spans import Counted, JoinedSpan, SpanBatch, write_backend_spans
from tests.console import samples

ATTRIBUTES: dict[str, Attributes] = {
    "server": {"http.request.method": "GET", "url.path": "/ws"},
    "model": {
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": "m-large",
        "gen_ai.usage.input_tokens": 812,
        "gen_ai.usage.output_tokens": 41,
    },
    "tool": {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "find_table"},
    "database": {"db.system.name": "postgresql", "db.operation.name": "SELECT"},
    "http": {"http.request.method": "POST", "server.address": "models.example.com"},
}

BOOKING = """
    HTTP+/ws                    0.020 36.300  server
      answer                    6.210  7.400
        chat+m-large            6.220  7.300  model
      answer                   13.110 17.600
        chat+m-large           13.120 14.200  model
          POST                 13.121 14.190  http
        execute_tool+find_table 14.200 15.000 tool
          SELECT+tables        14.600 14.840  database
        chat+m-large           15.000 17.500  model
      answer                   20.405 22.000
        chat+m-large           20.410 21.900  model failed
"""
"""What a FastAPI agent makes of `samples.booking`. Spaces in names are written `+`."""


def keep(
    writer: AnnotationWriter, call: samples.Call, told: str, *, clock_ahead: float = 0, counted: Counted | None = None
) -> list[BackendSpan]:
    """Stores the spans that are told; `server` is below the call, `orphan`, `guess` and `failed` are other words."""
    spans: list[JoinedSpan] = []
    above: list[tuple[int, BackendSpan]] = []
    for number, line in enumerate((line for line in told.splitlines() if line.strip()), 1):
        indent = len(line) - len(line.lstrip())
        name, start, end, *words = line.split()
        while above and above[-1][0] >= indent:
            above.pop()
        parent = call.opened.span_id if "server" in words else above[-1][1].span_id if above else None
        began, ended = (call.began + round((float(at) + clock_ahead) * samples.S) for at in (start, end))
        span = BackendSpan(
            trace_id=call.opened.trace_id,
            span_id=f"{call.number:08x}{number:08x}",
            parent_span_id="ee" * 8 if "orphan" in words else parent,
            name=name.replace("+", " "),
            kind="server"
            if "server" in words
            else "client"
            if {"model", "database", "http"} & {*words}
            else "internal",
            started_at=began,
            ended_at=ended,
            status="error" if "failed" in words else "unset",
            service="agent",
            detail=SpanDetail(attributes={k: v for word in words for k, v in ATTRIBUTES.get(word, {}).items()}),
        )
        by: JoinedBy = "guess" if "guess" in words else "trace"
        spans.append(JoinedSpan(span, call.id, by))
        above.append((indent, span))
    batch = SpanBatch(spans, {} if counted is None else {call.id: counted})
    with writer.writing() as db:
        write_backend_spans(db, batch, 10_000)
    return [one.span for one in spans]
