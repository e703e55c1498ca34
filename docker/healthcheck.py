"""Health check of a container: exit code 0 when its process answers, else 1 and one line that says why.

    healthcheck.py            the relay, at RELAYPROXY_LISTEN
    healthcheck.py console    the console, at RELAYPROXY_CONSOLE

Knows: the two health URLs. Imports nothing of relayproxy, whose start would cost more than the check.
"""

import http.client
import os
import ssl
import sys

TIMEOUT = 2.0
"""Seconds for each of at most two attempts: together less than the image's HEALTHCHECK --timeout."""
CHECKS = {
    "relay": ("RELAYPROXY_LISTEN", "0.0.0.0:8080", "/.relayproxy/healthz"),
    "console": ("RELAYPROXY_CONSOLE", "127.0.0.1:8081", "/healthz"),
}
ANY_HOST = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - recognised here, never bound


def answer(host: str, port: int, path: str) -> int:
    """The status of the answer. Raises OSError or HTTPException when there is none."""
    plain = http.client.HTTPConnection(host, port, timeout=TIMEOUT)
    try:
        return _status(plain, path)
    except (ConnectionResetError, http.client.BadStatusLine):
        # So does a listener with a certificate. That is the public name's, which is not what it is asked by here.
        unverified = ssl.create_default_context()
        unverified.check_hostname = False
        unverified.verify_mode = ssl.CERT_NONE
        return _status(http.client.HTTPSConnection(host, port, timeout=TIMEOUT, context=unverified), path)


def _status(connection: http.client.HTTPConnection, path: str) -> int:
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    finally:
        connection.close()


def problem(process: str) -> str:
    """Why the process does not count as healthy; empty when it does."""
    variable, default, path = CHECKS[process]
    address = os.environ.get(variable) or default
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    try:
        status = answer(ANY_HOST.get(host, host), int(port), path)
    except (OSError, http.client.HTTPException) as failure:
        return f"{process} at {address}: {failure or type(failure).__name__}"
    return "" if status == 200 else f"{process} at {address}: {path} answered {status}"


if __name__ == "__main__":
    sys.exit(problem(sys.argv[1] if len(sys.argv) > 1 else "relay") or 0)
