"""Session identity: the ids that a session gives itself, and the stored session that a connection continues.

Knows: that ids are content, which any client can send: they count only together with everything else that a
reconnecting Twilio repeats.
Must not know: the sessions that live, the journal, SQL.
"""

from collections.abc import Iterable
from typing import NamedTuple

from relayproxy.connection import Opening, signature_state
from relayproxy.conversation.message import Message
from relayproxy.conversation.model import Conversation
from relayproxy.conversation.protocol.partial_json import string_members
from relayproxy.store.schema.mapping import for_index
from relayproxy.store.schema.rows import SessionRow
from relayproxy.text import storable


class SessionIdentity(NamedTuple):
    """The identity that a connection must share with a session to be its next one, as the store has it."""

    session_id: str
    call_sid: str | None
    account_sid: str | None
    from_number: str | None
    to_number: str | None
    sender: str
    """See `sender_of`."""


def identity(conversation: Conversation, opening: Opening) -> SessionIdentity | None:
    """The identity of a session by its setup message and its first connection; None while no setup message
    with a session id has come."""
    if conversation.session_id is None:
        return None
    return SessionIdentity(
        storable(conversation.session_id),
        storable(conversation.call_sid),
        storable(conversation.account_sid),
        storable(conversation.from_number),
        storable(conversation.to_number),
        sender_of(opening),
    )


def sender_of(opening: Opening) -> str:
    """The sender of a connection, as far as that cannot be claimed: Twilio, by a signature that holds for a route;
    whoever made a signature that was not checked or is wrong, by its digest; whoever sent none, by the address it came
    from."""
    if opening.shadow_of is not None:
        return f"shadow {opening.shadow_of}"  # what it says it is, its call is
    state = signature_state(opening)
    if state == "valid":
        # Routes may be of different accounts, and who has the token of one signs for that one alone.
        return f"twilio {opening.route}"
    if state == "missing":
        return f"address {opening.caller or opening.peer.rpartition(':')[0]}"
    # An earlier version kept no digest: then nothing else is known to come from the same sender.
    return f"{state} {opening.signature_digest or opening.connection_id}"


def agrees(row: SessionRow, said: SessionIdentity) -> bool:
    """True when a stored session has this identity, as far as its row tells; senders are not compared."""
    stored = (row.session_id, row.call_sid, row.account_sid, row.from_number, row.to_number)
    return all(for_index(one) == for_index(other) for one, other in zip(stored, said[:5], strict=True))


def ids_of_first_frame(messages: Iterable[Message]) -> tuple[str | None, str | None]:
    """The VX id and call SID that Twilio's first text names, of any type."""
    first = next((one.text for one in messages if one.sender == "twilio" and one.kind == "text"), None)
    named = string_members(first)[0] if first is not None else {}
    return storable(named.get("sessionId") or None), storable(named.get("callSid") or None)
