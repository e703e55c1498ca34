"""Webhooks: one request, and when the next one is made if it failed.

Knows: how long an endpoint may take, which answers are good, that an endpoint may ask for a pause.
Must not know: what is told; what is kept of it.

Nothing of an endpoint's URL but its place, and nothing of its answer but the status, is ever in words here.
"""

import os
import socket
import ssl
import time
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

import aiohttp

from relayproxy import __version__
from relayproxy.alerts.payloads import Notice, headers_of, render_payload
from relayproxy.settings.alerts import Endpoint

TIMEOUT = 10.0
"""Seconds for one request."""
PAUSES = (5.0, 15.0, 60.0, 300.0, 900.0, 1800.0)
"""Seconds before each further attempt; after the last it has failed."""
LONGEST_PAUSE = 3600.0
_READ = 4096
"""Bytes of an answer that are read."""


@dataclass(frozen=True, slots=True)
class Answer:
    """How a request went, in words; `retry_after`: seconds that the endpoint asked for."""

    ok: bool
    words: str
    retry_after: float | None = None


def new_client() -> aiohttp.ClientSession:
    """A client whose requests end in time. It follows no redirects, and keeps no cookies."""
    return aiohttp.ClientSession(
        timeout=aiohttp.ClientTimeout(total=TIMEOUT),
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"User-Agent": f"relayproxy/{__version__}"},
        trust_env=True,
    )


async def post(client: aiohttp.ClientSession, endpoint: Endpoint, notice: Notice) -> Answer:
    """Sends the notice. Never raises for what an endpoint does."""
    body = render_payload(endpoint, notice)
    headers = headers_of(endpoint, notice, body, int(time.time()))
    try:
        async with client.post(endpoint.url, data=body, headers=headers, allow_redirects=False) as response:
            await response.content.read(_READ)
            words = f"answered {response.status}"
            if 200 <= response.status < 300:
                return Answer(True, words)
            return Answer(False, words, retry_after(response.headers.get("Retry-After"), time.time()))
    except TimeoutError:
        return Answer(False, f"no answer within {TIMEOUT:g} s")
    except aiohttp.ClientConnectorCertificateError:
        return Answer(False, "its certificate is not trusted")
    except aiohttp.ClientConnectorError as problem:
        return Answer(False, f"cannot be reached ({_why(problem.os_error)})")
    except aiohttp.ClientError as problem:
        # Its own words may repeat the URL, which may be secret.
        return Answer(False, f"the connection failed ({type(problem).__name__})")
    except OSError as problem:
        return Answer(False, f"the connection failed ({problem.strerror or type(problem).__name__})")


def _why(problem: OSError) -> str:
    # The event loop's own words have the address in them; those of names that are not found, of TLS, and of several
    # addresses have no number of the system's.
    if isinstance(problem, socket.gaierror):
        return "its name is not found"
    if isinstance(problem, ssl.SSLError):
        return f"no TLS: {(problem.reason or type(problem).__name__).replace('_', ' ').lower()}"
    return os.strerror(problem.errno) if problem.errno else "it has several addresses, and none of them answers"


def pause_after(attempts: int, answer: Answer) -> float | None:
    """Seconds before the next attempt after so many; None when there is none any more."""
    if attempts > len(PAUSES):
        return None
    return min(LONGEST_PAUSE, max(PAUSES[attempts - 1], answer.retry_after or 0.0))


def retry_after(value: str | None, now: float) -> float | None:
    """The seconds of a Retry-After header, which is a number or a date; None without one that can be read."""
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit() and len(text) < 10:
        return float(text)
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - now)
    except (ValueError, TypeError, OverflowError):
        return None
