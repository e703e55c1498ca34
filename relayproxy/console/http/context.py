"""The app context: the parts of a running console that its handlers work with.

Knows: which parts there are.
Must not know: what handlers answer.
"""

from dataclasses import dataclass

from aiohttp import web

from relayproxy.console.http.change_poller import Pulse
from relayproxy.console.http.static_files import Statics
from relayproxy.settings.model import Settings
from relayproxy.store.read.queries import Queries
from relayproxy.store.write.annotation_writer import Pen


@dataclass(frozen=True, slots=True)
class Room:
    """The parts of a running console."""

    settings: Settings
    queries: Queries
    pulse: Pulse
    statics: Statics
    pen: Pen


ROOM = web.AppKey("room", Room)
