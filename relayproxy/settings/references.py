"""References to secrets (`env:NAME`, `file:PATH`), and what is found where they lead.

Knows: environment variables and files, and that a secret is one line of some length at most.
Must not know: which settings are references; what a secret is for.

No message repeats what was found.
"""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from relayproxy.settings.validators import secret_references, split_reference

MAX_SECRET = 4096
"""Bytes of a secret."""


def secret_reference(value: str) -> str:
    """`env:NAME` or `file:PATH`."""
    if "," in value or split_reference(secret_references(value))[0] is not None:
        raise ValueError("one reference to a secret is expected, never the secret itself: env:NAME or file:PATH")
    return value


def secret_at(reference: str, what: str, environ: Mapping[str, str] | None = None) -> str:
    """The secret, white space around it left out. Raises ValueError, which says that `what` ("the token") is expected
    there."""
    _, kind, where = split_reference(reference)
    place = f"the environment variable {where}" if kind == "env" else where
    secret = _variable(where, os.environ if environ is None else environ) if kind == "env" else _file(where, what)
    if not secret:
        raise ValueError(f"{place} is empty; {what} is expected in it")
    if not secret.isprintable():
        raise ValueError(f"{place} has several lines or odd characters; {what} alone is expected in it")
    return secret


def variables(references: Iterable[str]) -> frozenset[str]:
    """The environment variables that references name."""
    return frozenset(where for _, kind, where in map(split_reference, references) if kind == "env")


def _variable(name: str, environ: Mapping[str, str]) -> str:
    if name not in environ:
        raise ValueError(f"the environment variable {name} is expected, and it is not set")
    return environ[name].strip()


def _file(path: str, what: str) -> str:
    try:
        with Path(path).expanduser().open("rb") as file:
            content = file.read(MAX_SECRET + 1)
    except (OSError, RuntimeError) as problem:
        why = getattr(problem, "strerror", None) or "it has no such home folder"
        raise ValueError(f"a readable file with {what} is expected at {path} ({why})") from None
    if len(content) > MAX_SECRET:
        raise ValueError(f"{path} has more than {MAX_SECRET} bytes; a file that holds {what} alone is expected")
    return content.decode("utf-8", "surrogateescape").strip()
