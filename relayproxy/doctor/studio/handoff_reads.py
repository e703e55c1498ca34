"""Handoff reads: where a flow reads handoff data, of which widgets it is, and what comes after which transition.

Knows: that a variable may be given the handoff data of several widgets, and something else besides.
Must not know: what is wrong with any of it.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from relayproxy.doctor.studio.flow import RELAY_WIDGET, Flow
from relayproxy.doctor.studio.references import HANDOFF, HandoffVariable, Reference, handoff_variables


@dataclass(frozen=True, slots=True)
class HandoffRead:
    """One place where handoff data is read. `sources`: the relay widgets whose data it may be. `field`: what of it,
    dotted; empty for the whole. `parsed`: it was made a JSON object before. `otherwise`: it may be something else."""

    reference: Reference
    sources: tuple[str, ...]
    field: str
    parsed: bool
    otherwise: bool


class HandoffReads:
    """All handoff reads of a flow, by its references."""

    def __init__(self, flow: Flow, references: Sequence[Reference]) -> None:
        self._flow = flow
        self._after: dict[tuple[str, str], frozenset[str]] = {}
        variables: dict[str, list[HandoffVariable]] = defaultdict(list)
        for one in handoff_variables(flow):
            if self._is_relay(one.widget):
                variables[one.key].append(one)
        found = (self._read(reference, variables) for reference in references)
        self.all: tuple[HandoffRead, ...] = tuple(one for one in found if one is not None)
        self.read_from: tuple[str, ...] = tuple(dict.fromkeys(name for one in self.all for name in one.sources))
        """The relay widgets whose data is read anywhere."""

    def follows(self, read: HandoffRead, event: str) -> bool:
        """Whether the widget that reads may come after that event of one of the sources, before that comes again."""
        return any(read.reference.widget in self._reached(name, event) for name in read.sources)

    def _read(self, reference: Reference, variables: dict[str, list[HandoffVariable]]) -> HandoffRead | None:
        if reference.of_variable:
            held = variables.get(reference.name, ())
            if not held:
                return None
            sources = tuple(dict.fromkeys(one.widget for one in held))
            parsed, otherwise = any(one.parsed for one in held), any(one.otherwise for one in held)
            return HandoffRead(reference, sources, ".".join(reference.steps), parsed, otherwise)
        if reference.steps[:1] != (HANDOFF,) or not self._is_relay(reference.name):
            return None
        return HandoffRead(reference, (reference.name,), ".".join(reference.steps[1:]), False, False)

    def _is_relay(self, name: str) -> bool:
        widget = self._flow.widgets.get(name)
        return widget is not None and widget.type == RELAY_WIDGET

    def _reached(self, name: str, event: str) -> frozenset[str]:
        """The widgets that may follow after an event of a widget, until it comes again."""
        if (name, event) not in self._after:
            found: set[str] = set()
            waiting = [self._flow.widgets[name].next(event)]
            while waiting:
                widget = self._flow.widgets.get(waiting.pop() or "")
                if widget is not None and widget.name not in found:
                    found.add(widget.name)
                    if widget.name != name:
                        waiting += [next for one in widget.transitions if isinstance(next := one.get("next"), str)]
            self._after[name, event] = frozenset(found)
        return self._after[name, event]
