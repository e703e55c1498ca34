"""Session facts: ending, handoff, parameters, and the programs that took part.

Knows: where a Studio flow finds each part of the handoff; which sessions have the same parameters.
Must not know: HTML; how anything was derived.
"""

import asyncio
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import msgspec
from aiohttp import web

from relayproxy import __version__
from relayproxy.console.calls.findings import FindingView
from relayproxy.console.calls.reading import StoredSession
from relayproxy.console.http import display_text
from relayproxy.console.http.context import APP_CONTEXT
from relayproxy.console.sessions.annotations import annotations_context, sessions_with
from relayproxy.console.sessions.ending_explanation import explain_ending
from relayproxy.console.sessions.trace_link import trace_link
from relayproxy.store.read.backend_spans import span_counts
from relayproxy.store.read.filters.criteria import LABEL_TEXT, PARAM
from relayproxy.store.write.annotations import read_annotations
from relayproxy.text import shortened

VARIABLE = "handoff"
"""The Studio variable of examples that the payload is parsed into."""
MAX_STUDIO_FIELDS = 40
AT_ONCE = 2
"""Findings of one code that are shown at once."""
_DEEPEST = 4
_MAX_VALUE = 80
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")


@dataclass(frozen=True, slots=True)
class StudioField:
    """One value of the handoff: how a flow refers to it once it is parsed, and what it is."""

    path: str
    value: str


@dataclass(frozen=True, slots=True)
class FindingKind:
    """The findings of one code, in order of time: those shown at once and the others."""

    first: tuple[FindingView, ...]
    more: tuple[FindingView, ...]


async def about(
    request: web.Request, session: StoredSession, findings: tuple[FindingView, ...], now: int, *, annotations: bool
) -> dict[str, Any]:
    """Template values of a session page's head and facts, as of `now`; with `annotations` tags and notes too."""
    context, conversation = request.app[APP_CONTEXT], session.conversation
    added = await asyncio.to_thread(read_annotations, context.queries, session.row.id)
    backend_spans = await asyncio.to_thread(span_counts, context.queries, session.row.id)
    found = {
        "explanation": explain_ending(session, findings),
        "finding_kinds": kinds(findings),
        "studio_fields": studio_fields(conversation.handoff.json) if conversation.handoff else (),
        "studio_variable": VARIABLE,
        "trace_link": trace_link(context.settings.trace_url, session.row, now),
        "environment": tuple(environment(session, added.languages)),
        "version_link": sessions_with("version", session.row.backend_version or ""),
        "parameters": tuple(parameters(conversation.custom_parameters)),
        "backend_spans": backend_spans,
        "receiver": context.settings.receiver.listen is not None,
        "setup": display_text.pretty(_json(conversation.setup)) if conversation.setup else "",
    }
    return found | await annotations_context(request, session.row.id, added) if annotations else found


def kinds(findings: Iterable[FindingView]) -> tuple[FindingKind, ...]:
    """Findings by their code, in the order in which the codes came first."""
    by_code: dict[str, list[FindingView]] = {}
    for view in findings:
        by_code.setdefault(view.finding.code, []).append(view)
    shown = {code: len(found) if len(found) <= AT_ONCE + 1 else AT_ONCE for code, found in by_code.items()}
    return tuple(
        FindingKind(tuple(found[: shown[code]]), tuple(found[shown[code] :])) for code, found in by_code.items()
    )


def studio_fields(payload: Any) -> tuple[StudioField, ...]:
    """The values within a JSON object, in its order, at most `MAX_STUDIO_FIELDS`; none of what is no object."""
    if not isinstance(payload, dict) or not payload:
        return ()
    found: list[StudioField] = []
    for path, value in _leaves(f"flow.variables.{VARIABLE}", payload, 0):
        if len(found) == MAX_STUDIO_FIELDS:
            break
        found.append(StudioField(f"{{{{{path}}}}}", _short(value)))
    return tuple(found)


def environment(session: StoredSession, languages: Iterable[str]) -> Iterator[tuple[str, str]]:
    """The programs that took part and their settings, as names and values."""
    opening = session.connections[-1].opening if session.connections else None
    sent = {name.lower(): value for name, value in opening.response_headers} if opening else {}
    asked = {name.lower(): value for name, value in opening.request_headers} if opening else {}
    if "server" in sent:
        yield "Backend server", sent["server"]
    if "user-agent" in asked:
        yield "Twilio client", asked["user-agent"]
    told = session.conversation.tier == "B"
    yield (
        "Events",
        "speaker-events or tokens-played: times of speech as Twilio tells them"
        if told
        else "none: times of speech are estimated",
    )
    heard = ", ".join(languages)
    if heard:
        yield "Languages", heard
    yield "Console", f"relayproxy {__version__}"


def parameters(custom: dict[str, Any]) -> Iterator[tuple[str, str, str | None]]:
    """Name and value of each custom parameter, and where the sessions with the same value are listed."""
    for name, value in custom.items():
        text = value if isinstance(value, str) else _json(value)
        findable = text == text.strip() != "" and max(len(text), len(name)) <= LABEL_TEXT
        yield name, text, sessions_with(f"{PARAM}{name}", text) if findable else None


def _leaves(path: str, value: Any, depth: int) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and value and depth < _DEEPEST:
        for name, item in value.items():
            if (step := _step(name)) is not None:
                yield from _leaves(path + step, item, depth + 1)
    elif isinstance(value, list) and value and depth < _DEEPEST:
        for number, item in enumerate(value):
            yield from _leaves(f"{path}[{number}]", item, depth + 1)
    else:
        yield path, value


def _step(name: str) -> str | None:
    """A member's name in Liquid; None for a name that it cannot write."""
    if _NAME.fullmatch(name):
        return f".{name}"
    quote = next((mark for mark in ('"', "'") if mark not in name), None)
    return None if quote is None or "}}" in name or "\n" in name else f"[{quote}{name}{quote}]"


def _short(value: Any) -> str:
    return shortened(value if isinstance(value, str) else _json(value), _MAX_VALUE)


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
