"""What a span was busy with is read off whatever its instrumentation says."""

import pytest

from relayproxy.conversation.backend.work import Work, work
from relayproxy.conversation.backend_span import Attributes


@pytest.mark.parametrize(
    ("kind", "attributes"),
    [
        ("model", {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m"}),
        ("model", {"gen_ai.operation.name": "generate_content"}),
        ("model", {"gen_ai.operation.name": "embeddings"}),
        ("model", {"openinference.span.kind": "LLM"}),
        ("model", {"openinference.span.kind": "llm"}),
        ("model", {"llm.request.type": "chat"}),
        ("model", {"gen_ai.usage.input_tokens": 3}),
        ("tool", {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "lookup"}),
        ("tool", {"openinference.span.kind": "TOOL"}),
        ("tool", {"traceloop.span.kind": "tool"}),
        ("tool", {"gen_ai.tool.name": "lookup"}),
        ("tool", {"mcp.method.name": "tools/call"}),
        ("database", {"db.system": "postgresql", "db.statement": "SELECT 1"}),
        ("database", {"db.system.name": "redis"}),
        ("database", {"openinference.span.kind": "RETRIEVER"}),
        ("database", {"gen_ai.operation.name": "retrieval"}),
        ("database", {"http.request.method": "POST", "db.system.name": "elasticsearch"}),
        ("http", {"http.request.method": "GET"}),
        ("http", {"http.method": "GET", "net.peer.name": "crm.example.com"}),
        ("other", {"gen_ai.operation.name": "invoke_agent", "gen_ai.request.model": "m"}),
        ("other", {"openinference.span.kind": "AGENT", "llm.model_name": "m"}),
        ("other", {"traceloop.span.kind": "workflow"}),
        ("other", {"code.function.name": "answer"}),
        ("other", {}),
        ("other", {"gen_ai.operation.name": ["chat"], "openinference.span.kind": 7}),
    ],
)
def test_kind(kind: str, attributes: Attributes) -> None:
    assert work(attributes).kind == kind


@pytest.mark.parametrize(
    "attributes",
    [
        {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m", "gen_ai.response.model": "m-2"}
        | {"gen_ai.usage.input_tokens": 812, "gen_ai.usage.output_tokens": 41},
        {"gen_ai.system": "x", "gen_ai.request.model": "m-2", "gen_ai.usage.prompt_tokens": 812}
        | {"gen_ai.usage.completion_tokens": 41},
        {"openinference.span.kind": "LLM", "llm.model_name": "m-2", "llm.token_count.prompt": 812}
        | {"llm.token_count.completion": 41},
    ],
)
def test_a_model_call_tells_its_model_and_its_tokens(attributes: Attributes) -> None:
    assert work(attributes) == Work("model", "m-2", 812, 41)


def test_what_is_no_model_and_no_count_is_not_taken_for_one() -> None:
    told: Attributes = {"gen_ai.operation.name": "chat", "gen_ai.request.model": 4, "gen_ai.usage.input_tokens": "many"}
    told |= {"gen_ai.usage.output_tokens": True, "gen_ai.usage.completion_tokens": -1}
    assert work(told) == Work("model")
    assert work({"gen_ai.tool.name": "x", "gen_ai.request.model": "m"}) == Work("tool")
