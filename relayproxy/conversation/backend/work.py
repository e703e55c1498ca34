"""Work: what a span of a backend was busy with, as its attributes tell.

Knows: the attributes by which instrumentations mark model calls, tools, databases and HTTP, and give models and tokens.
Must not know: times, trees, sessions.

Read are the semantic conventions of GenAI, databases and HTTP (those before they were stable too), OpenInference,
OpenLLMetry (`traceloop.*`, `llm.request.type`), MCP.
"""

from dataclasses import dataclass
from typing import Any, Literal, get_args

from relayproxy.conversation.backend_span import Attributes

WorkKind = Literal["model", "tool", "database", "http", "other"]
WORK_KINDS: tuple[WorkKind, ...] = get_args(WorkKind)

_OPERATIONS: dict[str, WorkKind] = {
    "chat": "model",
    "completion": "model",
    "embeddings": "model",
    "generate_content": "model",
    "text_completion": "model",
    "execute_tool": "tool",
    "retrieval": "database",
    "create_agent": "other",
    "invoke_agent": "other",
    "invoke_workflow": "other",
}
_OPENINFERENCE: dict[str, WorkKind] = {
    "LLM": "model",
    "EMBEDDING": "model",
    "RERANKER": "model",
    "TOOL": "tool",
    "RETRIEVER": "database",
    "AGENT": "other",
    "CHAIN": "other",
    "EVALUATOR": "other",
    "GUARDRAIL": "other",
    "PROMPT": "other",
}
_OPENLLMETRY: dict[str, WorkKind] = {"tool": "tool", "agent": "other", "task": "other", "workflow": "other"}
_MARKS: tuple[tuple[WorkKind, tuple[str, ...]], ...] = (
    ("tool", ("gen_ai.tool.name", "gen_ai.tool.call.id", "tool.name", "mcp.method.name")),
    ("database", ("db.",)),
    ("model", ("llm.request.type", "llm.model_name", "gen_ai.request.", "gen_ai.response.", "gen_ai.usage.")),
    ("http", ("http.", "url.full")),
)
"""Beginnings of names that mark a kind, the surest first, where no attribute names it."""
_MODELS = ("gen_ai.response.model", "gen_ai.request.model", "llm.model_name", "embedding.model_name")
_INPUT = ("gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens", "llm.token_count.prompt")
_OUTPUT = ("gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens", "llm.token_count.completion")


@dataclass(frozen=True, slots=True)
class Work:
    """What a span was busy with. Model and tokens are None where they are not told."""

    kind: WorkKind
    model: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None


def work(attributes: Attributes) -> Work:
    """The work of the span with these attributes."""
    kind = _named(attributes) or _marked(attributes)
    if kind != "model":
        return Work(kind)
    model = next((value for name in _MODELS if isinstance(value := attributes.get(name), str) and value), None)
    return Work(kind, model, _count(attributes, _INPUT), _count(attributes, _OUTPUT))


def _named(attributes: Attributes) -> WorkKind | None:
    named = (
        _OPERATIONS.get(_text(attributes, "gen_ai.operation.name").lower()),
        _OPENINFERENCE.get(_text(attributes, "openinference.span.kind").upper()),
        _OPENLLMETRY.get(_text(attributes, "traceloop.span.kind").lower()),
    )
    return next((kind for kind in named if kind is not None), None)


def _marked(attributes: Attributes) -> WorkKind:
    return next((kind for kind, starts in _MARKS if any(name.startswith(starts) for name in attributes)), "other")


def _text(attributes: Attributes, name: str) -> str:
    value = attributes.get(name)
    return value if isinstance(value, str) else ""


def _count(attributes: Attributes, names: tuple[str, ...]) -> int | None:
    found: tuple[Any, ...] = tuple(attributes.get(name) for name in names)
    return next((one for one in found if isinstance(one, int) and not isinstance(one, bool) and one >= 0), None)
