"""Calls that failed, and answers that the end of a connection cut off.

Knows: which endings are failures; when a reply was still being sent.
Must not know: how an ending is told.
"""

from collections.abc import Iterable

from relayproxy.conversation.fold.connection_outcome import ConnectionOutcome
from relayproxy.conversation.fold.turns import TurnDraft
from relayproxy.conversation.hearing.playback import SECOND
from relayproxy.conversation.model import Finding

CUT_OFF_WITHIN = 10 * SECOND
"""A response whose last text is older than this, without `last: true`, was left open rather than cut off."""


def failed(connection: ConnectionOutcome) -> bool:
    """Whether Twilio reports the end of this connection as failed."""
    return connection.ended_at is not None and connection.outcome().studio_transition == "failed"


def cut_off(drafts: Iterable[TurnDraft], connection_id: str, at: int) -> TurnDraft | None:
    """The turn whose response was being sent over this connection when it ended at `at` (wall nanoseconds); None
    without one."""
    responses = [response for draft in drafts for response in draft.responses]
    sent = [response for response in responses if response.connection_id == connection_id]
    last = max(sent, key=lambda response: response.last_at, default=None)
    if last is None or not last.streams or last.interruption is not None or at - last.last_at > CUT_OFF_WITHIN:
        return None
    return last.turn


def call_failed_finding(connection: ConnectionOutcome, last: TurnDraft | None) -> Finding:
    """The finding `call_failed`. `last`: the last turn of the call, which it names when that one was not over."""
    outcome, turn = connection.outcome(), None
    detail = outcome.end_reason
    if last is not None and last.cut_off:
        turn, detail = last.number, f"{detail} This cut off an answer."
    elif last is not None and last.caller_at is not None and last.agent_at is None:
        turn, detail = last.number, f"{detail} The caller was waiting for an answer."
    connection_id, code = connection.opening.connection_id, outcome.twilio_error_code
    return Finding("call_failed", connection.ended_at or 0, detail, turn, connection_id, twilio_code=code)
