"""JSON Schema of scenario files, with which editors complete and check them.

Knows: how the model and those of its rules that a schema can express are written as JSON Schema.
Must not know: the keys' meaning; where the schema is kept.

What a schema cannot say is left to the reader: quotes around keys, keys that come twice, regular expressions that are
none, turns that are never reached.
"""

import json
from pathlib import Path
from typing import Any

import msgspec

from relayproxy.conversation.checks.findings import CATALOGUE
from relayproxy.lab.scenarios.model import ACTS, Scenario
from relayproxy.lab.scenarios.rules import WITHOUT_TEXT

FILE = Path(__file__).parent / "scenario.schema.json"
"""The schema as it is kept in the package."""

Json = dict[str, Any]


def schema() -> Json:
    """The schema as a value."""
    found: Json = _without_null(msgspec.json.schema(Scenario))
    definitions = found["$defs"]
    definitions["Turn"] |= _turn()
    definitions["Interruption"]["oneOf"] = [_has("after_chars"), _has("after_ms")]
    definitions["Condition"]["oneOf"] = [_has("pattern"), _has("present")]
    definitions["Expectation"]["allOf"] = [
        {"if": {**_has("present"), "properties": {"present": {"const": False}}}, "then": _has("within_ms")},
        {
            "if": {"properties": {"event": {"enum": list(WITHOUT_TEXT)}}},
            "then": {"not": {"anyOf": [_has("text_contains"), _has("text_matches")]}},
        },
    ]
    findings = definitions["CallExpectation"]["properties"]["findings"]["anyOf"]
    next(each for each in findings if each.get("type") == "array")["items"]["enum"] = sorted(CATALOGUE)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **found}


def text() -> str:
    """The schema as it is written in its file."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


def _turn() -> Json:
    acts = [_has(act) for act in ACTS]
    observes = {"not": {"anyOf": acts}, "required": ["expect"], "properties": {"expect": {"minItems": 1}}}
    nothing_follows = {"properties": {"expect": {"maxItems": 0}}}
    return {
        "oneOf": [*acts, observes],
        "dependentRequired": {"partials": ["user"], "language": ["user"]},
        "dependentSchemas": {
            "send_after": {"anyOf": acts},
            "interrupt": {"anyOf": acts, "not": {"anyOf": [_has("send_after"), _has("silence")]}},
            "hangup": nothing_follows,
            "drop": nothing_follows,
        },
    }


def _has(key: str) -> Json:
    return {"required": [key]}


def _without_null(value: Any) -> Any:
    """Optional keys are left out rather than null; of a key that is a mapping, the defaults are those of its keys."""
    if isinstance(value, list):
        return [_without_null(each) for each in value]
    if not isinstance(value, dict):
        return " ".join(value.split()) if isinstance(value, str) else value
    found = {key: _without_null(each) for key, each in value.items()}
    if isinstance(found.get("default"), dict):
        del found["default"]
    if "default" in found and found["default"] is None:
        del found["default"]
        kinds = [each for each in found.pop("anyOf") if each != {"type": "null"}]
        found |= kinds[0] if len(kinds) == 1 else {"anyOf": kinds}
    return found


if __name__ == "__main__":
    FILE.write_text(text(), "utf-8")
