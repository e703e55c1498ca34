"""Checks of a Studio flow against a relay. Pure.

Knows: what a relay widget must have, where its URL leads, after which transition there is handoff data.
Must not know: files, databases; how findings are shown.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from relayproxy.doctor.studio.destination import destination
from relayproxy.doctor.studio.fields import SeenFields
from relayproxy.doctor.studio.flow import RELAY_WIDGET, Flow, Path, Widget, written
from relayproxy.doctor.studio.references import (
    HANDOFF,
    HandoffVariable,
    Reference,
    handoff_variables,
    has_liquid,
    references,
)
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
    found += [(reference.widget, one) for reference in read for one in _reference(reference, flow)]
    found += _handoffs(flow, read, routes, seen)
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


def _reference(read: Reference, flow: Flow) -> Iterator[Remark]:
    if read.of_variable:
        return
    widget = flow.widgets.get(read.name)
    if widget is None:
        text = f"reads {read.text}, and there is no widget {read.name}{_similar(read.name, flow)}"
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
    else:
        yield from _after(read, widget, flow)
        if len(read.steps) > 1:
            how = _PARSE % f"widgets.{read.name}.{HANDOFF}"
            text = f"reads a field of {HANDOFF}, which Twilio passes on as text: {how}"
            yield Remark("warning", "handoff_not_parsed", read.path, text)


def _after(read: Reference, widget: Widget, flow: Flow) -> Iterator[Remark]:
    """Whether the widget that reads comes after the relay widget, and after which of its transitions."""
    if read.widget in _reached(widget, "success", flow):
        return
    if read.widget in _reached(widget, "failed", flow):
        text = f"reads {read.text} where only failed leads: a session that failed delivers none"
        yield Remark("warning", "handoff_after_failed", read.path, text)
    else:
        text = f"reads {read.text}, and no way leads here from {widget.name}: it is empty here"
        yield Remark("error", "handoff_not_after", read.path, text)


def _reached(start: Widget, event: str, flow: Flow) -> set[str]:
    """The widgets that may follow after an event of a widget, until it comes again."""
    found: set[str] = set()
    waiting = [start.next(event)]
    while waiting:
        name = waiting.pop()
        widget = flow.widgets.get(name or "")
        if widget is None or widget.name in found:
            continue
        found.add(widget.name)
        if widget.name != start.name:
            waiting += [widget.next(str(one.get("event"))) for one in widget.transitions]
            waiting += [one["next"] for one in widget.transitions if isinstance(one.get("next"), str)]
    return found


def _handoffs(
    flow: Flow, read: list[Reference], routes: Mapping[str, str | None], seen: Mapping[str, SeenFields] | None
) -> Iterator[tuple[str, Remark]]:
    """Fields that the flow reads, compared with those that were recorded."""
    variables = handoff_variables(flow)
    for reference in read:
        for one in variables:
            if reference.of_variable and reference.name == one.key:
                for remark in _variable(reference, one, flow, variables):
                    yield reference.widget, remark
    for name, route in routes.items():
        fields = [*_fields_of(name, read, variables)]
        whole = any(one.name == name and one.steps[:1] == (HANDOFF,) for one in read if not one.of_variable)
        if not fields and not whole:
            continue
        path = flow.widgets[name].path
        if seen is None or route is None:
            yield name, Remark("note", "handoff_not_compared", path, _not_compared(seen is None))
            continue
        had = seen.get(route, SeenFields())
        yield name, Remark("note", "handoff_fields", path, _what_was_seen(route, had))
        for reference, field in fields:
            for finding in _field(reference, field, route, had):
                yield reference.widget, finding


def _variable(
    read: Reference, one: HandoffVariable, flow: Flow, variables: tuple[HandoffVariable, ...]
) -> Iterator[Remark]:
    if read.steps and not any(other.parsed for other in variables if other.key == one.key):
        how = _PARSE % f"widgets.{one.widget}.{HANDOFF}"
        yield Remark(
            "warning", "handoff_not_parsed", read.path, f"reads a field of flow.variables.{one.key}, a text: {how}"
        )
    widget = flow.widgets.get(one.widget)
    if widget is not None and widget.type == RELAY_WIDGET and not one.otherwise:
        yield from _after(read, widget, flow)


def _field(reference: Reference, field: str, route: str, had: SeenFields) -> Iterator[Remark]:
    count = had.count(field)
    if had.objects and not count:
        text = f"reads the field {field}, which none of {plural(had.objects, 'recorded handoff')} of route {route} had"
        yield Remark("warning", "handoff_field_unseen", reference.path, f"{text}; they had {had.shown()}")
    elif had.objects and count < had.objects:
        text = f"reads the field {field}, which {count:,} of {plural(had.objects, 'recorded handoff')} of {route} had"
        yield Remark("note", "handoff_field_rare", reference.path, f"{text}; it is empty after the others")


def _fields_of(
    widget: str, read: list[Reference], variables: tuple[HandoffVariable, ...]
) -> Iterator[tuple[Reference, str]]:
    keys = {one.key for one in variables if one.widget == widget}
    for one in read:
        if one.of_variable and one.name in keys and one.steps:
            yield one, ".".join(one.steps)
        elif not one.of_variable and one.name == widget and one.steps[:1] == (HANDOFF,) and len(one.steps) > 1:
            yield one, ".".join(one.steps[1:])


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


def _similar(name: str, flow: Flow) -> str:
    alike = next((one for one in flow.widgets if one.lower() == name.lower()), None)
    return f"; there is {alike}" if alike else ""
