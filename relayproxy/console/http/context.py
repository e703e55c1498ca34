"""The app context: the parts of a running console that its handlers work with.

Knows: which parts there are.
Must not know: what handlers answer.
"""

from dataclasses import dataclass

from aiohttp import web

from relayproxy.console.http.change_poller import ChangePoller
from relayproxy.console.http.static_files import StaticFiles
from relayproxy.settings.model import Settings
from relayproxy.store.read.queries import Queries
from relayproxy.store.write.annotation_writer import AnnotationWriter


@dataclass(frozen=True, slots=True)
class AppContext:
    """The parts of a running console."""

    settings: Settings
    queries: Queries
    poller: ChangePoller
    static_files: StaticFiles
    writer: AnnotationWriter


APP_CONTEXT = web.AppKey("app_context", AppContext)
