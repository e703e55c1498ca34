"""Scenario of a recorded call: its caller's side as a file that simulated calls are made from.

Knows: what a scenario file can say; what of the wire is an act of the caller, and what the agent's answer to it.
Must not know: how scenarios are read and performed.

What the agent said is not expected again word for word: an answer is, within a generous time; its words stand beside it
as a comment.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import msgspec
import yaml

from relayproxy.conversation.model import Turn
from relayproxy.conversation.protocol.decoding import decode_text
from relayproxy.conversation.protocol.messages import (
    Dtmf,
    End,
    Event,
    Interrupt,
    Language,
    Play,
    Prompt,
    SendDigits,
    Text,
)
from relayproxy.recordings.call import RecordedCall
from relayproxy.text import MASKED_DIGIT, MASKED_LETTER, mended, shortened

MS = 1_000_000
KEYS_MS = 4000
"""Keys that are pressed so soon after each other are one act."""
NOISE_MS = 600
"""A noise lasts so long, as nothing tells how long it did."""
LEAST_MS, STEP_MS = 3000, 500
MOST_MS = 600_000
WORDS = 120
"""Characters of a comment."""
_NO_KEY = re.compile(f"[^0-9*#{MASKED_DIGIT}]")
_ENDINGS = frozenset({"ended_by_backend", "caller_hangup"})
"""Endings that a simulated call can be expected to have."""


@dataclass(slots=True)
class _Answer:
    event: str
    at: int
    text: str


@dataclass(slots=True)
class _Act:
    """What the caller did, and what the agent did from then on. Without a `key` the agent begins."""

    key: str
    value: str
    at: int
    lang: str | None = None
    interrupts: int | None = None
    """After so many characters of the answer that it cut off."""
    answers: list[_Answer] = field(default_factory=list)


def scenario(call: RecordedCall) -> str:
    """The scenario as YAML."""
    return "".join(f"{line}\n" for line in _lines(call))


def file_name(call: RecordedCall) -> str:
    """A name for the file, which is that of the scenario."""
    return f"{_name(call)}.yaml"


def _lines(call: RecordedCall) -> Iterator[str]:
    conversation = call.conversation
    acts, greeting = _acts(call), _greeting(call)
    language = next((act.lang for act in acts if act.lang), None)
    yield f"name: {_quoted(_name(call))}"
    yield f"about: {_quoted(f'The caller of session {call.header.session_id or call.header.id}, as recorded.')}"
    if any(mark in act.value for act in acts for mark in (MASKED_DIGIT, MASKED_LETTER)):
        yield "# What was secret was not recorded: put words or keys where • and ◦, or a row of 0, stand."
    twiml = {
        "greeting": _quoted(greeting) if greeting else None,
        "language": _quoted(language) if language and language != "en-US" else None,
        "partial_prompts": None if _has_partials(call) else "false",
        "events": None if conversation.tier == "B" else "false",
        "application_reconnect": "true" if len(call.connections) > 1 else None,
    }
    if any(twiml.values()):
        yield "twiml:"
        yield from (f"  {key}: {value}" for key, value in twiml.items() if value)
    if conversation.custom_parameters:
        yield "parameters:"
        for name, value in conversation.custom_parameters.items():
            text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
            yield f"  {_quoted(name)}: {_quoted(text)}"
    yield "turns:"
    leaves = [*_departure(call, acts)]
    for number, act in enumerate(acts):
        before = acts[number - 1] if number else None
        speaks = bool(greeting) if before is None else bool(before.answers)
        yield from _turn(act, before, language, speaks=speaks, last=number == len(acts) - 1 and not leaves)
    yield from leaves
    yield from _whole(call)


def _turn(act: _Act, before: _Act | None, language: str | None, *, speaks: bool, last: bool) -> Iterator[str]:
    """The lines of one turn. `speaks`: there is something of the agent that it can interrupt."""
    lines: list[str] = []
    if act.key:
        lines.append(f"{act.key}: {act.value if act.key in ('noise', 'reconnect', 'drop') else _quoted(act.value)}")
        if act.key == "dtmf" and MASKED_DIGIT in act.value:
            lines[-1] = f"dtmf: {_quoted(re.sub(r'[^0-9*#]', '0', act.value))} # these keys were not recorded"
    if act.lang and act.lang != language:
        lines.append(f"language: {_quoted(act.lang)}")
    if act.interrupts is not None and speaks:
        lines.append(f"interrupt: {{after_chars: {max(1, act.interrupts)}}}")
    elif before is not None and before.key and not before.answers:
        lines.append(f"send_after: {{event: turn, delay_ms: {_ms(act.at - before.at)}}}")
    # Nothing can follow an `end` in a scenario, whatever Twilio made of this one.
    answers = [answer for answer in act.answers if answer.event != "end" or (last and answer is act.answers[-1])]
    if answers:
        lines.append("expect:")
        for answer in answers:
            within = min(MOST_MS, max(LEAST_MS, -(-2 * _ms(answer.at - act.at) // STEP_MS) * STEP_MS))
            lines.append(f"  - event: {answer.event}")
            lines.append(f"    within_ms: {within}")
            if answer.text:
                lines.append(f"    # {_quoted(shortened(answer.text, WORDS))}")
    yield from (f"{'    ' if number else '  - '}{line}" for number, line in enumerate(lines))


def _departure(call: RecordedCall, acts: list[_Act]) -> Iterator[str]:
    """How the caller left, where that was the caller's doing."""
    conversation = call.conversation
    ended, ending = conversation.ended_at, call.connections[-1].ending if call.connections else None
    lost = ending is not None and ending.first == "twilio" and ending.twilio == "reset"
    if ended is None or not (lost or conversation.outcome == "caller_hangup"):
        if not acts:
            yield "  - silence: 1000"
        return
    if not any(act.key for act in acts):
        yield f"  - silence: {_ms(ended - conversation.started_at)}"
    yield f"  - {'drop' if lost else 'hangup'}: true"
    last = acts[-1] if acts else None
    if last is None or not last.key:
        return
    if not last.answers:
        yield f"    send_after: {{event: turn, delay_ms: {_ms(ended - last.at)}}}"
    elif conversation.turns[-1].unheard_text and last.answers[-1].event == "text":
        yield f"    send_after: {{event: text, delay_ms: {_ms(ended - last.answers[-1].at)}}}"


def _whole(call: RecordedCall) -> Iterator[str]:
    conversation = call.conversation
    lines: list[str] = []
    handoff = conversation.handoff
    if handoff is not None and handoff.reason_code:
        lines += ["  handoff:", f"    reason_code: {_quoted(handoff.reason_code)}"]
    if conversation.outcome in _ENDINGS:
        lines.append(f"  ending: {conversation.outcome}")
    if lines:
        yield "expect:"
        yield from lines


def _greeting(call: RecordedCall) -> str:
    """The greeting of the TwiML, which is known as far as it was heard. One that was cut off goes on, so that it can be
    cut off again."""
    greeted = next((turn for turn in call.conversation.turns if turn.greeting), None)
    if greeted is None:
        return ""
    return f"{greeted.greeting}{', and so on: the rest was not recorded' if greeted.interruptions else ''}"


def _acts(call: RecordedCall) -> list[_Act]:
    """The caller's acts in order; the first may be none."""
    began = call.conversation.started_at
    acts = [_Act("", "", began)]
    cut: int | None = None
    reply = False
    cuts = {
        (one.connection, one.seq): (_heard(turn, one.heard_text), one.false_interruption)
        for turn in call.conversation.turns
        for one in turn.interruptions
        if one.kind != "preempt"
    }
    last = 0
    for at, place, seq, sender, event in _events(call):
        act = acts[-1]
        if place != last:
            acts.append(_Act("reconnect", "true", at))
            last, reply, cut = place, False, None
            continue
        match event:
            case Prompt() as prompt if prompt.final and prompt.voice_prompt.strip():
                acts.append(_Act("user", mended(prompt.voice_prompt), at, prompt.lang, cut))
                reply, cut = False, None
            case Dtmf(digit) if not (keys := _NO_KEY.sub("", digit)):
                pass  # what no simulated caller can press
            case Dtmf() if act.key == "dtmf" and not act.answers and at - act.at < KEYS_MS * MS:
                act.value, act.at = act.value + keys, at
            case Dtmf():
                acts.append(_Act("dtmf", keys, at, None, cut))
                reply, cut = False, None
            case Interrupt():
                id = call.connections[place].opening.connection_id
                heard, nothing = cuts.get((id, seq), (None, False))
                if heard is not None and nothing:
                    acts.append(_Act("noise", str(NOISE_MS), at, None, heard))
                    reply, cut = False, None
                elif act.key == "dtmf" and not act.answers:
                    act.interrupts = heard  # the key came before what it did
                else:
                    cut = heard
            case Text(token) if sender == "backend":
                if reply:
                    act.answers[-1].text += token
                elif token.strip():
                    act.answers.append(_Answer("text", at, token))
                    reply = True
                reply = reply and event.last is not True
            case Play() | SendDigits() | Language() | End():
                act.answers.append(_Answer(*_other(event, at)))
                reply = False
    if not acts[0].answers:
        del acts[0]
    return acts


def _other(event: Event, at: int) -> tuple[str, int, str]:
    match event:
        case Play(source):
            return "play", at, str(source or "")
        case SendDigits(digits):
            return "sendDigits", at, str(digits or "")
        case Language():
            return "language", at, ""
    return "end", at, ""


def _events(call: RecordedCall) -> list[tuple[int, int, int, str, Event]]:
    """Text messages that are well-formed: wall time, place of the connection, number in it, sender and what it is."""
    found = [
        (one.opening.opened_at + message.t, place, message.seq, message.sender, decoded.event)
        for place, one in enumerate(call.connections)
        for message in one.messages
        if message.kind == "text" and message.text is not None
        for decoded in (decode_text(message.text, message.sender),)
        if decoded.violation is None
    ]
    return sorted(found, key=lambda one: one[:3])


def _has_partials(call: RecordedCall) -> bool:
    return any(isinstance(event, Prompt) and not event.final for *_, event in _events(call))


def _heard(turn: Turn, of_chunk: str) -> int:
    return len(turn.heard_text) or len(of_chunk)


def _name(call: RecordedCall) -> str:
    known = re.sub(r"[^A-Za-z0-9_-]", "", call.header.session_id or "")[:64].lstrip("_-")
    return known or call.header.id


def _ms(nanoseconds: int) -> int:
    return min(MOST_MS, max(0, nanoseconds // MS))


def _quoted(text: str) -> str:
    written: str = yaml.safe_dump(mended(text), default_style='"', allow_unicode=True, width=float("inf"))
    return written.rstrip("\n")
