"""Content of scenarios as hashes, which tell whether two runs asked for the same.

Knows: which of a scenario counts.
Must not know: what a scenario means.
"""

import collections
import hashlib
from collections.abc import Mapping, Sequence

import msgspec

from relayproxy.errors import RelayproxyError
from relayproxy.lab.scenarios.model import Scenario


def scenario_hashes(scenarios: Sequence[Scenario]) -> dict[str, str]:
    """The hash of each scenario's content, by its name. Where a scenario is written, and what it says about itself,
    does not count. Raises RelayproxyError for a name that comes twice."""
    names = collections.Counter(scenario.name for scenario in scenarios)
    for name, count in names.items():
        if count > 1:
            raise RelayproxyError(f"the scenario {name!r} is there {count} times; -n says how often each is called")
    return {scenario.name: hash_of(_content(scenario)) for scenario in scenarios}


def content_hash(hashes: Mapping[str, str]) -> str:
    """The hash of all scenarios, from the hashes by name, in whatever order."""
    return hash_of(dict(hashes))


def _content(scenario: Scenario) -> dict[str, object]:
    return {name: getattr(scenario, name) for name in Scenario.__struct_fields__ if name != "about"}


def hash_of(value: object) -> str:
    """The hash of a value that can be written as JSON."""
    return "sha256:" + hashlib.sha256(msgspec.json.encode(value, order="deterministic")).hexdigest()
