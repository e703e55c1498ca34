"""Errors of the API: their codes, and the document that reports them.

Knows: every code, its status and its meaning.
Must not know: when an error is raised.
"""

from typing import Annotated

from msgspec import Meta

from relayproxy.console.http.documents import Document

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
    408: {"request_timeout": "The body did not arrive in time."},
    409: {
        "changed": "What is ordered is not what was shown, or many more sessions are meant by now; nothing was done.",
        "too_late": "What was to be stopped was over before.",
    },
    410: {"content_deleted": "What was said in the call has been deleted; its numbers are kept."},
    413: {"too_large": "The body is too long."},
    415: {"unsupported_media_type": "The body is compressed, or of another type than is expected."},
    422: {"no_scenario": "The call is too long for a scenario; its recording can be replayed."},
    429: {"too_many": "Too many of them wait already; ask again later."},
    500: {"internal_error": "The console failed; its log says why."},
    503: {
        "not_ready": "There is no database yet, or one of another version.",
        "database_unavailable": "The database does not answer; ask again later.",
        "recording_unavailable": "What was recorded is damaged, or lies in a bucket or folder that does not answer or "
        "no longer has it; the message says where.",
        "too_slow": "Looking for it took too long; ask for less.",
        "audit_unavailable": "That a recording is downloaded cannot be recorded now, so it is not given.",
    },
}
"""Error codes and their meanings, by HTTP status."""
_CODES = "; ".join(f"`{code}` ({status}): {words}" for status, some in ERRORS.items() for code, words in some.items())


class ProblemDocument(Document, frozen=True):
    """What went wrong."""

    code: Annotated[str, Meta(description=f"For programs. {_CODES}")]
    message: Annotated[str, Meta(description="For people.")]


class ErrorDocument(Document, frozen=True):
    """Every answer with a status of 400 or more."""

    error: ProblemDocument
