"""From a recorded call to its script: what was not stored is refused, or filled with test values.

Knows: which of a recording's messages the caller's side is made of, and how the refusal of one is put into words.
Must not know: how a script is written and performed.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import msgspec

from relayproxy.conversation.protocol.messages import Dtmf, Event, Prompt, Setup
from relayproxy.errors import RelayproxyError
from relayproxy.lab.replay.filling import filled, filled_keys, masked
from relayproxy.lab.replay.reading import Seen, seen
from relayproxy.lab.replay.script import Script
from relayproxy.lab.replay.writing import write_script
from relayproxy.plural import plural
from relayproxy.recordings.call import RecordedCall
from relayproxy.redaction.masking.json_text import literals, looks_like_json
from relayproxy.redaction.rules import Rules

MAX_PLACES = 5
"""At most so many messages are named."""
_TYPES = frozenset({"setup", "prompt", "dtmf"})


class NotReplayable(RelayproxyError):
    """Raised for a recorded call whose caller's side is not all there; a sentence that begins with its name."""


class MaskedContent(NotReplayable):
    """Raised for one whose caller's side is masked in places, which `fill` would put test values in."""


def prepare(call: RecordedCall, name: str, parameters: Mapping[str, str], *, fill: bool) -> Script:
    """The script of a recorded call. `parameters` take the place of recorded custom parameters, or come to them; `fill`
    puts test values in the place of what is masked. Raises `NotReplayable`, which calls it by `name`."""
    _require_recorded(call, name)
    messages = _without(seen(call), parameters)
    if fill:
        messages = _filled(messages)
    elif places := [one for one in messages if _masked(one.event)]:
        raise MaskedContent(f"{name}: {_told(places)}")
    script = write_script(call, messages)
    greeting = script.twiml.greeting
    return msgspec.structs.replace(
        script,
        parameters={**script.parameters, **parameters},
        # No backend reads it; Twilio only reports it.
        twiml=msgspec.structs.replace(script.twiml, greeting=filled(greeting)),
    )


def masking(call: RecordedCall, rules: Rules) -> Rules | None:
    """The rules by which calls that are made by a recorded one are masked: those of its route here, and the fields that
    were masked where it was recorded. None where it was recorded in full."""
    parts = call.connections
    if not any(part.opening.record == "redacted" or any(one.redacted for one in part.messages) for part in parts):
        return None
    texts = (one.text for part in parts for one in part.messages if one.text and "field" in (one.redacted or ()))
    fields = {name.casefold() for text in texts for name in _masked_members(text)}
    policy = msgspec.structs.replace(rules.policy, fields=rules.policy.fields | fields)
    return msgspec.structs.replace(rules, record="redacted", policy=policy)


def _masked_members(text: str) -> Iterator[str]:
    """Names of the members of a JSON text, and of JSON in its strings, of which nothing but masks is stored."""
    for one in literals(text):
        if one.is_name:
            continue
        if looks_like_json(one.text):
            yield from _masked_members(one.text)
        elif one.name is not None and masked(one.text) and not any(map(str.isalnum, one.text)):
            yield one.name


def _require_recorded(call: RecordedCall, name: str) -> None:
    if not call.connections or all(part.opening.status != 101 for part in call.connections):
        raise NotReplayable(f"{name}: the call was never connected, so that there is nothing to replay")
    for place, part in enumerate(call.connections):
        if part.opening.record == "metadata":
            raise NotReplayable(f"{name}: it was recorded without words (record = metadata)")
        if part.ending is None:
            raise NotReplayable(f"{name}: the call had not ended when it was recorded")
        for message in part.messages:
            if message.sender != "twilio":
                continue
            if message.kind in ("gap", "undecodable"):
                what = f"{plural(message.size, 'byte')} from Twilio"
            elif message.kind == "text" and (message.text is None or message.cut) and message.type in _TYPES | {None}:
                what = f"the whole of a message from Twilio ({message.type or 'of unknown type'})"
            else:
                continue
            raise NotReplayable(
                f"{name}: {what} could not be recorded (message {message.seq} of connection {place}), so that the "
                "caller's side is not all there"
            )


def _without(messages: Sequence[Seen], parameters: Mapping[str, str]) -> tuple[Seen, ...]:
    """The messages without the custom parameters that get other values anyway."""
    return tuple(
        replace(
            one, event=_with_parameters(one.event, {k: v for k, v in _of(one.event).items() if k not in parameters})
        )
        if isinstance(one.event, Setup)
        else one
        for one in messages
    )


def _of(setup: Setup) -> dict[str, object]:
    return setup.custom_parameters or {}


def _with_parameters(setup: Setup, parameters: dict[str, object]) -> Setup:
    return msgspec.structs.replace(setup, custom_parameters=parameters)


def _masked(event: Event) -> bool:
    match event:
        case Prompt(text):
            return masked(text)
        case Dtmf(digit):
            return masked(digit)
        case Setup():
            return bool(_masked_fields(event))
    return False


def _masked_fields(setup: Setup) -> list[str]:
    parties = {
        "from": setup.from_,
        "to": setup.to,
        "forwardedFrom": setup.forwarded_from,
        "callerName": setup.caller_name,
    }
    fields = {**parties, **{f"customParameters.{name}": value for name, value in _of(setup).items()}}
    return [name for name, value in fields.items() if value is not None and masked(_text(value))]


def _text(value: object) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _told(places: Sequence[Seen]) -> str:
    """What is masked, and where, in words."""
    said = [one for one in places if isinstance(one.event, Prompt)]
    keys = [one for one in places if isinstance(one.event, Dtmf)]
    told = [f"what the caller said is masked ({_places(said)})"] if said else []
    told += [f"keys that were pressed are masked ({_places(keys)})"] if keys else []
    for one in places:
        if isinstance(one.event, Setup):
            told.append(
                f"{', '.join(_masked_fields(one.event))} of the setup message: masked, which --parameters can set"
            )
    return "; ".join(told)


def _places(messages: Sequence[Seen]) -> str:
    shown = ", ".join(str(one.message.seq) for one in messages[:MAX_PLACES])
    more = "" if len(messages) <= MAX_PLACES else f" and {len(messages) - MAX_PLACES} more"
    kinds = sorted({kind for one in messages for kind in one.message.redacted or ()})
    of = f": {', '.join(kind.replace('_', ' ') for kind in kinds)}" if kinds else ""
    return f"{'message' if len(messages) == 1 else 'messages'} {shown}{more}{of}"


def _filled(messages: Sequence[Seen]) -> tuple[Seen, ...]:
    keys = iter(filled_keys([one.event.digit for one in messages if isinstance(one.event, Dtmf)]))
    return tuple(replace(one, event=_with_values(one, keys)) for one in messages)


def _with_values(one: Seen, keys: Iterator[str]) -> Event:
    kinds = one.message.redacted or ()
    match one.event:
        case Prompt(text) as prompt:
            return msgspec.structs.replace(prompt, voice_prompt=filled(text, kinds))
        case Dtmf() as key:
            return msgspec.structs.replace(key, digit=next(keys))
        case Setup() as setup:
            return msgspec.structs.replace(
                setup,
                from_=_value(setup.from_),
                to=_value(setup.to),
                forwarded_from=_value(setup.forwarded_from),
                caller_name=None if setup.caller_name is None else filled(setup.caller_name, ("name",)),
                custom_parameters={name: filled(_text(value), ("field",)) for name, value in _of(setup).items()},
            )
    return one.event


def _value(text: str | None) -> str | None:
    return None if text is None else filled(text)
