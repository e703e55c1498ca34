"""Content of a conversation: what was said, pressed, sent or shown in a call, told apart from its numbers.

Knows: which fields hold content and which hold numbers, codes and times; that turns and findings stay when their
words go.
Must not know: for how long either is kept, where they are stored.

Content is everything that a caller or a backend put into words or digits, and everything that names a person or an
address: texts, keys, parameters, the setup message, the payload of a handoff, phone numbers, names, headers.
"""

import re
from typing import TypeVar

import msgspec

from relayproxy.connection import Opening, SignatureCheck, signature_state
from relayproxy.conversation.model import Conversation, Finding, Handoff, Interruption, Mark, Turn

T = TypeVar("T", bound=msgspec.Struct)

CONTENT: dict[type[msgspec.Struct], dict[str, object]] = {
    Conversation: {
        "from_number": None,
        "to_number": None,
        "caller_name": None,
        "custom_parameters": {},
        "setup": {},
        "end_reason": None,
    },
    Handoff: {"raw": None, "json": None},
    Turn: {
        "caller_text": "",
        "agent_text": "",
        "heard_text": "",
        "unheard_text": "",
        "dtmf": "",
        "sent_digits": "",
        "greeting": "",
        "media": (),
    },
    Interruption: {"heard_text": ""},
    Finding: {"detail": ""},
    Mark: {"text": ""},
    Opening: {
        "target": "",
        "peer": "",
        "caller": "",
        "signature_digest": None,
        "request_headers": (),
        "response_headers": (),
        "error": None,
    },
    SignatureCheck: {"url": None, "signed_url": None, "problem": None},
}
"""By type the fields that hold content, and what stands there without it."""


_CODE = re.compile(r"(?!(?:[^0-9]*[0-9]){7})[A-Za-z0-9_.-]{1,64}")


def as_code(text: str | None) -> str | None:
    """The text when it reads like a code, else None: a sentence may say anything, and seven digits may be a phone
    number."""
    return text if text is not None and _CODE.fullmatch(text) else None


def without_content(value: T) -> T:
    """The value without content: of a conversation, turn or opening, with all that is in it."""
    changes: dict[str, object] = {}
    kept = CONTENT.get(type(value), {})
    # `msgspec.structs.fields` would work the types out anew for each value, which takes longer than all the rest.
    for name in value.__struct_fields__:
        found = getattr(value, name)
        if name in kept:
            changes[name] = kept[name]
        elif isinstance(found, msgspec.Struct):
            changes[name] = without_content(found)
        elif isinstance(found, tuple) and any(isinstance(item, msgspec.Struct) for item in found):
            changes[name] = tuple(without_content(item) for item in found)
    if isinstance(value, Opening) and value.signature is None:
        # Its headers have told it.
        changes["signature"] = SignatureCheck(signature_state(value))
    if isinstance(value, Handoff):
        changes["reason_code"] = as_code(value.reason_code)
    return msgspec.structs.replace(value, **changes) if changes else value
