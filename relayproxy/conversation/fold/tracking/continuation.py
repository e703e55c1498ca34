"""Whether a message of the backend continues the response before it, or shows that another one has taken its place.

Knows: pauses, the pace of a response, and what the caller has asked meanwhile.
Must not know: what follows from it.

Times are wall nanoseconds.
"""

from relayproxy.conversation.fold.response_states import ResponseEvent
from relayproxy.conversation.fold.turns import Response, TurnDraft

SILENCE = 1_000_000_000
"""Pause in an unterminated response after which text no longer continues it, when the caller interrupted it or spoke
since. A reply that begins sooner after another one, without a prompt between them, is a second reply to the same
words."""
RESTART = 500_000_000
"""Pause in an unterminated response, counted from the caller's next prompt, after which text answers that prompt: the
response was given up without notice."""
OVERLAP = 300_000_000
"""A reply that begins sooner than this after one that the caller's next prompt came into was generated while that one
was sent: no backend begins to answer so soon after it has finished something else."""
CADENCE = 1.25
"""Ratio of a pause to the longest pause of an unterminated response from which on it was given up, at the first text
since the caller's next prompt; later twice that."""
IN_FLIGHT = 100_000_000
"""A message that was read less than this after a prompt may have been sent before it; a pause shorter than this shows
nothing."""


def displaced_by(
    response: Response, token: str | None, at: int, inputs: int, input_at: int, turn: TurnDraft | None
) -> ResponseEvent | None:
    """The event by which a message at `at` does not continue `response`; None when it continues it.

    `token`: the text of the message, None of media. `inputs`: how many prompts and keys were to be answered so far, of
    which the last one came at `input_at`. `turn`: the open turn."""
    event = _by_time(response, at, inputs, input_at, turn)
    if event is None and turn is not None and turn is not response.turn and turn.awaiting:
        return _by_pace(response, token, at, inputs, input_at)
    return event


def _by_time(response: Response, at: int, inputs: int, input_at: int, turn: TurnDraft | None) -> ResponseEvent | None:
    silence, interruption = at - response.last_at, response.interruption
    if interruption is None:
        if inputs == response.inputs:
            return None
        restarted = at - max(response.last_at, input_at) > RESTART
        return "new_input" if silence > SILENCE or restarted or not response.streams else None
    sent_before = turn is response.turn and at - interruption.moment.out < IN_FLIGHT
    if silence > SILENCE and not sent_before:
        return "pause"
    # A backend that does not listen goes on without a pause, whatever is asked meanwhile.
    return "new_input" if silence > OVERLAP and inputs != response.interrupted_at_inputs else None


def _by_pace(response: Response, token: str | None, at: int, inputs: int, input_at: int) -> ResponseEvent | None:
    """An unterminated response makes way for the answer to what the caller asked since it began: that begins with the
    same words, or after a pause that the response did not make before."""
    longest = response.longest_gap()
    if inputs == response.began_inputs or not response.streams or not longest or at - input_at < IN_FLIGHT:
        return None
    first = inputs != response.inputs
    begun = next((token.strip() for token in response.tokens if token.strip()), "")
    if first and token is not None and len(begun) > 1 and token.strip() == begun:
        return "new_input"
    pause = at - response.last_at
    return "give_up" if pause >= max(longest * CADENCE * (1 if first else 2), IN_FLIGHT) else None
