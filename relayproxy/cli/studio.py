"""The `studio` commands: `check` tells what of an exported Studio flow would not work with this relay.

Knows: its options, how files are read, the words and the JSON for findings.
Must not know: what is checked.
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from relayproxy.cli.options import settings_of, settings_options
from relayproxy.errors import RelayproxyError
from relayproxy.plural import plural
from relayproxy.settings.model import Settings
from relayproxy.text import mended

if TYPE_CHECKING:
    from relayproxy.doctor.studio.check import Finding
    from relayproxy.doctor.studio.fields import SeenFields

LARGEST = 16 * 1024 * 1024
"""Bytes of a file. A flow has at most 2,000 widgets."""
FOUND, UNREADABLE = 1, 2
"""Exit codes."""


@click.group("studio", short_help="Checks of Studio flows.")
def studio() -> None:
    """Checks Twilio Studio flows that lead to this relay."""


@studio.command(short_help="Check exported flows.")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FLOW.json…")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead of lines.")
@settings_options("public_url", "backend", "routes", "data_dir", "database_url")
def check(files: tuple[Path, ...], as_json: bool, config: Path | None, **flags: Any) -> None:
    """Reads flows that Studio exported and says what of their Run ConversationRelay widgets would not work here: URLs
    that lead elsewhere or to no route, transitions that lead nowhere, a wrong "interruptible", HandoffData that is read
    where there is none. Fields that a flow reads of it are compared with those of recorded handoffs, when there is a
    database.

    Give it the settings that "serve" has. Exits with 0 when all flows are in order, 1 with findings, 2 for a file that
    cannot be read or is no flow.
    """
    settings = settings_of(config, flags)
    seen, why_not = _seen(settings)
    results = [_checked(file, settings, seen) for file in files]
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode({"flows": results}), indent=2))
    else:
        for line in _lines(results, why_not):
            click.echo(
                "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in line)
            )
    for result in results:
        if result["error"] is not None:
            click.echo(f"relayproxy: error: {result['file']}: {result['error']}", err=True)
    if any(result["error"] is not None for result in results):
        raise click.exceptions.Exit(UNREADABLE)
    if any(finding["severity"] != "note" for result in results for finding in result["findings"]):
        raise click.exceptions.Exit(FOUND)


def _checked(file: Path, settings: Settings, seen: "dict[str, SeenFields] | None") -> dict[str, Any]:
    from relayproxy.doctor.studio.check import check_flow
    from relayproxy.doctor.studio.flow import read_flow

    result: dict[str, Any] = {"file": mended(str(file)), "error": None, "relay_widgets": [], "findings": []}
    try:
        flow = read_flow(_content(file))
    except RelayproxyError as problem:
        return result | {"error": str(problem)}
    return result | {
        "relay_widgets": [widget.name for widget in flow.relay_widgets()],
        "findings": [_document(finding) for finding in check_flow(flow, settings, seen)],
    }


def _content(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            content = opened.read(LARGEST + 1)
    except OSError as problem:
        raise RelayproxyError(problem.strerror or str(problem)) from None
    if len(content) > LARGEST:
        raise RelayproxyError(f"it has more than {LARGEST // 1024**2} MiB; no flow is that large")
    return content


def _seen(settings: Settings) -> "tuple[dict[str, SeenFields] | None, str | None]":
    """The fields of recorded handoffs by route; or None and the reason why there is nothing to read."""
    from relayproxy.conversation.model import Handoff
    from relayproxy.doctor.studio.fields import seen_fields
    from relayproxy.store.engine import open_reader
    from relayproxy.store.errors import StoreError
    from relayproxy.store.read.handoffs import handoffs_by_route
    from relayproxy.store.read.queries import Queries

    reader = open_reader(settings.database)
    try:
        by_route = handoffs_by_route(Queries(reader))
    except StoreError as problem:
        return None, str(problem)
    finally:
        reader.dispose()
    read = msgspec.json.Decoder(Handoff).decode
    return {route: seen_fields(map(read, handoffs)) for route, handoffs in by_route.items()}, None


def _document(finding: "Finding") -> dict[str, Any]:
    return {
        "severity": finding.severity,
        "code": finding.code,
        "widget": finding.widget,
        "line": finding.line,
        "path": finding.place,
        "text": finding.text,
    }


def _lines(results: list[dict[str, Any]], why_not: str | None) -> Iterator[str]:
    for result in results:
        if result["error"] is not None:
            continue
        file = result["file"]
        for one in result["findings"]:
            yield f"{file}:{one['line']}: {one['severity']}: {one['widget']}: {one['text']} [{one['path']}]"
        counts = Counter(one["severity"] for one in result["findings"])
        said = [plural(counts[severity], severity) for severity in ("error", "warning", "note") if counts[severity]]
        widgets = plural(len(result["relay_widgets"]), "Run ConversationRelay widget")
        yield f"{file}: {widgets}, {', '.join(said) or 'all in order'}"
    if why_not is not None and any(one["code"] == "handoff_not_compared" for r in results for one in r["findings"]):
        yield f"Recorded handoffs could not be read: {why_not}"
