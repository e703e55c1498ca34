"""API documents of Connect.

Knows: every field of these.
Must not know: HTTP; pages; how an address is checked.
"""

from collections.abc import Iterable
from typing import Annotated

from msgspec import Meta

from relayproxy.connection import SignatureState
from relayproxy.console.calls.documents.codes import OutcomeCode
from relayproxy.console.connect.addresses import Conclusion, Connect, of_backend, of_public
from relayproxy.console.connect.routes import LastCall, RouteCheck, RouteStatus
from relayproxy.console.health.diagnosis.refusals import RefusalSummary, RefusedDocument, refused_document
from relayproxy.console.health.reachability import AnsweredBy, CheckState, Probe, ProbeStep
from relayproxy.console.http.documents import Count, Document, End, Nanoseconds, Time
from relayproxy.console.http.times import rfc3339
from relayproxy.redaction.values import Record
from relayproxy.settings.tables import SignatureMode, Verify


class ProbeDocument(Document, frozen=True):
    """Whether something answers at an address."""

    state: CheckState
    summary: Annotated[str, Meta(description="What it means for calls.")]
    answered_by: AnsweredBy | None
    status: Annotated[int | None, Meta(description="HTTP status of the answer.")]
    steps: tuple[ProbeStep, ...]


class LastCallDocument(Document, frozen=True):
    """The newest call of the route."""

    id: Annotated[str, Meta(description="The recording's own id.")]
    started_at: Annotated[Time, Meta(description="When it began.")]
    started_at_ns: Nanoseconds
    live: bool
    outcome: OutcomeCode | None
    signed: Annotated[bool | None, Meta(description="Its request had Twilio's signature.")]
    signature: Annotated[
        SignatureState | None, Meta(description="What was found of that signature; null when that is not known.")
    ]
    events: Annotated[bool, Meta(description="Speaker events or tokens-played were on.")]


class ChecksDocument(Document, frozen=True):
    """What the last check found; null before the first."""

    at: Annotated[Time, Meta(description="When it was checked.")]
    at_ns: Nanoseconds
    public: Annotated[ProbeDocument | None, Meta(description="The way to the relay; null without a public URL.")]
    backend: ProbeDocument


class RouteSignaturesDocument(Document, frozen=True):
    """Twilio's signature on this route: what the settings say, and what the last calls had."""

    verify: Annotated[Verify, Meta(description="The setting in force.")]
    mode: Annotated[SignatureMode, Meta(description="The setting `signature` in force.")]
    anyone_may_call: Annotated[
        bool, Meta(description="It is not checked, and others than this machine reach the relay.")
    ]
    valid: Annotated[Count, Meta(description="Of the last calls, 20 at most: signed by Twilio.")]
    wrong: Annotated[Count, Meta(description="With a wrong signature.")]
    missing: Annotated[Count, Meta(description="Not signed.")]
    unchecked: Annotated[Count, Meta(description="Signed, and not checked.")]
    summary: Annotated[str | None, Meta(description="What all this means; null where there is nothing to say.")]
    action: Annotated[str, Meta(description="What to do; empty when there is nothing to do.")]


class RouteDocument(Document, frozen=True):
    """A route from Twilio to its backend."""

    route: str
    url: Annotated[str, Meta(description="To be given to Twilio.")]
    backend: Annotated[str, Meta(description="Where it leads, the values of the query masked.")]
    signed_path: Annotated[str, Meta(description="The path that Twilio signs with this URL.")]
    backend_path: Annotated[
        str,
        Meta(description="The path that the backend then sees; where it is another, `X-Forwarded-Uri` tells."),
    ]
    signatures: RouteSignaturesDocument
    record: Annotated[Record, Meta(description="What is recorded of its calls: the setting in force.")]
    recorded: Annotated[str, Meta(description="The same in words.")]
    shadow: Annotated[
        str | None, Meta(description="Which calls are copied to a second backend, in words; null where none is.")
    ]
    faults: Annotated[
        str | None, Meta(description="Which faults are injected into its calls, in words; null where none are.")
    ]
    last_call: LastCallDocument | None
    checks: ChecksDocument | None


class ConnectDocument(Document, frozen=True):
    """The URLs to give to Twilio, and what is known of each."""

    public: Annotated[bool, Meta(description="The URLs are under the configured public URL.")]
    secure: Annotated[bool, Meta(description="They are wss://, which Twilio insists on.")]
    checked_from: Annotated[str, Meta(description="Host that checks run on.")]
    refused: Annotated[tuple[RefusedDocument, ...], Meta(description="Those with Twilio's signature first.")]
    items: tuple[RouteDocument, ...]
    next: End = None


def connect_document(
    connect: Connect, ways: Iterable[RouteStatus], refused: Iterable[RefusalSummary], checked_from: str
) -> ConnectDocument:
    """All routes, and the requests that did not get so far."""
    return ConnectDocument(
        public=connect.public,
        secure=connect.secure,
        checked_from=checked_from,
        refused=tuple(map(refused_document, refused)),
        items=tuple(map(_route, ways)),
    )


def _route(way: RouteStatus) -> RouteDocument:
    return RouteDocument(
        route=way.target.route,
        url=way.target.url,
        backend=way.target.backend,
        signed_path=way.target.signed_path,
        backend_path=way.target.backend_path,
        signatures=_signatures(way),
        record=way.record,
        recorded=way.recorded,
        shadow=way.shadow,
        faults=way.faults,
        last_call=_last_call(way.call) if way.call else None,
        checks=_checks(way.checked) if way.checked else None,
    )


def _signatures(way: RouteStatus) -> RouteSignaturesDocument:
    found, note = way.signatures, way.note
    return RouteSignaturesDocument(
        verify=found.rules.verify,
        mode=found.rules.signature,
        anyone_may_call=found.anyone,
        valid=found.count("valid"),
        wrong=found.count("wrong"),
        missing=found.count("missing"),
        unchecked=found.count("unchecked"),
        summary=f"{note.title}. {note.detail}".rstrip() if note else None,
        action=note.action if note else "",
    )


def _last_call(call: LastCall) -> LastCallDocument:
    return LastCallDocument(
        id=call.session.id,
        started_at=rfc3339(call.session.started_at),
        started_at_ns=call.session.started_at,
        live=call.session.ended_at is None,
        outcome=call.session.outcome,
        signed=None if call.signature is None else call.signature != "missing",
        signature=call.signature,
        events=call.events,
    )


def _checks(checked: RouteCheck) -> ChecksDocument:
    return ChecksDocument(
        at=rfc3339(checked.at),
        at_ns=checked.at,
        public=_probe(checked.public, of_public(checked.public)) if checked.public else None,
        backend=_probe(checked.backend, of_backend(checked.backend)),
    )


def _probe(found: Probe, conclusion: Conclusion) -> ProbeDocument:
    return ProbeDocument(
        state=conclusion.state,
        summary=conclusion.sentence,
        answered_by=found.who,
        status=found.status,
        steps=found.steps,
    )
