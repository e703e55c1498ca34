"""What Twilio puts on the wire of a ConversationRelay call, and what it accepts there.

Knows: the upgrade request's headers, the JSON messages that Twilio sends, error 64107, close reasons.
Must not know: sockets, when anything is sent, who the caller is; what a valid message is (`conversation.protocol`).

Observed on recorded calls; where only documentation exists, as documented.
"""

import json
from typing import Any
from urllib.parse import urlsplit

from relayproxy import signature
from relayproxy.conversation.protocol.violations import violation

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


def accept(frame: str) -> Json | None:
    """The backend's message as Twilio understands it; None when it would answer with error 64107."""
    if violation(frame) is not None:
        return None
    message: Json = json.loads(frame, parse_int=_integer)
    return message


def _integer(digits: str) -> int:
    # Python refuses to read very long ones.
    return int(digits) if len(digits) < 1000 else int(digits[:20])
