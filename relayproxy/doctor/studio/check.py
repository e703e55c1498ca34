"""Checks of a Studio flow against a relay. Pure.

Knows: what a relay widget must have, after which of its transitions there is handoff data, which fields that had.
Must not know: files, databases; how findings are shown.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from relayproxy.doctor.studio.destination import destination
from relayproxy.doctor.studio.fields import SeenFields, together
from relayproxy.doctor.studio.flow import RELAY_WIDGET, Flow, Path, Widget, written
from relayproxy.doctor.studio.handoff_reads import HandoffRead, HandoffReads
from relayproxy.doctor.studio.references import HANDOFF, Reference, has_liquid, references
from relayproxy.doctor.studio.remark import Remark, Severity
from relayproxy.plural import plural
from relayproxy.settings.model import Settings

_PARSE = 'a Set Variables widget with {{%s}} and "Parse as JSON object" makes fields of it'


@dataclass(frozen=True, slots=True)
class Finding:
    """One result of a check. `text` says what is so and what to do."""

    severity: Severity
    code: str
    widget: str
    path: Path
    line: int
    text: str

    @property
    def place(self) -> str:
        """The path as people write it."""
        return written(self.path)


def check_flow(flow: Flow, settings: Settings, seen: Mapping[str, SeenFields] | None) -> tuple[Finding, ...]:
    """All findings, in the order of the file. `seen`: fields of recorded handoffs by route; None: not to be had."""
    routes: dict[str, str | None] = {}
    found: list[tuple[str, Remark]] = []
    for widget in flow.relay_widgets():
        leads = destination(widget.properties.get("url"), (*widget.path, "properties", "url"), settings)
        routes[widget.name] = leads.route
        remarks = (*leads.remarks, *_interruptible(widget), *_transitions(widget, flow))
        found += [(widget.name, one) for one in remarks]
    read = [*references(flow)]
    alike = {name.lower(): name for name in reversed(flow.widgets)}
    found += [(one.widget, remark) for one in read for remark in _reference(one, flow, alike)]
    reads = HandoffReads(flow, read)
    found += [(one.reference.widget, remark) for one in reads.all for remark in _handoff(one, reads)]
    found += _seen(flow, reads, routes, seen)
    findings = [
        Finding(one.severity, one.code, widget, one.path, flow.line(one.path), one.text)
        for widget, one in dict.fromkeys(found)
    ]
    return tuple(sorted(findings, key=lambda one: (one.line, one.place)))


def _interruptible(widget: Widget) -> Iterator[Remark]:
    path: Path = (*widget.path, "properties", "interruptible")
    value = widget.properties.get("interruptible")
    if value is None or value in ("true", "false") or (isinstance(value, str) and has_liquid(value)):
        return
    if isinstance(value, bool):
        text = f'interruptible is {str(value).lower()}; Studio takes the text "{str(value).lower()}" and no boolean'
        yield Remark("error", "interruptible_boolean", path, text)
    else:
        yield Remark("error", "interruptible_wrong", path, 'interruptible is neither "true" nor "false"')


def _transitions(widget: Widget, flow: Flow) -> Iterator[Remark]:
    path: Path = (*widget.path, "transitions")
    for event, then in (
        ("success", "after the agent has ended the session the call would end, whatever it handed off"),
        ("failed", "when the agent cannot be reached or breaks off, the call would end without a word"),
    ):
        found = widget.next(event)
        at = next((n for n, one in enumerate(widget.transitions) if one.get("event") == event), None)
        where: Path = path if at is None else (*path, at)
        if found is None:
            yield Remark("error", f"{event}_not_wired", where, f"{event} leads nowhere: {then}; wire it")
        elif found not in flow.widgets:
            text = f"{event} leads to {found}, and there is no such widget"
            yield Remark("error", f"{event}_not_wired", (*where, "next"), text)


def _reference(read: Reference, flow: Flow, alike: Mapping[str, str]) -> Iterator[Remark]:
    if read.of_variable:
        return
    widget = flow.widgets.get(read.name)
    if widget is None:
        other = alike.get(read.name.lower())
        text = f"reads {read.text}, and there is no widget {read.name}{f'; there is {other}' if other else ''}"
        yield Remark("error", "widget_unknown", read.path, text)
        return
    field = read.steps[0] if read.steps else ""
    if field.replace("_", "").lower() != HANDOFF.lower():
        return
    if widget.type != RELAY_WIDGET:
        text = f"reads {read.text}, and {read.name} is a {widget.type} widget, which has none"
        yield Remark("error", "handoff_of_other_widget", read.path, text)
    elif field != HANDOFF:
        yield Remark("error", "handoff_misspelt", read.path, f"reads {read.text}; its name is {HANDOFF}, in this case")


def _handoff(read: HandoffRead, reads: HandoffReads) -> Iterator[Remark]:
    """Whether there is handoff data where it is read, and whether what is read has fields."""
    path, what = read.reference.path, read.reference.text
    names = " or ".join(read.sources)
    if not read.otherwise and not reads.follows(read, "success"):
        if reads.follows(read, "failed"):
            text = f"reads {what} where only failed of {names} leads: a session that failed delivers none"
            yield Remark("warning", "handoff_after_failed", path, text)
        else:
            text = f"reads {what}, and no way leads here from {names}: it is empty here"
            yield Remark("error", "handoff_not_after", path, text)
    if read.field and not read.parsed:
        how = _PARSE % f"widgets.{read.sources[0]}.{HANDOFF}"
        text = f"reads a field of {what.removesuffix(f'.{read.field}')}, which Twilio passes on as text: {how}"
        yield Remark("warning", "handoff_not_parsed", path, text)


def _seen(
    flow: Flow, reads: HandoffReads, routes: Mapping[str, str | None], seen: Mapping[str, SeenFields] | None
) -> Iterator[tuple[str, Remark]]:
    """Fields that the flow reads, compared with those that were recorded."""
    merged: dict[tuple[str | None, ...], SeenFields] = {}
    for name in reads.read_from:
        path, route = flow.widgets[name].path, routes[name]
        if seen is None or route is None:
            yield name, Remark("note", "handoff_not_compared", path, _not_compared(seen is None))
        else:
            yield name, Remark("note", "handoff_fields", path, _what_was_seen(route, seen.get(route, SeenFields())))
    if seen is None:
        return
    for read in reads.all:
        known = tuple(dict.fromkeys(routes[name] for name in read.sources))
        if not read.field or None in known:
            continue
        if known not in merged:
            merged[known] = together(seen[route] for route in known if route is not None and route in seen)
        for remark in _field(read, ", ".join(map(str, known)), merged[known]):
            yield read.reference.widget, remark


def _field(read: HandoffRead, routes: str, had: SeenFields) -> Iterator[Remark]:
    count, path = had.counts.get(read.field, 0), read.reference.path
    of = f"of {plural(had.objects, 'recorded handoff')} of {routes} had"
    if had.objects and not count:
        text = f"reads the field {read.field}, which none {of}; they had {had.shown()}"
        yield Remark("warning", "handoff_field_unseen", path, text)
    elif count < had.objects:
        text = f"reads the field {read.field}, which {count:,} {of}; it is empty after the others"
        yield Remark("note", "handoff_field_rare", path, text)


def _not_compared(no_database: bool) -> str:
    why = "there is no database to read" if no_database else "it is not known which route its URL leads to"
    return f"is not compared with recorded handoffs: {why}"


def _what_was_seen(route: str, had: SeenFields) -> str:
    if not had.handoffs:
        return f"is not compared with recorded handoffs: of route {route} there are none with their data"
    if not had.objects:
        number = plural(had.handoffs, "recorded handoff")
        return f"its route {route} has {number} and none is a JSON object: there are no fields to be read"
    of = plural(had.objects, "recorded handoff")
    return f"its route {route} has {of} with the fields {had.shown()}"
