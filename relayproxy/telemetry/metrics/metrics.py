"""The table of metrics, each declared once.

Knows: names, units, labels, buckets and meanings, and which of them follow from the tables of numbers.
Must not know: how anything is counted; how metrics are sent or written.

`/metrics`, OTLP, `docs/metrics.md` and the tests of the dashboard and of the alert rules iterate over `METRICS`.
"""

from typing import Any, Literal

from relayproxy.conversation.measures.number import Number
from relayproxy.conversation.measures.numbers import INTERRUPTION_NUMBERS, TURN_NUMBERS
from relayproxy.conversation.measures.session_numbers import SESSION_NUMBERS
from relayproxy.telemetry.metrics.metric import Metric

VOICE = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0, 1.25, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 7.5, 10.0, 20.0)
"""Latencies: fine between half a second and two, where voice is judged."""
FAST = (0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""What takes computers a moment."""
LONG = (5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 180.0, 300.0, 600.0, 900.0, 1800.0, 3600.0, 7200.0)
"""Calls."""
RATES = (1.0, 2.0, 5.0, 10.0, 15.0, 20.0, 30.0, 50.0, 100.0, 200.0, 500.0, 1000.0)
SHARES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
TURNS = (1.0, 2.0, 3.0, 5.0, 8.0, 13.0, 20.0, 30.0, 50.0, 100.0)
BOUNDS = {"s": VOICE, "1": SHARES, "{chunk}/s": RATES, "{char}/s": RATES}
"""Buckets of numbers, by unit. Numbers of other units are counted."""

_BY_VERSION = {"response_latency_ms", "backend_latency_ms", "user_bot_latency_ms", "time_to_first_sentence_ms"}
"""What versions of a backend are compared by."""
_ELSEWHERE = {"proxy_in_ms", "proxy_out_ms", "chunk_gaps"}
"""Of a turn: the first two are part of `OVERHEAD`, the last has several values, of which `CHUNK_GAP` takes one."""


Counted = Number[Any]
"""A number of a turn, an interruption or a session."""


def _of(number: Counted) -> Metric:
    assert number.attribute is not None
    bounds = BOUNDS.get(number.unit, ())
    return Metric(
        number.attribute,
        "histogram" if bounds else "counter",
        number.unit,
        f"{number.title}. {number.meaning}",
        ("route", "version") if number.name in _BY_VERSION else ("route",),
        bounds,
    )


def _session(name: str) -> tuple[Counted, Metric]:
    number = next(one for one in SESSION_NUMBERS if one.name == name)
    return number, _of(number)


def _counter(name: str, unit: str, meaning: str, *labels: str) -> Metric:
    return Metric(name, "counter", unit, meaning, labels)


def _histogram(name: str, unit: str, meaning: str, bounds: tuple[float, ...], *labels: str) -> Metric:
    return Metric(name, "histogram", unit, meaning, labels, bounds)


def _gauge(name: str, unit: str, meaning: str, *labels: str, by: Literal["recorder", "console"] = "recorder") -> Metric:
    return Metric(name, "gauge", unit, meaning, labels, by=by)


def _of_receivers(name: str, unit: str, meaning: str, *labels: str) -> Metric:
    return Metric(name, "counter", unit, meaning, ("receiver", *labels), by="console")


# Turns

OF_TURNS: tuple[tuple[Counted, Metric], ...] = tuple(
    (number, _of(number)) for number in TURN_NUMBERS if number.name not in _ELSEWHERE
)
TURNS_ENDED = _counter(
    "relayproxy.turns", "{turn}", "Turns, by what opened them.", "route", "tier", "opened_by", "version"
)
RESPONSES = _counter("relayproxy.turn.responses", "{response}", "Turns with speakable output.", "route")
INTERRUPTED = _counter(
    "relayproxy.turn.interrupted_responses", "{response}", "Responses that were interrupted at least once.", "route"
)
UNANSWERED = _counter(
    "relayproxy.turn.unanswered", "{turn}",
    "Turns in which a prompt or key got no speakable message, by kind: `asked_again` when the caller spoke again "
    "before there was one, else `no_answer`.",
    "route", "kind",
)  # fmt: skip
EXCLUDED = _counter(
    "relayproxy.turn.excluded", "{turn}",
    "Turns with a prompt or key that the histogram of response latencies does not hold, and the null reason why.",
    "route", "reason",
)  # fmt: skip
CHUNK_GAP = _histogram(
    "relayproxy.turn.chunk_gap.max", "s", "The longest distance between consecutive chunks of a reply.", VOICE, "route"
)

# Interruptions

OF_INTERRUPTIONS: tuple[tuple[Counted, Metric], ...] = tuple((number, _of(number)) for number in INTERRUPTION_NUMBERS)
INTERRUPTIONS = _counter(
    "relayproxy.interruption.count", "{interruption}",
    "How often speech was cut short, by kind: `caller_speech`, `caller_dtmf`, `preempt`, `agent_over_caller`.",
    "route", "kind",
)  # fmt: skip
FALSE_INTERRUPTIONS = _counter(
    "relayproxy.interruption.false", "{interruption}", "Interruptions by speech that no prompt followed.", "route"
)

# Sessions

OF_SESSIONS: tuple[tuple[Counted, Metric], ...] = tuple(
    map(_session, ("backend_connect_ms", "greeting_latency_ms", "handoff_latency_ms", "teardown_ms", "clipped_chars"))
)
SESSIONS = _counter(
    "relayproxy.sessions", "{session}", "Sessions that have ended, by outcome.", "route", "outcome", "tier", "version"
)
DURATION = _histogram(
    "relayproxy.session.duration", "s", "From the first connection's opening to the end.", LONG, "route", "outcome"
)
SESSION_TURNS = _histogram(
    "relayproxy.session.turns", "{turn}", "Turns of a session, the greeting included.", TURNS, "route"
)
HANDOFFS = _counter(
    "relayproxy.session.handoff", "{handoff}",
    "Sessions in which the backend sent `end`, by whether handoff data came with it (`present`: yes or no).",
    "route", "present",
)  # fmt: skip
DEAD_AIR = _counter(
    "relayproxy.silence.dead_air", "s",
    "Time in which nobody spoke, by who was waited for: `backend`, `caller`, `tts`.", "route", "waiting_for",
)  # fmt: skip
DEAD_AIR_EPISODES = _counter(
    "relayproxy.silence.episodes", "{episode}",
    "Silences over the threshold: 3 s for the backend and TTS, 8 s for the caller.", "route", "waiting_for",
)  # fmt: skip
VIOLATIONS = _counter(
    "relayproxy.protocol.violations", "{violation}",
    "Messages of the backend that Twilio rejects: `invalid_message`, `leaked_error`, `interrupt_sent`, "
    "`rejected_message`; see numbers.md.",
    "route", "code",
)  # fmt: skip
FINDINGS = _counter(
    "relayproxy.findings", "{finding}", "Findings by code; see numbers.md.", "route", "code", "severity"
)

# Connections and messages

HANDSHAKES = _counter(
    "relayproxy.handshakes", "{handshake}",
    "Requests for a call that were routed to a backend, by result: `relayed`, `refused` (by the backend), "
    "`unreachable`, `abandoned` (the caller hung up or the relay stopped); with the HTTP status of the answer and "
    "the state of Twilio's signature: `valid`, `wrong`, `missing`, `unchecked`.",
    "route", "result", "status", "signature",
)  # fmt: skip
OVERHEAD = _histogram(
    "relayproxy.message.overhead", "s",
    "What the relay adds to a message, from read to written: `in` from Twilio, `out` from the backend. Without "
    "messages that had to wait (backpressure).",
    FAST, "direction",
)  # fmt: skip
BACKPRESSURE = _counter(
    "relayproxy.message.backpressure", "{message}",
    "Messages that had to wait, because the other side was not taking data.", "direction",
)  # fmt: skip
MESSAGES = _counter("relayproxy.messages", "{message}", "Text and binary messages.", "route", "direction")
MESSAGE_BYTES = _counter("relayproxy.message.size", "By", "Bytes of these messages.", "route", "direction")

# What is missing, what is masked

GAPS = _counter(
    "relayproxy.recording.gaps", "{gap}",
    "Gaps in recordings, by cause: `buffer`, `quota`, `disk`, `limit`, `journal_damaged`; `undecodable` for bytes that "
    "are no WebSocket traffic.",
    "route", "cause",
)  # fmt: skip
GAP_BYTES = _counter("relayproxy.recording.gap_size", "By", "Bytes in these gaps.", "route", "cause")
JOURNAL_DAMAGE = _counter(
    "relayproxy.journal.damage", "{gap}", "Parts of journals that could not be read, by cause.", "cause"
)
REDACTED = _counter("relayproxy.redaction.masked", "{secret}", "Secrets that were masked, by kind.", "route", "kind")
REDACTION_FAILURES = _counter(
    "relayproxy.redaction.failures", "{message}",
    "Messages of which metadata alone was kept: redaction failed (`redaction_failed`), or their connection sent more "
    "than is searched for secrets (`search_limit`).",
    "cause",
)  # fmt: skip

# The recorder

LIVE = _gauge("relayproxy.live_connections", "{connection}", "Connections that live.", "route")
WAITING = _gauge(
    "relayproxy.longest_wait_now", "s", "How long the caller who waits longest has been waiting for an answer.", "route"
)
COMMIT = _histogram("relayproxy.recorder.commit_duration", "s", "How long commits to the database took.", FAST)
LAG = _gauge(
    "relayproxy.recorder.lag", "s",
    "The longest that anything took from the relay to the database since the last report, or waits now.",
)  # fmt: skip
STARTED = _gauge("relayproxy.recorder.start_time", "s", "When the recorder was started, since the epoch.")
RECORDER_MEMORY = _gauge("relayproxy.recorder.memory", "By", "Resident memory of the recorder.")
RELAYS = _gauge("relayproxy.relays", "{relay}", "Relays that write journals for this recorder.")
RELAY_CALLS = _gauge(
    "relayproxy.relay.live_calls", "{call}",
    "Calls that each relay carries, as it says itself, by its name and by whether it takes more: `ready`, `degraded` "
    "(it cannot write its journal), `full`, `draining`.",
    "relay", "status",
)  # fmt: skip
RELAY_SILENCE = _gauge(
    "relayproxy.relay.silence", "s", "The longest that one of them has shown no life; it does every 2 s."
)
JOURNAL_BYTES = _gauge("relayproxy.journal.size", "By", "Bytes of all journals.")
JOURNAL_UNREAD = _gauge("relayproxy.journal.unread", "By", "Bytes of journals that are not in the database yet.")
JOURNAL_QUOTA = _gauge("relayproxy.journal.quota", "By", "Bytes that journals may take.")
DISK_FREE = _gauge("relayproxy.disk.free", "By", "Bytes that are free on the disk of the data folder.")
DISK_SIZE = _gauge("relayproxy.disk.size", "By", "Bytes of that disk.")
REFUSED = _counter(
    "relayproxy.requests_refused", "{request}",
    "Requests that the relay answered itself, before any backend was asked, by reason (`signed`: yes when they came "
    "with Twilio's signature and probably were calls), and those that were relayed and are worth a note.",
    "reason", "signed",
)  # fmt: skip
SPANS = _counter(
    "relayproxy.telemetry.spans", "{span}", "Spans by what became of them: `sent`, `failed`, `dropped`.", "result"
)
SPANS_FAILING = _gauge("relayproxy.telemetry.failing", "", "1 while spans do not arrive; else 0.")
EXPORTS = _counter(
    "relayproxy.telemetry.metric_exports",
    "{export}",
    "Sendings of these metrics over OTLP: `sent`, `failed`.",
    "result",
)
CONTENT_DELETED = _counter(
    "relayproxy.retention.content_deleted", "{session}", "Sessions that lost their content to retention or an erasure."
)
SESSIONS_DELETED = _counter("relayproxy.retention.sessions_deleted", "{session}", "Sessions that went altogether.")
RETENTION_DUE = _gauge(
    "relayproxy.retention.due", "{session}", "Sessions that were due when retention was last through, and still there."
)
ERASURES_OPEN = _gauge("relayproxy.retention.erasures_open", "{erasure}", "Erasures that are being carried out.")
RETENTION_FAILING = _gauge("relayproxy.retention.failing", "", "1 while nothing can be deleted; else 0.")
RETENTION_RAN = _gauge(
    "relayproxy.retention.last_run_time", "s", "When retention was last through with all, since the epoch."
)
RECORDINGS_WAITING = _gauge(
    "relayproxy.recordings.waiting", "{part}", "Parts of recordings that are to be moved to their bucket or folder."
)
RECORDINGS_MOVED = _counter("relayproxy.recordings.moved", "{part}", "Parts of recordings that were moved there.")
RECORDINGS_DELETIONS = _gauge("relayproxy.recordings.deletions", "{object}", "Objects that are to be deleted there.")
RECORDINGS_FAILING = _gauge(
    "relayproxy.recordings.failing", "", "1 while nothing can be moved or deleted there; else 0."
)

# The console, and what it sees of the others

BUILD = _gauge("relayproxy.build_info", "", "1, with the console's version.", "version", by="console")
RECORDER_UP = _gauge(
    "relayproxy.recorder_up", "",
    "1 while the recorder reports; 0 once it has not for 10 s: nothing else is told of it then.",
    "recorder", by="console",
)  # fmt: skip
DATABASE_UP = _gauge("relayproxy.database_up", "", "1 when the database can be read, else 0.", by="console")
DATABASE_SIZE = _gauge("relayproxy.database.size", "By", "Bytes of the database.", by="console")
DATABASE_ANSWER = _gauge(
    "relayproxy.database.answer_duration", "s", "How long the database took to answer.", by="console"
)
CHECK = _gauge(
    "relayproxy.health_check", "",
    "Checks of the page Health: 0 in order, 1 a warning, 2 bad; absent while unknown.", "check", by="console",
)  # fmt: skip
AUDIT_LOST = Metric(
    "relayproxy.audit.lost", "counter", "{entry}", "Entries of the audit that found no room.", by="console"
)
AUDIT_WAITING = _gauge(
    "relayproxy.audit.waiting", "{entry}", "Entries of the audit that wait to be written.", by="console"
)
ALERT_FIRING = _gauge(
    "relayproxy.alerts.firing", "", "1 while an alert of this rule fires; else 0.", "alert", "severity", by="console"
)
ALERT_ATTEMPTS = Metric(
    "relayproxy.alerts.attempts", "counter", "{attempt}",
    "Attempts of this console to tell a webhook, by result: `sent`, `failed` (it is made again), `dropped` (it was the "
    "last one).",
    ("webhook", "result"), by="console",
)  # fmt: skip
CONSOLE_MEMORY = _gauge("relayproxy.console.memory", "By", "Resident memory of the console.", by="console")

# Receivers of backends' spans, as the console sees them

RECEIVER_UP = _gauge(
    "relayproxy.receiver_up", "",
    "1 while the receiver reports; 0 once it has not for 10 s: nothing else is told of it then.",
    "receiver", by="console",
)  # fmt: skip
RECEIVED_REQUESTS = _of_receivers(
    "relayproxy.receiver.requests", "{request}",
    "Requests of backends, by result: `taken`, `undecodable`, `refused` (to be sent again, as nothing more could "
    "wait), `unread` (metrics and logs that there was nobody to pass on to).",
    "result",
)  # fmt: skip
RECEIVED_SPANS = _of_receivers(
    "relayproxy.receiver.spans", "{span}",
    "Spans of backends, by what became of them: `kept`, `rejected`, `frames` (of single WebSocket messages, which are "
    "only counted), `over_limit` (beyond what is kept of a session), `unjoined` (whose session never became known).",
    "result",
)  # fmt: skip
GUESSED_SPANS = _of_receivers(
    "relayproxy.receiver.guessed", "{span}", "Of the spans that are kept, those whose session was guessed."
)
PASSED_ON = _of_receivers(
    "relayproxy.receiver.passed_on", "{request}",
    "Requests that were passed on, by result: `sent`, `failed`, `dropped`.", "result",
)  # fmt: skip
RECEIVER_WAITING = _gauge(
    "relayproxy.receiver.waiting", "{span}",
    "Spans that wait to be written, or for their session to become known.", "receiver", by="console",
)  # fmt: skip
RECEIVER_FAILING = _gauge(
    "relayproxy.receiver.failing", "", "1 while it cannot write; else 0.", "receiver", by="console"
)

_OWN = [one for one in globals().values() if isinstance(one, Metric)]
METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in [metric for pairs in (OF_TURNS, OF_INTERRUPTIONS, OF_SESSIONS) for _, metric in pairs] + _OWN
}
"""All metrics by name."""
