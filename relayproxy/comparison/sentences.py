"""Sentences: what differs, in one of them.

Knows: the words for each kind of difference.
Must not know: what counts as a difference.
"""

from typing import Any

from relayproxy.comparison.model import MOST_FIELDS, Comparison, Fact, Kind, NumberComparison
from relayproxy.conversation.checks.findings import CATALOGUE
from relayproxy.conversation.words import INTERRUPTIONS, OUTCOMES, STUDIO_TRANSITIONS, TWILIO_ERRORS
from relayproxy.plural import plural
from relayproxy.text import shortened

MOST = 80
"""Characters of a text that is quoted."""

_NOTHING: dict[Kind, tuple[str, str]] = {
    "text": ("The agent said {}", "nothing"),
    "message_types": ("The backend sent {}", "nothing"),
    "language": ("Speech was switched to: {}", "nothing else"),
    "play": ("The agent played {}", "nothing"),
    "digits": ("The agent sent {}", "no digits"),
    "interruptions": ("Interruptions of the agent: {}", "none"),
}
"""What is said of a value of each kind, and what stands for an empty one."""

DURATIONS: dict[str, str] = {
    "response_latency_ms": "The answer began after {}",
    "aggregation_delay_ms": "From the first word to the end of the first sentence it took {}",
    "stream_duration_ms": "The reply took {} to be sent",
}
"""Durations that are compared. They do not overlap, so that no delay is told twice."""


def of_fact(fact: Fact, before: Any, after: Any) -> str:
    """What is there instead of what."""
    kind, field = fact
    if kind == "findings":
        title = CATALOGUE[field].title if field in CATALOGUE else field
        return f"New finding: {title} ({field})." if after else f"No longer found: {title} ({field})."
    if kind == "turn":
        return "Only the second call has this turn." if after else "Only the first call has this turn."
    if kind == "diverged":
        return "The agent asks for something else." if after else "The agent no longer asks for something else."
    if kind == "caller":
        if field == "keys":
            return _instead("The caller pressed {}", _keys(before), _keys(after))
        return _instead("The caller said {}", _quoted(before), _quoted(after))
    if kind == "handoff":
        return _handoff(field, before, after)
    if kind == "studio":
        return _instead("Studio's way is {}", *(_phrase(STUDIO_TRANSITIONS, value) for value in (before, after)))
    if kind == "ending":
        if field:
            return _instead("Twilio's error is {}", _error(before), _error(after))
        return _instead("The call ended as {}", *(_quoted_phrase(value) for value in (before, after)))
    said, nothing = _NOTHING[kind]
    return _instead(said, _value(kind, before) or nothing, _value(kind, after) or nothing)


def of_duration(number: NumberComparison) -> str:
    """How much longer or shorter it is, of one turn."""
    before, after = number.before.median_ms, number.after.median_ms
    said = DURATIONS[number.name]
    if after is None or before is None:
        what = said.format(_ms(before if after is None else after))
        return f"{what}, and now cannot be measured." if after is None else f"{what}, and could not be measured."
    share = f" ({after / before - 1:+.0%})" if before > 0 else ""
    return f"{said.format(_ms(after))} instead of {_ms(before)}{share}{interval_words(number)}."


def of_latency(number: NumberComparison) -> str:
    """The same of the whole call."""
    shift = number.shift
    if shift is None:
        return "Answers have no latency that could be compared."
    later = f"Answers began {abs(shift.ms):,} ms {'later' if shift.ms >= 0 else 'sooner'}{interval_words(number)}"
    return f"{later}; the median is {_ms(number.after.median_ms)} instead of {_ms(number.before.median_ms)}."


def interval_words(number: NumberComparison) -> str:
    """`, +180 to +310 ms with 95 % confidence`; empty without an interval."""
    shift = number.shift
    if shift is None or shift.low_ms is None or shift.high_ms is None:
        return ""
    unsure = float(f"{100 * (1 - shift.confidence):.2g}")
    return f", {shift.low_ms:+,} to {shift.high_ms:+,} ms with {100 - unsure:.10g} % confidence"


def answered_with(number: int | None) -> str:
    """Of a turn that the other call does not have."""
    return f"The other call answers this together with turn {number}."


def of_noise(fact: Fact, turns: int) -> str:
    """What varies, and where."""
    where = f" in {plural(turns, 'turn')}" if turns else ""
    return f"{what(fact)} {'vary' if fact[0] in ('text', 'digits') else 'varies'} between runs{where}."


def what(fact: Fact) -> str:
    """What the fact is, in a few words."""
    kind, field = fact
    names: dict[Kind, str] = {
        "turn": "The presence",
        "caller": "What the caller did",
        "diverged": "Where the agent asks for something else",
        "text": "The agent's words",
        "interruptions": "Who interrupts",
        "message_types": "Which messages are sent",
        "language": "The language",
        "play": "What is played",
        "digits": "The digits that are sent",
        "ending": "The ending",
        "studio": "Studio's way",
        "latency": "The latency",
    }
    if kind == "findings":
        return f"The finding {field}"
    if kind == "handoff":
        return f"{field} in the handoff" if field else "The handoff"
    return names[kind]


def _handoff(field: str, before: Any, after: Any) -> str:
    if not field:
        return "There is handoff data now, and was none." if after else "There is no handoff data any more."
    return _instead(f"{field} of the handoff is {{}}", _shown(before), _shown(after))


def _instead(said: str, before: str, after: str) -> str:
    return f"{said.format(after)} instead of {before}."


def _value(kind: Kind, value: Any) -> str:
    if not value:
        return ""
    if kind == "interruptions":
        return ", ".join(_phrase(INTERRUPTIONS, one) for one in str(value).split(", "))
    if kind == "digits":
        return _keys(value)
    return _quoted(value) if kind == "text" else shortened(str(value), MOST)


def _quoted(value: Any) -> str:
    return f"“{shortened(str(value), MOST)}”" if value else "nothing"


def _keys(value: Any) -> str:
    return shortened(str(value), MOST) if value else "no key"


def _shown(value: Any) -> str:
    return "not there" if value is None else shortened(f"“{value}”" if isinstance(value, str) else str(value), MOST)


def _phrase(words: Any, value: Any) -> str:
    known = words.get(value, value)
    return "not known yet" if value is None else str(getattr(known, "phrase", known))


def _quoted_phrase(outcome: Any) -> str:
    return _phrase(OUTCOMES, outcome) if outcome is None else f"“{_phrase(OUTCOMES, outcome)}”"


def _error(code: Any) -> str:
    return "none" if code is None else f"{code} ({TWILIO_ERRORS[code]})" if code in TWILIO_ERRORS else str(code)


def _ms(value: int | None) -> str:
    return "an unknown time" if value is None else f"{value:,} ms"


def told(comparison: Comparison) -> str:
    """How much differs, and where."""
    found = list(comparison.all_differences())
    if not found:
        return "Nothing differs" + (
            "." if all(turn.compared for turn in comparison.turns) else " in what was compared."
        )
    turns = sum(bool(turn.differences) for turn in comparison.turns)
    where = f" in {turns:,} of {plural(len(comparison.turns), 'turn')}" if turns else ""
    return f"{plural(len(found), 'difference')}{where}."


def left_out(comparison: Comparison) -> str:
    """What of the handoff is not compared; empty when all of it is."""
    more = comparison.handoff_fields_left_out
    if not more:
        return ""
    are = "is" if more == 1 else "are"
    return f"The first {MOST_FIELDS} fields of the handoff are compared; {plural(more, 'field')} behind them {are} not."


def verdict(comparison: Comparison) -> str:
    """The same, and whether limits are exceeded."""
    if not any(comparison.all_differences()):
        return told(comparison)
    exceeded = len(comparison.exceeded)
    limits = f"{plural(exceeded, 'limit')} exceeded" if exceeded else "no limit exceeded"
    return f"{told(comparison).removesuffix('.')}, {limits}."
