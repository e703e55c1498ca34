"""How long the caller waited for an answer, and whether there was one.

Knows: from when until when a caller waits within one turn.
Must not know: which message belongs to which turn; who asks for the number.

Times are wall nanoseconds.
"""

from itertools import pairwise

from relayproxy.conversation.checks.filler import is_filler
from relayproxy.conversation.fold.turns import Response, TurnDraft
from relayproxy.conversation.moment import Moment
from relayproxy.conversation.totals import NullReason


def unanswered(draft: TurnDraft) -> bool:
    """Whether the caller asked something in the turn, and nothing speakable, no digits and no handoff followed."""
    asked = draft.caller_at is not None and draft.agent_at is None
    return asked and not (draft.closed_by == "handoff" or draft.sent_digits or draft.state == "overlapped")


def longest_wait(
    draft: TurnDraft, sound_at: int | None, ended_at: int | None, *, never_sounded: bool
) -> int | NullReason:
    """Nanoseconds from the last key before the first final prompt or, without one, that prompt, when nothing had
    answered it, until the agent was heard, or of the silence on hold, when that was longer; or why there is no such
    number.

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
    held = on_hold(draft, ended_at)
    return until - since if held is None else max(until - since, held[0])


def on_hold(draft: TurnDraft, ended_at: int | None) -> tuple[int, Moment] | None:
    """The longest silence after a reply that only asked the caller to wait: nanoseconds until the next reply was heard
    or, where none came, until `ended_at`; and the message that ended it or, in that case, that reply. None where there
    was no such silence."""
    heard = [reply for reply in draft.responses if not reply.late and reply.began is not None]
    if draft.speculative or not (heard[1:] or draft.state == "on_hold"):
        return None
    found = [
        (silence, after.began)
        for before, after in pairwise(heard)
        # What is cheap comes first: a turn can have a reply for each token.
        if (silence := _heard_from(after) - _heard_until(before)) > 0
        and after.began is not None
        and not before.media
        and is_filler(before.text())
    ]
    last = heard[-1]
    if draft.state == "on_hold" and ended_at is not None and last.began is not None:
        found.append((max(0, ended_at - _heard_until(last)), last.began))
    return max(found, key=lambda silence: silence[0], default=None)


def _heard_from(reply: Response) -> int:
    sound_at = next((speech.sound_at for speech in reply.speeches), None)
    written = 0 if reply.began is None else reply.began.out
    return written if sound_at is None else max(sound_at, written)


def _heard_until(reply: Response) -> int:
    """When it had been sent and, as far as is known, spoken."""
    ends = [
        speech.cut.at if speech.cut is not None else speech.end_at if speech.off_at is None else speech.off_at
        for speech in reply.speeches
    ]
    return max([reply.last_at, *ends])
