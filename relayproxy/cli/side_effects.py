"""Permission to replay calls against a URL: asked for once, and remembered.

Knows: where it is remembered; how the refusal is put into words.
Must not know: what is replayed.

A replayed call is a real one for the agent. That its URL is on this machine says where the agent runs, not where its
tools act; so no URL is an exception.
"""

import os
from pathlib import Path
from urllib.parse import urlsplit

import click

from relayproxy.cli.calling import UsageFailure


def require_allowed(url: str, *, allowed: bool) -> None:
    """Raises `UsageFailure` unless it is `allowed` now or was once, for this URL without its query. What is allowed now
    is remembered, in a file of the user's."""
    place = _place(url)
    file = _file()
    known = _known(file)
    if place in known:
        return
    if not allowed:
        raise UsageFailure(
            f"{place}: a replayed call is a real one for the agent there: its tools book, pay, send and delete once "
            "more. If they may, say --allow-side-effects, once for this URL"
        )
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        file.write_text("".join(f"{one}\n" for one in (*known, place)), "utf-8")
    except OSError as problem:
        click.echo(f"--allow-side-effects is not remembered: {file}: {problem.strerror or problem}", err=True)


def _place(url: str) -> str:
    parts = urlsplit(url)
    host = (parts.hostname or "").lower()
    port = parts.port or (443 if parts.scheme == "wss" else 80)
    return f"{parts.scheme}://{f'[{host}]' if ':' in host else host}:{port}{parts.path or '/'}"


def _file() -> Path:
    state = os.environ.get("XDG_STATE_HOME", "")
    folder = Path(state) if Path(state).is_absolute() else Path.home() / ".local" / "state"
    return folder / "relayproxy" / "replay-urls"


def _known(file: Path) -> tuple[str, ...]:
    try:
        return tuple(file.read_text("utf-8").splitlines())
    except (OSError, ValueError):
        return ()
