"""Recording of a replayed call: the same kind of file as of any call, so that it can be kept, looked at and compared.

Knows: which connections of a replayed call are one session.
Must not know: where the file goes.
"""

import msgspec

from relayproxy import __version__
from relayproxy.conversation.recording import VERSION, Header, RecordedConnection, write_header, write_messages
from relayproxy.lab.replay.performing import Replayed


def recording(replayed: Replayed, of: str, route: str) -> bytes:
    """The recording of a replayed call's first session, not compressed. `of` is the recorded one's id, `route` its
    route. Raises ValueError for a call that was never connected."""
    first, *_ = replayed.call.connections
    if first.opening.status != 101:
        raise ValueError("the call was never connected")
    connections = [one for one in replayed.call.connections if one.session_id == first.session_id]
    openings = [msgspec.structs.replace(one.opening, route=route) for one in connections]
    caller = replayed.call.caller
    header = Header(
        relayproxy="recording",
        version=VERSION,
        produced_by=f"relayproxy {__version__}, replay of {of}",
        id=first.opening.connection_id,
        session_id=first.session_id,
        call_sid=caller.call_sid,
        account_sid=caller.account_sid,
        trace_id=first.opening.trace_id,
        connections=tuple(
            RecordedConnection(opening, one.ending, len(one.messages))
            for opening, one in zip(openings, connections, strict=True)
        ),
    )
    lines = (write_messages(place, one.messages) for place, one in enumerate(connections))
    return write_header(header) + b"".join(lines)
