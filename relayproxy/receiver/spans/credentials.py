"""Credentials: what is kept of no span, however its route is recorded, as it is of no request for a call.

Knows: the attributes in which instrumentations tell URLs, and those that hold headers.
Must not know: what else is secret; the rules of routes.

An instrumented server tells the whole URL of the handshake, with the values of its query, and an instrumented client
those that it calls, in which some services want their key.
"""

import re
from typing import Any

from msgspec import structs

from relayproxy.connection import REDACTED
from relayproxy.conversation.backend_span import Attributes, BackendSpan
from relayproxy.settings.validators import is_secret
from relayproxy.urls import masked_query, masked_url, without_userinfo

_URL = re.compile(r"url\.(?:full|original)|http\.target|(?:.*\.)?url", re.IGNORECASE)
_QUERY = re.compile(r"url\.query", re.IGNORECASE)
_HEADER = re.compile(r".*\.(?:headers?|metadata)\.([^.]+)", re.IGNORECASE)
"""`http.request.header.authorization`, `rpc.grpc.request.metadata.x_api_key`."""


def without_credentials(span: BackendSpan) -> BackendSpan:
    """The span with `<redacted>` for values of queries, user names and passwords in URLs, and headers whose names say
    that they are secrets."""
    detail = span.detail
    kept = structs.replace(
        detail,
        attributes=_kept(detail.attributes),
        resource=_kept(detail.resource),
        events=tuple(structs.replace(one, attributes=_kept(one.attributes)) for one in detail.events),
        links=tuple(structs.replace(one, attributes=_kept(one.attributes)) for one in detail.links),
    )
    return structs.replace(span, detail=kept)


def _kept(attributes: Attributes) -> Attributes:
    return {name: _value(name, value) for name, value in attributes.items()}


def _value(name: str, value: Any) -> Any:
    header = _HEADER.fullmatch(name)
    if header is not None and is_secret(header[1].replace("_", "-")):
        return REDACTED
    if isinstance(value, str) and _URL.fullmatch(name):
        return masked_url(without_userinfo(value))
    if isinstance(value, str) and _QUERY.fullmatch(name) and value:
        return masked_query(value.removeprefix("?"))
    return value
