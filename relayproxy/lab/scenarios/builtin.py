"""Built-in scenarios: callers for the demo agent and for any other, and callers who find the usual faults of agents.

Knows: where their files are.
Must not know: what is in them.
"""

import difflib
from collections.abc import Iterator
from pathlib import Path

from relayproxy.errors import RelayproxyError
from relayproxy.lab.scenarios.model import FileScenario
from relayproxy.lab.scenarios.reading import load

FILES = Path(__file__).parent / "files"
CALLERS = "callers"
"""What people do on the phone; nothing is expected of the agent."""
FAULTS = "faults"
"""Each finds a fault that backends often have; an agent without it passes."""


def names(group: str) -> tuple[str, ...]:
    """The names of a group, in order."""
    return tuple(sorted(file.stem for file in (FILES / group).glob("*.yaml")))


def scenarios(group: str) -> Iterator[FileScenario]:
    """The scenarios of a group, by name."""
    return map(find, names(group))


def find(name: str) -> FileScenario:
    """The built-in scenario of that name. Raises RelayproxyError that names one that is like it, or all."""
    known = {each: group for group in (CALLERS, FAULTS) for each in names(group)}
    if name not in known:
        close = difflib.get_close_matches(name, known, 1)
        hint = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(known)}"
        raise RelayproxyError(f"there is no scenario {name!r}; {hint}")
    return load(FILES / known[name] / f"{name}.yaml")


def named(name: str) -> FileScenario:
    """The scenario of a file, whose name ends in `.yaml` or `.yml`, or the built-in one of that name. Raises
    RelayproxyError."""
    return load(Path(name)) if name.endswith((".yaml", ".yml")) else find(name)
