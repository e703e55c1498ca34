"""What Twilio puts on the wire of a ConversationRelay call, and what it accepts there.

Knows: the upgrade request's headers, the JSON messages of both directions, error 64107, close reasons.
Must not know: sockets, when anything is sent, who the caller is.

Observed on recorded calls; where only documentation exists, as documented.
"""

import json
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from relayproxy import signature

Json = dict[str, Any]

CLOSED = (1000, "Closing websocket session")
TOO_MANY_MALFORMED = (1007, "Too many consecutive malformed messages.")
MALFORMED_LIMIT = 10
"""That many messages in a row that are not valid end the session."""


def headers(public_url: str, auth_token: str | None) -> list[tuple[str, str]]:
    """The upgrade request's headers, in order; the key is for the client library to fill in.

    `public_url` is the URL as the TwiML writes it: its host is the Host header and all of it is signed.
    """
    signed = [] if auth_token is None else [("X-Twilio-Signature", signature.sign(public_url, auth_token))]
    return [
        ("Host", urlsplit(public_url).netloc),
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", ""),
        ("User-Agent", "Jetty/11.0.24"),
        ("Cache-Control", "no-cache"),
        ("Pragma", "no-cache"),
        ("Accept-Encoding", "gzip"),
        *signed,
        *(("x-amzn-bedrock-agentcore-runtime-custom-twilio-signature", value) for _, value in signed),
    ]


def encode(message: Json) -> str:
    """The text frame of a message: compact JSON."""
    return json.dumps(message, ensure_ascii=False, separators=(",", ":"))


def info(name: str, value: str) -> Json:
    return {"type": "info", "name": name, "value": value}


def prompt(text: str, lang: str, *, last: bool) -> Json:
    return {"type": "prompt", "voicePrompt": text, "lang": lang, "last": last}


def dtmf(digit: str) -> Json:
    return {"type": "dtmf", "digit": digit}


def interrupt(heard: str, ms: int) -> Json:
    return {"type": "interrupt", "utteranceUntilInterrupt": heard, "durationUntilInterruptMs": ms}


def complaint(frame: str) -> Json:
    """The answer to a message that is not valid: it quotes the message."""
    return {"type": "error", "description": f"Invalid message received, code: 64107, {frame}"}


def _text(message: Json) -> bool:
    return isinstance(message.get("token"), str) and _optional(
        message, last=bool, lang=str, interruptible=bool, preemptible=bool
    )


def _play(message: Json) -> bool:
    source = message.get("source")
    return (
        isinstance(source, str)
        and bool(source)
        and message.get("loop", 1) >= 0
        and _optional(message, loop=int, interruptible=bool, preemptible=bool)
    )


def _send_digits(message: Json) -> bool:
    digits = message.get("digits")
    return isinstance(digits, str) and re.fullmatch(r"[0-9w#*]+", digits) is not None


def _language(message: Json) -> bool:
    return bool({"ttsLanguage", "transcriptionLanguage"} & message.keys()) and _optional(
        message, ttsLanguage=str, transcriptionLanguage=str
    )


def _end(message: Json) -> bool:
    return _optional(message, handoffData=str)


def _optional(message: Json, **types: type) -> bool:
    return all(message.get(name) is None or type(message[name]) is kind for name, kind in types.items())


_VALID: dict[str, Callable[[Json], bool]] = {
    "text": _text,
    "play": _play,
    "sendDigits": _send_digits,
    "language": _language,
    "end": _end,
    # Their fields are not known here, so every shape of them passes.
    "config": lambda _: True,
    "hints": lambda _: True,
}


def accept(frame: str) -> Json | None:
    """The backend's message as Twilio understands it; None when it would answer with error 64107."""
    try:
        message = json.loads(frame)
    except (ValueError, RecursionError):
        return None
    if not isinstance(message, dict) or not isinstance(kind := message.get("type"), str):
        return None
    valid = _VALID.get(kind)
    try:
        return message if valid is not None and valid(message) else None
    except TypeError:
        return None
