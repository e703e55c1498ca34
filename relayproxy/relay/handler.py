"""Call handler: one upgrade request, from its head to the end of the call.

Knows: the order of the steps: match, dial, answer, splice, record how it opened and how it ended.
Must not know: messages; how the journal is written; when the process stops.
"""

import asyncio
import itertools
import json
import logging
import random
import secrets
import time
from collections.abc import Callable
from functools import partial
from typing import Literal

import msgspec

from relayproxy.connection import Ending, Opening
from relayproxy.journal.format import EntryKind
from relayproxy.journal.tape import NoTape, Tape
from relayproxy.logs import RateLimit
from relayproxy.proxies import is_trusted
from relayproxy.refusals import Reason
from relayproxy.relay import answers, descriptors
from relayproxy.relay import headers as header_policy
from relayproxy.relay.answers import Answer
from relayproxy.relay.faulty_splice import FaultySplice
from relayproxy.relay.handshake.admission import is_signed, objection
from relayproxy.relay.handshake.forwarded import Public, forwarded, mistakable_urls, public_urls
from relayproxy.relay.handshake.outgoing import Outgoing
from relayproxy.relay.handshake.stopwatch import Stopwatch
from relayproxy.relay.handshake.targets import RESERVED, Target, Targets, origin_form
from relayproxy.relay.handshake.upstream import Accepted, Refused, Upstream
from relayproxy.relay.handshake.verification import Verification, Verifier
from relayproxy.relay.headers import Headers, mask, mask_query, without_personal
from relayproxy.relay.listener.capacity import Capacity
from relayproxy.relay.listener.protocol import HeadProtocol, Request, Unreadable
from relayproxy.relay.listener.refusal_log import RefusalLog
from relayproxy.relay.shadow.shadows import Shadows
from relayproxy.relay.splice import Splice
from relayproxy.settings.faults import Faults
from relayproxy.settings.model import Settings
from relayproxy.settings.otlp import sampler
from relayproxy.settings.recording import recording
from relayproxy.settings.signatures import DEFAULT_ROUTE, route_names, signature_rules
from relayproxy.settings.treatment import fault_words, faults_of
from relayproxy.settings.validators import split_networks

log = logging.getLogger(__name__)


First = Literal["twilio", "backend", "proxy"]
_MAX_TARGET = 300
"""Characters of a refused target that are kept."""
_GONE = "the caller was gone before the backend had answered"
_REJECTED = "this request is refused; who runs this relay finds the reason on the console's Connect page"
"""Answer to a request that Twilio has not signed: whether a signature was missing or wrong is nothing to be told."""
_STOPPED = "relayproxy was stopped before the backend had answered"


class Relay:
    """The request handler. `live` holds every call in progress; `handshakes` counts those not yet answered."""

    def __init__(
        self,
        settings: Settings,
        tape: Tape,
        upstream: Upstream,
        refusals: RefusalLog,
        verifier: Verifier,
        journal_problem: Callable[[], str | None],
    ):
        self._targets = Targets(settings)
        unrecorded = NoTape()
        self._tapes = {
            name: unrecorded if recording(settings, name).record == "none" else tape
            for name in (DEFAULT_ROUTE, *settings.routes)
        }
        self._upstream = upstream
        self._journal_problem = journal_problem
        self._traceparent = settings.traceparent
        self._sampler = sampler(settings.otel)
        self._recorded = settings.session_limit
        self._refusals = refusals
        self._verifier = verifier
        self._rules = {name: signature_rules(settings, name) for name in (DEFAULT_ROUTE, *settings.routes)}
        self._faults = {name: found for name in route_names(settings) if (found := faults_of(settings, name))}
        self._public = Public.of(settings.public_url) if settings.public_url else None
        self._proxies = split_networks(settings.trusted_proxies)
        self._limit = RateLimit()
        self._capacity = Capacity(settings)
        self._name = f"relayproxy-{secrets.token_hex(8)}"
        """Name of this process in `Via`, by which a request that comes back is recognised."""
        self._numbers = itertools.count(1)
        self.shadows = Shadows(settings, self._targets, upstream, self._numbers, self._new_traceparent)
        self.live: set[Splice] = set()
        self.handshakes: set[asyncio.Task[object]] = set()
        self.leaving = False
        """True once readyz says draining; calls are accepted until `draining` is True as well."""
        self.draining = False

    async def handle(self, request: Request) -> Answer | None:
        """Relays one request: None once its call has begun, or when the caller is gone; else what it is answered."""
        got, path = request.headers, ""
        try:
            path = origin_form(request.target)
            if path.startswith(RESERVED):
                return self._own_page(path, full=self._limit_reached(request))
            target = self._targets.match(path)
        except ValueError as problem:
            return self._object(request, got, "target", 400, str(problem), path)
        if self.draining:
            return self._object(request, got, "draining", 503, "shutting down", path)
        if self._full(request):
            return self._object(request, got, "descriptors", 503, descriptors.words(), path)
        if target is None:
            words = "no route takes this path; see the relay URL that the console shows"
            return self._object(request, got, "no_route", 404, words, path)
        found = objection(request.method, request.version, got, own_name=self._name)
        if found is not None:
            return self._object(request, got, *found, path)
        told = self._forwarded(request, got, path)
        signature = self._verify(target, got, told, path)
        if self._rules[target.route].verify == "enforce" and signature.check.state != "valid":
            return self._reject(request, got, signature, path)
        caller = None if is_trusted(_caller(told), self._proxies) else _caller(told)
        full = self._capacity.exceeded(caller, len(self.handshakes))
        if full is not None:
            return self._object(request, got, full.reason, 503, full.words, path)
        if isinstance(self._tapes[target.route], NoTape):
            words = f"nothing is recorded of calls over the route {target.route}"
            self._refusals.note("not_recorded", 0, words, peer="-", signed=is_signed(got))
        release = self._capacity.take(caller)
        try:
            begun = await self._relay(request, path, target, got, told, signature)
        except BaseException:
            release()
            raise
        if isinstance(begun, Splice):
            begun.finished.add_done_callback(lambda _: release())
            return None
        release()
        return begun

    def _verify(self, target: Target, got: Headers, told: Headers, path: str) -> Verification:
        rules = self._rules[target.route]
        if rules.verify == "off":
            return self._verifier.verify(got, rules, ())
        return self._verifier.verify(got, rules, public_urls(told, self._public), mistakable_urls(got, path))

    def _reject(self, request: Request, got: Headers, signature: Verification, path: str) -> Answer:
        if signature.check.state == "missing":
            self._note(request, got, "not_signed", 403, "Twilio has not signed it", path)
        else:
            why = f": {signature.check.problem}" if signature.check.problem else ""
            self._note(request, got, "wrong_signature", 403, f"its signature is wrong{why}", path)
        return answers.words(403, _REJECTED)

    def _object(self, request: Request, got: Headers, reason: Reason, status: int, words: str, path: str) -> Answer:
        self._note(request, got, reason, status, words, path)
        return answers.words(status, words, {"Upgrade": "websocket"} if status == 426 else None)

    def _note(
        self,
        request: Request,
        got: Headers,
        reason: Reason,
        status: int,
        words: str,
        path: str,
        peer: bool = True,
    ) -> None:
        self._refusals.note(
            reason,
            status,
            words,
            peer=request.connection.peer if peer else "-",
            target=without_personal(mask_query(path))[:_MAX_TARGET],
            signed=is_signed(got),
        )

    def unreadable(self, connection: HeadProtocol, found: Unreadable) -> None:
        """Counts and logs a request whose head could not be read."""
        self._refusals.note(
            found.reason,
            found.status,
            found.words,
            peer=connection.peer,
            target=without_personal(found.target)[:_MAX_TARGET],
            signed=found.signed,
        )

    async def _relay(
        self,
        request: Request,
        path: str,
        target: Target,
        got: Headers,
        told: Headers,
        signature: Verification,
    ) -> Splice | Answer | None:
        opened, opened_at = time.monotonic_ns(), time.time_ns()
        trusted = is_trusted(request.connection.address, self._proxies)
        self._warn(request, path, target, got, trusted)
        opening, traceparent = self._opening(request, path, target, got, opened_at, trusted)
        opening = msgspec.structs.replace(
            opening,
            signature=signature.check,
            signature_digest=header_policy.signature_digest(got),
            caller=_caller(told),
        )
        outgoing = Outgoing(got, told, signature, self._rules[target.route].signature, trusted, self._name)
        sent = outgoing.headers(target, traceparent)
        number = next(self._numbers)
        # The writer has it before the backend can have answered: a relay that dies now leaves a trace of the call.
        self._tapes[target.route].note(EntryKind.REQUEST, number, opened, msgspec.json.encode(opening), at_once=True)
        stopwatch = Stopwatch()
        answer = await self._dial(target, sent, opening, number, opened, stopwatch)
        opening = msgspec.structs.replace(
            opening,
            response_headers=mask(answer.headers),
            connected_after=time.monotonic_ns() - opened,
            dial=stopwatch.dial(),
        )
        if isinstance(answer, Refused):
            return self._refuse(answer, opening, number, opened)
        transport = request.connection.transport
        if transport is None or transport.is_closing():
            answer.close()
            self._note_attempt(number, opened, msgspec.structs.replace(opening, error=_GONE), first="twilio")
            return None
        tape = self._tapes[target.route]
        shadow = self.shadows.choose(opening, target, outgoing, tape, transport)
        faults = self._faults.get(target.route)
        if faults is not None and random.random() < faults.share:
            opening = msgspec.structs.replace(opening, faults=fault_words(faults))
        else:
            faults = None
        taped = shadow.tape if shadow else tape
        splice = self._splice(request, transport, answer, number, opened, opening, taped, faults)
        if shadow is not None:
            self.shadows.begin(shadow, splice, answer.headers)
        return splice

    async def _dial(
        self, target: Target, headers: Headers, opening: Opening, number: int, opened: int, stopwatch: Stopwatch
    ) -> Accepted | Refused:
        task = asyncio.current_task()
        assert task is not None
        self.handshakes.add(task)
        try:
            return await self._upstream.dial(
                target.url, headers, own_host=target.host == "backend", stopwatch=stopwatch
            )
        except asyncio.CancelledError:
            # Because Twilio hung up, or by a stop that waits no longer.
            error = _STOPPED if self.draining else _GONE
            first: First = "proxy" if self.draining else "twilio"
            self._note_attempt(number, opened, msgspec.structs.replace(opening, error=error), first)
            raise
        finally:
            self.handshakes.discard(task)

    def _splice(
        self,
        request: Request,
        twilio: asyncio.Transport,
        answer: Accepted,
        number: int,
        opened: int,
        opening: Opening,
        tape: Tape,
        faults: Faults | None,
    ) -> Splice:
        make = Splice if faults is None else partial(FaultySplice, faults=faults)
        splice = make(
            number=number,
            tape=tape,
            opened=opened,
            limit=self._recorded,
            twilio=twilio,
            backend=answer.transport,
            on_end=lambda ending: _note_ending(tape, number, opened, ending),
        )
        opening = msgspec.structs.replace(opening, status=101)
        tape.note(EntryKind.OPENING, number, opened, msgspec.json.encode(opening))
        self.live.add(splice)
        splice.finished.add_done_callback(lambda _: self.live.discard(splice))
        splice.start(answer.head, request.connection.take_early(), answer.protocol.take_early())
        # What is held for the two handshakes is more than the call itself needs.
        request.connection.leave()
        answer.protocol.leave()
        return splice

    def _refuse(self, answer: Refused, opening: Opening, number: int, opened: int) -> Answer:
        more = self._limit.suffix((opening.route, answer.status))
        if more is not None:
            log.warning("route %s: %s%s", opening.route, answer.error, more)
        opening = msgspec.structs.replace(opening, status=answer.status, error=answer.error)
        self._note_attempt(number, opened, opening, first="proxy" if answer.ours else "backend")
        return Answer(answer.head, answer.body)

    def _note_attempt(self, number: int, opened: int, opening: Opening, first: First) -> None:
        tape = self._tapes[opening.route]
        tape.note(EntryKind.OPENING, number, opened, msgspec.json.encode(opening))
        _note_ending(tape, number, opened, Ending(t=time.monotonic_ns() - opened, first=first))

    def _warn(self, request: Request, path: str, target: Target, got: Headers, trusted: bool) -> None:
        """Notes what is odd about a request that is relayed all the same; of one that is not recorded, that alone."""
        taped = not isinstance(self._tapes[target.route], NoTape)
        shown = path if taped else ""
        if target.route == DEFAULT_ROUTE and path.startswith("/r/"):
            name = without_personal(mask_query(path)[3:].partition("/")[0].partition("?")[0])[:64]
            named = f"is named {name!a}" if taped else "has the name that it asked for"
            self._note(
                request, got, "unknown_route", 0, f"no route {named}, so it went to the default backend", shown, taped
            )
        claims = any(name.lower() in ("x-forwarded-proto", "x-forwarded-host") for name, _ in got)
        if claims and not trusted and self._public is None:
            words = (
                f"its X-Forwarded-… headers are not believed; if {request.connection.address} is your front end, add "
                "it to trusted_proxies, or set public_url"
            )
            self._note(request, got, "untrusted_proxy", 0, words, shown, taped)

    def _opening(
        self, request: Request, path: str, target: Target, got: Headers, opened_at: int, trusted: bool
    ) -> tuple[Opening, str | None]:
        trace = header_policy.trace_of(got) if trusted else None
        random_digits = secrets.token_hex(40)
        trace_id, parent = trace if trace else (random_digits[:32], None)
        span_id = random_digits[32:48]
        opening = Opening(
            connection_id=random_digits[48:],
            trace_id=trace_id,
            span_id=span_id,
            parent_span_id=parent,
            route=target.route,
            backend=header_policy.cut(mask_query(target.url)),
            target=header_policy.cut(mask_query(path)),
            opened_at=opened_at,
            peer=request.connection.peer,
            request_headers=mask(got),
        )
        return opening, None if trace is not None else self._new_traceparent(trace_id, span_id)

    def _new_traceparent(self, trace_id: str, span_id: str) -> str | None:
        return f"00-{trace_id}-{span_id}-{self._sampler.sampled(trace_id):02x}" if self._traceparent else None

    def _forwarded(self, request: Request, got: Headers, path: str) -> Headers:
        return forwarded(
            got,
            peer=request.connection.address,
            tls=request.connection.secure,
            target=path,
            public=self._public,
            proxies=self._proxies,
        )

    def _full(self, request: Request) -> bool:
        descriptor = request.connection.descriptor
        return descriptor is not None and descriptors.few_left(descriptor)

    def _limit_reached(self, request: Request) -> str | None:
        return "descriptors" if self._full(request) else "connections" if self._capacity.full else None

    def status(self, full: str | None = None) -> str:
        """`draining`, `full`, `degraded` (the journal cannot be written) or `ready`; `full` is the limit that is
        reached, where the request that asks knows more of it."""
        if self.leaving or self.draining:
            return "draining"
        return "full" if full or self._capacity.full else "degraded" if self._journal_problem() else "ready"

    def _own_page(self, path: str, *, full: str | None) -> Answer:
        page = path.removeprefix(RESERVED).partition("?")[0]
        if page == "healthz":
            return answers.page(200, "ok\n")
        if page == "readyz":
            status = self.status(full)
            report = {"status": status, "journal": self._journal_problem() or "ok", "live_calls": len(self.live)}
            if full:
                report["limit"] = full
            refuses = status in ("draining", "full")
            return answers.page(503 if refuses else 200, json.dumps(report) + "\n", "application/json")
        return answers.words(404, "only healthz and readyz are here")


def _note_ending(tape: Tape, number: int, opened: int, ending: Ending) -> None:
    tape.note(EntryKind.ENDING, number, opened + ending.t, msgspec.json.encode(ending))


def _caller(forwarded: Headers) -> str:
    """The address that a request came from as far as trusted front ends vouch for it."""
    return dict(forwarded)["X-Forwarded-For"].partition(",")[0]
