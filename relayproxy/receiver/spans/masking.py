"""Masking: what of a span is kept under the rules of its session's route.

Knows: which attributes are no content; that content is searched for secrets as what is said in calls is, and that it
takes too long to search any amount of it.
Must not know: how secrets are found; storage.
"""

import re
from typing import Any

from msgspec import structs

from relayproxy.conversation.backend_span import Attributes, BackendSpan, SpanDetail, SpanEvent, SpanLink
from relayproxy.receiver.spans.credentials import without_credentials
from relayproxy.receiver.spans.trimming import CUT
from relayproxy.redaction.budget import SearchBudget, effort
from relayproxy.redaction.masking.json_text import applied
from relayproxy.redaction.masking.masking import mask_string
from relayproxy.redaction.rules import Rules
from relayproxy.redaction.values import Context

_PLAIN = frozenset(
    {
        "asgi.event.type", "code.function.name", "code.lineno", "error.type", "exception.type",
        "gen_ai.agent.name", "gen_ai.operation.name", "gen_ai.output.type", "gen_ai.provider.name",
        "gen_ai.request.model", "gen_ai.response.finish_reasons", "gen_ai.response.model", "gen_ai.system",
        "gen_ai.token.type", "gen_ai.tool.name", "gen_ai.tool.type",
        "http.flavor", "http.method", "http.request.method", "http.response.status_code", "http.route", "http.scheme",
        "http.status_code", "llm.model_name", "llm.provider", "llm.request.type", "llm.system", "mcp.method.name",
        "messaging.operation.name",
        "messaging.system", "net.peer.port", "network.protocol.name", "network.protocol.version", "network.transport",
        "openinference.span.kind", "rpc.grpc.status_code", "rpc.method", "rpc.service", "rpc.system",
        "server.port", "service.name", "service.version", "service.namespace", "telemetry.sdk.language",
        "telemetry.sdk.name", "telemetry.sdk.version", "tool.name", "traceloop.span.kind", "url.scheme",
        "db.collection.name", "db.operation", "db.operation.name", "db.response.status_code", "db.sql.table",
        "db.system", "db.system.name",
    }
)  # fmt: skip
_PLAIN_PREFIXES = ("gen_ai.usage.", "llm.token_count.", "gen_ai.request.", "gen_ai.server.", "gen_ai.client.")
_HOSTS = frozenset(
    {
        "http.host", "http.server_name", "net.host.ip", "net.host.name", "net.peer.ip", "net.peer.name",
        "net.sock.host.addr", "net.sock.peer.addr", "network.local.address", "network.peer.address", "server.address",
    }
)  # fmt: skip
"""Names of machines, or their addresses, whose digits would be taken for a number that was asked for."""
_HOST = re.compile(r"(?:[A-Za-z][\w.-]{0,126}|[0-9]{1,3}(?:\.[0-9]{1,3}){3})(?::[0-9]{1,5})?", re.ASCII)
_PLAIN_TEXT = re.compile(r"[A-Za-z_/<{*][\w./:<>{}*@ +-]{0,127}", re.ASCII)
_NUMBERS = re.compile(r"[0-9]{6}")
_ANSWERS = Context(asked=frozenset({"pin"}))
"""A text by itself may be the answer to a question that stands in another span."""
_NOTHING = Context()
_MAX_NUMBER = 10**9
"""Numbers from here on are searched like texts: they may be a card's."""


def is_plain(name: str, value: Any) -> bool:
    """True for an attribute that is no content: a name, a model, a count, a status, a host."""
    if name in _HOSTS and isinstance(value, str):
        return bool(_HOST.fullmatch(value)) and not _NUMBERS.search(value)
    if name not in _PLAIN and not name.startswith(_PLAIN_PREFIXES):
        return False
    if isinstance(value, str):
        return bool(_PLAIN_TEXT.fullmatch(value)) and not _NUMBERS.search(value)
    if isinstance(value, list):
        return all(isinstance(one, str) and is_plain(name, one) for one in value)
    return isinstance(value, bool | float) or (isinstance(value, int) and abs(value) < _MAX_NUMBER)


def masked(span: BackendSpan, rules: Rules, budget: SearchBudget, now: int) -> tuple[BackendSpan, bool]:
    """The span as it may be stored, and whether its content was left out because more came than is searched (see
    `SearchBudget`, whose time is `now`)."""
    span = without_credentials(span)
    if rules.record == "full":
        return span, False
    if rules.record == "metadata" or not budget.covers(_effort(span), now):
        return _metadata(span, rules), rules.record != "metadata"
    masker = _Masker(rules, budget)
    detail = SpanDetail(
        status_message=masker.text(span.detail.status_message, None),
        attributes=masker.attributes(span.detail.attributes),
        resource=masker.attributes(span.detail.resource),
        events=tuple(
            SpanEvent(one.at, masker.name(one.name), masker.attributes(one.attributes)) for one in span.detail.events
        ),
        links=tuple(
            SpanLink(one.trace_id, one.span_id, masker.attributes(one.attributes)) for one in span.detail.links
        ),
    )
    return structs.replace(
        span,
        name=masker.name(span.name),
        service=masker.name(span.service),
        scope=masker.name(span.scope),
        detail=detail,
    ), False


def _metadata(span: BackendSpan, rules: Rules) -> BackendSpan:
    """The span without anything that may be content: the number of attributes left out grows."""
    masker = _Masker(rules, SearchBudget())
    detail = span.detail

    def plain(attributes: Attributes) -> Attributes:
        return {name: value for name, value in attributes.items() if is_plain(name, value)}

    events = tuple(SpanEvent(one.at, masker.name(one.name), plain(one.attributes)) for one in detail.events)
    links = tuple(SpanLink(one.trace_id, one.span_id) for one in detail.links)
    kept = SpanDetail("", plain(detail.attributes), plain(detail.resource), events, links)
    left_out = len(detail.attributes) - len(kept.attributes) + bool(detail.status_message)
    left_out += sum(len(one.attributes) for one in detail.events) - sum(len(one.attributes) for one in events)
    return structs.replace(
        span,
        name=masker.name(span.name),
        service=masker.name(span.service),
        scope=masker.name(span.scope),
        detail=kept,
        left_out=span.left_out + left_out,
    )


class _Masker:
    def __init__(self, rules: Rules, budget: SearchBudget) -> None:
        self._policy = rules.policy
        self._budget = budget

    def attributes(self, found: Attributes) -> Attributes:
        kept: Attributes = {}
        for name, value in found.items():
            shown = self.name(name)
            kept[shown] = value if is_plain(name, value) and not self._policy.fields else self._value(value, name)
        return kept

    def name(self, text: str) -> str:
        """A name, which may have been made of anything."""
        return self._masked(text, None, _NOTHING)

    def text(self, text: str, name: str | None) -> str:
        return self._masked(text, name, _ANSWERS)

    def _value(self, value: Any, name: str) -> Any:
        if isinstance(value, str):
            return self.text(value, name)
        if isinstance(value, list):
            return [self._value(one, name) for one in value]
        if isinstance(value, dict):
            inner = None if not self._policy.masks_field(name) else name
            return {self.name(key): self._value(one, inner or key) for key, one in value.items()}
        if isinstance(value, bool) or value is None:
            return value
        # A PIN may be a number by its type, and so may a card.
        text = str(value)
        shown = self._masked(text, name, _NOTHING)
        return value if shown == text else shown

    def _masked(self, text: str, name: str | None, context: Context) -> str:
        if not text:
            return text
        self._budget.spend(effort(text))
        cut = text.endswith(CUT)
        return applied(text, mask_string(text, self._policy, context, name=name, cut=cut).edits)


def _effort(span: BackendSpan) -> int:
    detail = span.detail
    every = [detail.attributes, *(one.attributes for one in detail.events), *(one.attributes for one in detail.links)]
    return sum(_effort_of(name, value) for some in every for name, value in some.items())


def _effort_of(name: str, value: Any) -> int:
    if isinstance(value, str):
        return 0 if is_plain(name, value) else effort(value)
    if isinstance(value, list):
        return sum(_effort_of(name, one) for one in value)
    if isinstance(value, dict):
        return sum(_effort_of(key, one) for key, one in value.items())
    return 16
