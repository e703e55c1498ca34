"""Overlapping replies: which texts belong to which, where a second reply is streamed before the first has ended.

Knows: that a reply's texts come at a steady pace, where they do.
Must not know: how turns open, why the first reply went on.
"""

from collections.abc import Sequence
from itertools import accumulate, pairwise

from relayproxy.conversation.fold.turns import Response, TurnDraft
from relayproxy.conversation.hearing.speech import words
from relayproxy.conversation.moment import Moment

MIN_GAPS = 4
"""Gaps below which a response has no known pace."""
TOLERANCE = 0.25
"""Share of the usual gap by which another one may differ."""
STEADY = 0.8
"""Share of the gaps that must be usual."""


def second_reply(gaps: Sequence[int], last_at: int, during: Sequence[int]) -> list[int] | None:
    """Indices in `during` (times of texts) of those that belong to a second reply, by the pace of the first one: its
    texts came `gaps` apart until `last_at`, and its last text is the last of `during`. None when the pace does not
    tell. Times and gaps in nanoseconds."""
    if len(gaps) < MIN_GAPS:
        return None
    usual = sorted(gaps)[len(gaps) // 2]
    margin = usual * TOLERANCE
    if sum(abs(gap - usual) <= margin for gap in gaps) < STEADY * len(gaps):
        return None
    others, expected, place = [*range(len(during))], last_at + usual, -1
    while True:
        near = [n for n in others if n > place and abs(during[n] - expected) <= margin]
        if not near:
            break
        place = min(near, key=lambda n: abs(during[n] - expected))
        others.remove(place)
        expected = during[place] + usual
    return others if place == len(during) - 1 else None


def texts_among(response: Response, asked_at: int) -> list[tuple[Moment, str]] | None:
    """The texts of a second reply among those that came after an interrupted one since `asked_at`; None when the pace
    of the first does not tell."""
    sure = [moment.at for moment, _ in response.stale_texts if moment.at <= asked_at]
    during = response.stale_texts[len(sure) :]
    gaps = [*response.stream.gaps, *(later - earlier for earlier, later in pairwise(sure))]
    last_at = sure[-1] if sure else response.stream.last_at
    places = second_reply(gaps, last_at, [moment.at for moment, _ in during])
    return None if places is None else [during[place] for place in places]


def repeats_first_word(before: Response | None, response: Response, turn: TurnDraft) -> bool:
    """Whether `response` begins with the same word as the one before it in the same turn, and that turn has a partial
    prompt for each response: then the partial prompts were answered too."""
    if before is None or before.turn is not turn or turn.partials < len(turn.responses):
        return False
    first, second = (words(reply.text()).split()[:1] for reply in (before, response))
    return bool(first) and len(first[0]) > 1 and first == second


def kept_pace(response: Response) -> bool:
    """Whether all texts since the caller's next prompt came at the pace of this response, so that no second reply was
    among them."""
    if response.outrun is None or response.interruption is not None:
        return False
    before, last_at = response.outrun
    during = [*accumulate(response.stream.gaps[before:], initial=last_at)][1:]
    return second_reply(response.stream.gaps[:before], last_at, during) == []


def may_be_mixed(response: Response) -> bool:
    """Whether texts of a second reply may be among those that came since the caller's next prompt."""
    alone = response.outrun is not None and len(response.stream.gaps) - response.outrun[0] <= 1
    whole = alone and bool(response.tokens[-1])
    return response.interruption is not None or not (whole or kept_pace(response))


def begins_mid_sentence(response: Response) -> bool:
    """Whether the text begins as if it went on from something."""
    begun = response.text()
    return begun[:1].isspace() or begun[:1].islower() or begun[:1] in ",.;:!?"
