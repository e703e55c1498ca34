"""Opening of object stores: which kind a place is of.

Knows: that a store keeps its connections, and what is known of its place, so that there is one of each.
Must not know: how objects are kept.
"""

from functools import cache

from relayproxy.objects.place import ObjectStore, Place
from relayproxy.objects.watched import Watched


@cache
def open_objects(place: Place) -> ObjectStore:
    """The store at a place. Nothing is asked before its first use. Raises `ObjectsError`."""
    if place.folder is not None:
        from relayproxy.objects.folder import Folder

        return Watched(Folder(place))
    from relayproxy.objects.bucket import Bucket  # which takes its time, where there is a bucket

    return Watched(Bucket(place))
