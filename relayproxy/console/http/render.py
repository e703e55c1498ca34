"""Template rendering: the environment, its filters, and the values that every page has.

Knows: Jinja's settings (everything is escaped, a missing value is an error).
Must not know: what any page is about.
"""

import time
from collections.abc import Callable
from functools import cache
from typing import Any

import aiohttp_jinja2
import jinja2
from aiohttp import web

from relayproxy.assets import web_dir
from relayproxy.console import words
from relayproxy.console.http import display_text, times
from relayproxy.console.http.static_files import StaticFiles
from relayproxy.console.http.zones import readers_zone
from relayproxy.plural import plural
from relayproxy.text import mended


@jinja2.pass_context
def _local(context: jinja2.runtime.Context, ns: int, form: times.TimeForm = "full") -> str:
    return times.local(ns, context["reader_zone"], context["now_ns"], form)


_FILTERS: dict[str, Callable[..., str]] = {
    "ago": times.ago,
    "duration": times.duration,
    "http_phrase": words.http_phrase,
    "latency": times.latency,
    "local": _local,
    "micros": times.micros,
    "offset": times.offset,
    "rfc3339": times.rfc3339,
    "size": times.size,
    "plural": plural,
    "left_out": display_text.left_out,
    "pretty": display_text.pretty,
    "visible": display_text.begun,
}


PAGE_VALUES: web.AppKey[dict[str, Callable[[web.Request], object]]] = web.AppKey("page_values")
"""Values of every page by their name in templates, as features add them: `principal`, `notice`."""


ROOMS = ("live", "sessions", "insight", "connect", "health")
"""The pages that the head of each page leads to. `rooms` in `PAGE_VALUES` says otherwise."""


def set_up_templates(app: web.Application, static_files: StaticFiles) -> None:
    """Makes `render` work for the application. Before the features, which add what their templates use."""
    app[aiohttp_jinja2.APP_KEY] = _environment(static_files)
    app[PAGE_VALUES] = {}


def compile_templates(app: web.Application, stopped: Callable[[], bool]) -> None:
    """Compiles every page's template, one after the other until `stopped`, so that who first asks for a page does not
    wait for it. May run in another thread while pages are made."""
    environment = aiohttp_jinja2.get_env(app)
    for name in environment.list_templates(extensions=["html"]):
        if stopped():
            return
        environment.get_template(name)


def add_global(app: web.Application, name: str, value: object) -> None:
    """Makes a feature's value known to all templates."""
    aiohttp_jinja2.get_env(app).globals[name] = value


@cache
def _environment(static_files: StaticFiles) -> jinja2.Environment:
    """For all applications with these files: to compile the templates takes longer than everything else at the start.
    Each is compiled when it is first used, or by `compile_templates`."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(web_dir() / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.filters.update(_FILTERS)
    environment.globals.update(
        {"static": static_files.url, "words": words, "section": "", "most_shown": display_text.MOST}
    )
    return environment


def render(template: str, request: web.Request, context: dict[str, Any], status: int = 200) -> web.Response:
    """A page or fragment; the template also gets the time of rendering and the principal."""
    now, zone = time.time_ns(), readers_zone(request)
    context = {
        "principal": None,
        "notice": None,
        "rooms": ROOMS,
        **context,
        **{name: value(request) for name, value in request.app[PAGE_VALUES].items()},
        "now_ns": now,
        "now_ms": now // 1_000_000,
        "reader_zone": zone,
        "zone": str(zone),
    }
    # Half a character, as some requests and recordings have it, is no reason to show nothing.
    body = mended(aiohttp_jinja2.render_string(template, request, context)).encode()
    return web.Response(body=body, status=status, content_type="text/html", charset="utf-8")
