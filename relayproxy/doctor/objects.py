"""Objects: whether the bucket or folder that recordings go to takes them, gives them back, lists and deletes them.

Knows: the one object that is written for it, and that it is deleted again.
Must not know: what recordings look like.
"""

import secrets
from collections.abc import Iterator
from urllib.parse import urlsplit

from relayproxy.doctor.check import Result
from relayproxy.objects.opening import open_objects
from relayproxy.objects.place import ObjectsError
from relayproxy.settings.model import Settings
from relayproxy.settings.recordings import recordings_place
from relayproxy.settings.validators import is_loopback

_CONTENT = b"relayproxy doctor looks whether this can be written, read and deleted."


def objects(settings: Settings, *, network: bool) -> Iterator[Result]:
    """The place of `recordings`, where there is one."""
    place = recordings_place(settings)
    if place is None:
        yield Result("recordings", "place", "ok", "recordings of calls that are over stay in the database")
        return
    if place.folder is None and not network:
        yield Result("recordings", "place", "skipped", "not asked, as --no-network says")
        return
    try:
        store, key = open_objects(place), f"doctor/{secrets.token_hex(8)}"
        store.put(key, _CONTENT)
        same = store.get(key) == _CONTENT
        listed = any(one.key == key for one in store.list("doctor"))
        store.delete([key])
    except ObjectsError as problem:
        action = (
            "see its address, that the bucket or folder is there, and that what AWS_ACCESS_KEY_ID and the like name "
        )
        action += "may write, read, list and delete there; calls are recorded all the same, and stay in the database"
        yield Result("recordings", "place", "failed", str(problem), action)
        return
    if not (same and listed):
        text = f"{place} gives something else than what was written to it"
        if same:
            text = f"{place} does not list what was written to it"
        yield Result("recordings", "place", "failed", text, "use another one")
        return
    yield Result("recordings", "place", "ok", f"{place} takes an object, gives it back, lists and deletes it")
    url = urlsplit(place.endpoint or "")
    if url.scheme == "http" and not is_loopback(url.hostname or ""):
        text = f"{place.endpoint} is asked without encryption"
        yield Result("recordings", "encryption", "warning", text, "use https:// unless nobody else is on that network")
