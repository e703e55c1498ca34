"""Refused requests: the meaning of each kind, and the remedy.

Knows: a name and a remedy for each reason.
Must not know: how they are counted; HTML.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

from relayproxy.console.http.documents import Count, Document, Nanoseconds, Time, one_of
from relayproxy.console.http.times import rfc3339
from relayproxy.plural import plural
from relayproxy.refusals import REASONS, Refusal, RefusalCount, merged
from relayproxy.store.read.health.heartbeat import Report

_FRONT = "See to the proxy in front of the relay"
_MEANING: dict[str, tuple[str, str]] = {
    "no_upgrade": ("did not ask for a WebSocket", f"{_FRONT}: it has to pass `Upgrade` and `Connection` on."),
    "http_1_0": ("came over HTTP/1.0", f"{_FRONT}: it has to speak HTTP/1.1 (nginx: `proxy_http_version 1.1;`)."),
    "method": ("did not use GET", "Give this URL to `<ConversationRelay>`, and a webhook's URL where one is expected."),
    "no_route": ("asked for a path that no route takes", "Give Twilio one of the URLs of the Connect page."),
    "target": ("asked for a path that no backend may get", "Give Twilio a URL without `..` and `#` in it."),
    "body": ("had a body", f"{_FRONT}: a request for a WebSocket has none."),
    "too_long": ("exceeded the limits", "Shorten the query of the URL, or the headers that the proxy in front adds."),
    "not_http": ("could not be read", f"{_FRONT}: what it sends is no HTTP/1.1."),
    "timeout": ("never ended", f"{_FRONT}: it has to send the whole head of a request at once."),
    "loop": ("came back to the relay", "Set the backend to your ConversationRelay server's own address."),
    "descriptors": (
        "found the relay without file descriptors",
        "Raise the relay's limit (`ulimit -n`, `LimitNOFILE=` of systemd, `--ulimit nofile` of Docker).",
    ),
    "connections": (
        "found the relay with as many connections as it may have",
        "Raise `max_connections` if these were calls, or start another relay.",
    ),
    "peer_connections": (
        "came from an address with as many connections as one may have",
        "Raise `max_connections_per_peer` if these were calls; if all come by one front end, name it in "
        "`trusted_proxies`.",
    ),
    "handshakes": (
        "found as many requests waiting for a backend as the relay lets wait",
        "See why the backend takes so long to answer, or raise `max_handshakes`.",
    ),
    "backend_refused": (
        "got no connection with the backend, so many that they are only counted",
        "See the sessions that are kept of them, and your backend's log.",
    ),
    "no_setup": (
        "ended without a setup message, so many that they are only counted",
        "They came from no call: with `verify = enforce` your backend gets Twilio's requests alone.",
    ),
    "not_recorded": (
        "went over a route of which nothing is recorded",
        "This is what `record = none` asks for; another value records calls again.",
    ),
    "draining": ("came while the relay was stopping", "Let another relay take calls before this one is stopped."),
    "unknown_route": (
        "named a route that does not exist and went to the default backend",
        "Give Twilio one of the URLs of the Connect page, or name such a route.",
    ),
    "wrong_signature": (
        "carried a wrong signature",
        "Compare `public_url` with the URL in Studio or TwiML, and `auth_tokens` with the account's auth token; "
        "`relayproxy check-signature` tells which URL a signature is for.",
    ),
    "not_signed": (
        "came without Twilio's signature",
        "These are strangers; or the proxy in front takes `X-Twilio-Signature` away, and has to pass it on.",
    ),
    "untrusted_proxy": (
        "came with `X-Forwarded-…` headers that are not believed",
        "Add your front end to `trusted_proxies`, or set `public_url`; else signatures cannot be checked.",
    ),
}


@dataclass(frozen=True, slots=True)
class RefusalSummary:
    """Requests of one reason. `title` and `action` are sentences with code in backticks."""

    title: str
    action: str
    count: int
    last: Refusal


class RefusedRequestDocument(Document, frozen=True):
    """The last of them."""

    at: Annotated[Time, Meta(description="When it came.")]
    at_ns: Nanoseconds
    status: Annotated[int | None, Meta(description="What it was answered; null where it was relayed all the same.")]
    peer: Annotated[str, Meta(description="Address of the TCP peer.")]
    target: Annotated[
        str | None, Meta(description="Path and query, with the values masked; null where they could not be read.")
    ]
    words: Annotated[str, Meta(description="What it was told.")]


class RefusedDocument(Document, frozen=True):
    """Requests that the relay answered before any backend was asked, or relayed otherwise than may have been meant."""

    reason: Annotated[str, one_of(REASONS, "Another version may know others.")]
    signed: Annotated[bool, Meta(description="They had Twilio's signature, so they probably were calls.")]
    count: Annotated[Count, Meta(description="Since the relay or its recorder was started.")]
    summary: Annotated[str, Meta(description="All of them in one sentence.")]
    action: Annotated[str, Meta(description="What to do.")]
    last: RefusedRequestDocument


def refused(reports: Iterable[Report]) -> tuple[RefusalSummary, ...]:
    """The refusals that these recorders report: first those with Twilio's signature that were really refused."""
    tallies = merged(one for report in reports for one in report.heartbeat.refused)
    return tuple(_refused(one) for one in sorted(tallies, key=lambda one: (not one.last.signed, not one.last.status)))


def answered(last: Refusal) -> str:
    """`Answered 426 to 203.0.113.9:4711, which asked for /ws: Upgrade: websocket is missing`."""
    target = f", which asked for {last.target}" if last.target else ""
    begin = f"Answered {last.status} to" if last.status else "Relayed for"
    return f"{begin} {last.peer}{target}: {last.words}".replace("`", "'")


def refused_document(one: RefusalSummary) -> RefusedDocument:
    """One as an item of the API."""
    last = one.last
    return RefusedDocument(
        reason=last.reason,
        signed=last.signed,
        count=one.count,
        summary=one.title,
        action=one.action,
        last=RefusedRequestDocument(
            at=rfc3339(last.at),
            at_ns=last.at,
            status=last.status or None,
            peer=last.peer,
            target=last.target or None,
            words=last.words,
        ),
    )


def _refused(tally: RefusalCount) -> RefusalSummary:
    words, action = _MEANING.get(tally.last.reason, ("did not get through", ""))
    signed = " with Twilio's signature" if tally.last.signed and tally.last.reason != "wrong_signature" else ""
    return RefusalSummary(f"{plural(tally.count, 'request')}{signed} {words}", action, tally.count, tally.last)
