"""How long the caller waited for an answer, and whether there was one.

Knows: from when until when a caller waits within one turn.
Must not know: which message belongs to which turn; who asks for the number.

Times are wall nanoseconds.
"""

from relayproxy.conversation.fold.turns import TurnDraft
from relayproxy.conversation.totals import NullReason


def unanswered(draft: TurnDraft) -> bool:
    """Whether the caller asked something in the turn, and nothing speakable, no digits and no handoff followed."""
    asked = draft.caller_at is not None and draft.agent_at is None
    return asked and not (draft.closed_by == "handoff" or draft.sent_digits or draft.state == "overlapped")


def longest_wait(
    draft: TurnDraft, sound_at: int | None, ended_at: int | None, *, never_sounded: bool
) -> int | NullReason:
    """Nanoseconds from the last key before the first final prompt or, without one, that prompt, when nothing had
    answered it, until the agent was heard; or why there is no such number.

    `sound_at`: when the answer was first heard, as far as events tell; without them it counts from when it had been
    written. `never_sounded`: events tell that it was discarded before that. A caller who speaks before that, or an
    end at `ended_at`, ends the wait as well."""
    since = draft.asked_at
    if since is None:
        since = draft.prompts[0].moment.at if draft.prompts else draft.caller_at
    if since is None:
        return "no_prompt"
    if draft.agent_at is None:
        if draft.state == "overlapped":
            return "overlap"
        if draft.sent_digits:
            return "no_response"
        return "pending" if ended_at is None else max(0, ended_at - since)
    until = draft.agent_at if sound_at is None else sound_at
    if draft.interruptions:
        stopped_at = max(draft.agent_at, draft.interruptions[0].moment.at)
        until = stopped_at if never_sounded else min(until, stopped_at)
    if until < since:
        return "speculative"
    return until - since
