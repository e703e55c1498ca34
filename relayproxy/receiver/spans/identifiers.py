"""Identifiers: what a span says of the call that it belongs to.

Knows: the names under which backends put a call SID, a session's or a conversation's id; what Twilio's ids look like.
Must not know: which sessions there are.
"""

import re
from collections.abc import Iterator

from relayproxy.conversation.backend_span import Attributes, BackendSpan
from relayproxy.text import storable

MOST = 8
"""Ids of one span that are looked up."""
LONGEST = 150
"""Characters of an id."""
_ENDINGS = ("callsid", "sessionid", "sessionsid", "conversationid", "conversationsid", "threadid")
"""Of names of attributes, without case and punctuation: `gen_ai.conversation.id`, `session.id`, `twilio.callSid`."""
_SID = re.compile(r"(?:CA|VX)[0-9a-f]{32}")
_SID_WITHIN = re.compile(r"(?<![0-9A-Za-z])(?:CA|VX)[0-9a-f]{32}(?![0-9A-Za-z])")
_URLS = ("url.", "http.target", "http.url", "http.route")
"""Attributes that hold a URL or a part of one."""
_OTHER = re.compile(r"[^a-z0-9]+")


def ids_of(span: BackendSpan) -> tuple[str, ...]:
    """The ids that the span names, then those that its resource does; the surest first, each once."""
    found: dict[str, None] = {}
    for attributes in (span.detail.attributes, span.detail.resource):
        for rank in (_by_name, _by_form, _in_urls):
            for id in rank(attributes):
                if len(found) < MOST and 0 < len(id) <= LONGEST:
                    found.setdefault(storable(id))
    return tuple(found)


def names_call(span: BackendSpan) -> bool:
    """True when the span or its resource names a call, or a session of one, by an id of Twilio's."""
    return any(_SID.fullmatch(id) for id in ids_of(span))


def _by_name(attributes: Attributes) -> Iterator[str]:
    for name, value in attributes.items():
        if isinstance(value, str) and _OTHER.sub("", name.lower()).endswith(_ENDINGS):
            yield value.strip()


def _by_form(attributes: Attributes) -> Iterator[str]:
    for value in attributes.values():
        if isinstance(value, str) and _SID.fullmatch(value):
            yield value


def _in_urls(attributes: Attributes) -> Iterator[str]:
    for name, value in attributes.items():
        if isinstance(value, str) and name.startswith(_URLS):
            yield from _SID_WITHIN.findall(value)
