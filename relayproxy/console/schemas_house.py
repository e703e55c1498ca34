"""Schemas of what is not about calls: health, connecting, the audit, tags and notes, errors.

Knows: every field of these in the API; every error code.
Must not know: endpoints; where the values come from.
"""

from relayproxy.console.health.health_facts import Name
from relayproxy.console.health.journal_gaps import CAUSES
from relayproxy.console.health.reachability import ProbeStep, State, Who
from relayproxy.console.schemas import (
    Schema,
    array,
    boolean,
    count,
    integer,
    mapping,
    moment,
    named,
    nullable,
    number,
    obj,
    one_of,
    text,
    whole,
)
from relayproxy.console.sessions.annotations import LONGEST_NOTE, LONGEST_TAG
from relayproxy.refusals import REASONS

ERRORS: dict[int, dict[str, str]] = {
    400: {"bad_request": "A parameter or the body is wrong; the message names it."},
    401: {"sign_in_required": "Nobody knows who asks.", "wrong_token": "There is no such token."},
    403: {
        "forbidden": "Whoever asks may not do this.",
        "cross_origin": "A page of another site sent the request.",
        "unknown_host": "The console does not go by the name in the request's Host.",
    },
    404: {"not_found": "What was asked for does not exist."},
    405: {"method_not_allowed": "The path takes other methods."},
    413: {"too_large": "The body is too long."},
    415: {"unsupported_media_type": "The body is compressed, or of another type than is expected."},
    500: {"internal_error": "The console failed; its log says why."},
    503: {
        "not_ready": "There is no database yet, or one of another version.",
        "database_unavailable": "The database does not answer; ask again later.",
        "too_slow": "Looking for it took too long; ask for less.",
        "audit_unavailable": "That a recording is downloaded cannot be recorded now, so it is not given.",
    },
}
"""By status the codes of errors, and what each means."""
_CODES = "; ".join(f"`{code}` ({status}): {words}" for status, some in ERRORS.items() for code, words in some.items())

ERROR = obj(
    {"error": obj({"code": text(f"For programs. {_CODES}"), "message": text("For people.")})},
    "Every answer with a status of 400 or more.",
)

STATE = one_of(State)
DISK = {"disk_free_bytes": nullable(count("Of SQLite alone.")), "disk_total_bytes": nullable(count())}

RECORDER = obj(
    {
        "process": text(),
        "working": boolean("It has reported within the last seconds."),
        "ended": boolean("It has stopped in an orderly way."),
        **moment("reported_at", "When it reported last."),
        "version": text(),
        "host": text(),
        "pid": integer(),
        **moment("started_at", "When it was started."),
        "data_dir": text(),
        "lag_ms": number("The longest that anything takes from the relay to the database."),
        "live_connections": count(),
        "commits": count(),
        **moment("commit_at", "The last commit.", absent=True),
        "commit_ms": number("How long that took."),
        "journal_quota_bytes": count("Of journals, that relays keep for it."),
        "journals": array(
            obj(
                {
                    "id": text(),
                    "relay_alive": boolean("A relay writes to it."),
                    "segments": count(),
                    "bytes": count(),
                    "unread_bytes": count("Not yet in the database."),
                    "relay_silent_ms": count("For how long the relay has shown no life; it does every 2 s."),
                }
            )
        ),
        "disk_free_bytes": count(),
        "disk_total_bytes": count(),
        "otlp": nullable(
            obj(
                {
                    "endpoint": text(),
                    "sent": count(),
                    "failed": count(),
                    "dropped": count(),
                    **moment("failing_since", "Null while it works.", absent=True),
                    "cause": nullable(text()),
                },
                "Export of spans.",
            )
        ),
        "database_error": nullable(text("What the database complained of last.")),
        **moment("database_error_at", "When it did.", absent=True),
    },
    "A recorder, as it reported last.",
)

HEALTH = obj(
    {
        "state": STATE,
        "summary": text("All checks in one sentence."),
        "stale": nullable(text("Why what is shown is old; null while nothing is over 10 s behind.")),
        "more": count("Other checks that are not in order either."),
        **moment("checked_at", "When all this was looked at."),
        "checks": array(
            obj(
                {
                    "name": one_of(Name),
                    "state": STATE,
                    "title": text(),
                    "detail": text(),
                    "action": text("What to do; empty when there is nothing to do."),
                    "link": nullable(text("What it is about.")),
                }
            )
        ),
        "relay": obj(
            {
                "url": nullable(text("Where it was asked.")),
                "problem": nullable(text("Why there was no answer.")),
                "status": nullable(text("What it says of itself.")),
                "journal": nullable(text()),
                "live_calls": nullable(count()),
            }
        ),
        "recorders": array(named("RecorderHealth"), "The last report of each, the newest first."),
        "database": nullable(
            obj(
                {
                    "kind": text("SQLite or PostgreSQL."),
                    "version": text(),
                    "schema": text(),
                    "answer_ms": number("How long it takes to answer."),
                    "bytes": count(),
                    "wal_bytes": nullable(count("Of SQLite alone.")),
                    **DISK,
                    "sessions_at_least": count(),
                }
            )
        ),
        "database_problem": nullable(text("Why it cannot be read.")),
        "databases_moved_aside": array(
            obj(
                {
                    "path": text("With its -wal and -shm, where there are any, beside it."),
                    **moment("moved_at", "When."),
                    "bytes": count("Of all of them."),
                }
            ),
            "Damaged SQLite files that were moved out of the way and still are where they were put, the newest first.",
        ),
        "audit": obj(
            {
                "waiting": count("Entries that wait to be written."),
                "lost": count("Entries that found no room."),
                **moment("failing_since", "Null while it can be written.", absent=True),
                "cause": nullable(text("Why it cannot be written.")),
            },
            "The record of who looked.",
        ),
        "clock_step_s": number("Seconds by which the wall clock was set since the console started; negative: back."),
        "gaps": obj(
            {name: obj({"gaps": count(), "sessions": count()}) for name in ("last_hour", "last_24_hours")},
            "What could not be recorded of sessions that began in that time.",
        ),
        "refused": array(named("Refused"), "Those with Twilio's signature first."),
        "journal_gaps": array(named("JournalGap"), "Of the last 24 hours, the newest first."),
        "console": obj(
            {
                "version": text(),
                "python": text(),
                "host": text(),
                "pid": integer(),
                **moment("started_at", "When it was started."),
                "watchers": count("Pages that wait for changes."),
            }
        ),
    },
    "What works, what does not, and what to do.",
)

PROBE = obj(
    {
        "state": STATE,
        "summary": text("What it means for calls."),
        "answered_by": nullable(one_of(Who)),
        "status": nullable(integer("HTTP status of the answer.")),
        "steps": array(obj({"name": one_of(ProbeStep.__annotations__["name"]), "state": STATE, "detail": text()})),
    },
    "Whether something answers at an address.",
)

REFUSED = obj(
    {
        "reason": one_of(REASONS, "Another version may know others."),
        "signed": boolean("They had Twilio's signature, so they probably were calls."),
        "count": count("Since the relay or its recorder was started."),
        "summary": text("All of them in one sentence."),
        "action": text("What to do."),
        "last": obj(
            {
                **moment("at", "When it came."),
                "status": nullable(integer("What it was answered; null where it was relayed all the same.")),
                "peer": text("Address of the TCP peer."),
                "target": nullable(text("Path and query, with the values masked; null where they could not be read.")),
                "words": text("What it was told."),
            },
            "The last of them.",
        ),
    },
    "Requests that the relay answered before any backend was asked, or relayed otherwise than may have been meant.",
)

WAYS = whole(
    obj(
        {
            "route": text(),
            "url": text("To be given to Twilio."),
            "backend": text("Where it leads, the values of the query masked."),
            "signed_path": text("The path that Twilio signs with this URL."),
            "backend_path": text("The path that the backend then sees; where it is another, `X-Forwarded-Uri` tells."),
            "last_call": nullable(
                obj(
                    {
                        "id": text("The recording's own id."),
                        **moment("started_at", "When it began."),
                        "live": boolean(),
                        "outcome": nullable(named("Outcome")),
                        "signed": nullable(boolean("Its request had Twilio's signature.")),
                        "events": boolean("Speaker events or tokens-played were on."),
                    },
                    "The newest call of the route.",
                )
            ),
            "checks": nullable(
                obj(
                    {
                        **moment("at", "When it was checked."),
                        "public": nullable(named("Probe"), "The way to the relay; null without a public URL."),
                        "backend": named("Probe"),
                    },
                    "What the last check found; null before the first.",
                )
            ),
        },
        "A route from Twilio to its backend.",
    ),
    public=boolean("The URLs are under the configured public URL."),
    secure=boolean("They are wss://, which Twilio insists on."),
    refused=array(named("Refused"), "Those with Twilio's signature first."),
    checked_from=text("Host that checks run on."),
)

TAG = text(f"1 to {LONGEST_TAG} letters, digits and `. + # @ / - _`, in small letters.")
NOTE_TEXT = text(f"1 to {LONGEST_NOTE} characters.")

JOURNAL_GAP = obj(
    {
        "journal": text("The journal's id."),
        "segment": count("Which of its files."),
        "offset": count("From which byte on."),
        "bytes": count("How many cannot be read; 0 when files are gone."),
        "cause": one_of(CAUSES, "; ".join(f"`{name}`: {words}" for name, words in CAUSES.items()) + "."),
        **moment("since", "They came at that time or later."),
        **moment("until", "They came before that time."),
    },
    "A part of a journal that cannot be read. Which calls it held is not known.",
)

SCHEMAS: dict[str, Schema] = {
    "JournalGap": JOURNAL_GAP,
    "Refused": REFUSED,
    "Error": ERROR,
    "Health": HEALTH,
    "RecorderHealth": RECORDER,
    "Probe": PROBE,
    "Connect": WAYS,
    "Tag": obj({"tag": TAG}),
    "NewTag": obj({"tag": text("Is brought into the form of a tag.")}),
    "Note": obj({"id": integer(), **moment("at", "When it was written."), "author": text(), "text": NOTE_TEXT}),
    "NewNote": obj({"text": NOTE_TEXT}),
    "OpenAPI": mapping({}, "This document."),
}
