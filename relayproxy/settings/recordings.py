"""Settings of where recordings go that are moved out of the database.

Knows: which settings make a place.
Must not know: how anything is moved.
"""

from relayproxy.objects.place import Place
from relayproxy.settings.model import Settings


def recordings_place(settings: Settings) -> Place | None:
    """Where recordings of calls go that are over; None: they stay in the database."""
    if settings.recordings is None:
        return None
    return Place(settings.recordings, settings.recordings_endpoint, settings.recordings_path_style)
