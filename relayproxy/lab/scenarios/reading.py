"""Reading scenario files: YAML in, scenarios out, or all that is wrong with places.

Knows: how the model's types are written in YAML, and how to say what is expected.
Must not know: the keys of a scenario (`model`); which combinations make no sense (`rules`).
"""

import difflib
import re
from pathlib import Path as FilePath
from typing import Any

import msgspec
import yaml
from msgspec import inspect

from relayproxy.errors import RelayproxyError
from relayproxy.lab.scenarios import rules
from relayproxy.lab.scenarios.model import FileScenario, Origin, Path, Place, Scenario
from relayproxy.lab.scenarios.nodes import Unreadable, compose, place_of

_TAG = "tag:yaml.org,2002:"
_NUMBER = re.compile(r"[-+]?(?:0|[1-9][0-9]*)(\.[0-9]+)?")
_BOOLEANS = {"true": True, "false": False}
_PATTERNS = {"dtmf": "keys are expected: 0-9, * and #", "name": "a name of letters, digits and - _ . is expected"}
_SCENARIO = inspect.type_info(Scenario)


class ScenarioError(RelayproxyError):
    """Raised for a file that is no scenario; its text has a line for each problem."""

    def __init__(self, file: str, problems: list[tuple[Place, str]]) -> None:
        ordered = sorted(problems, key=lambda one: (one[0].line, one[0].column))
        super().__init__("\n".join(f"{file}:{place.line}:{place.column}: {what}" for place, what in ordered))
        self.problems = ordered


def load(file: FilePath) -> FileScenario:
    """The scenario of a file. Raises ScenarioError, also when it cannot be read."""
    try:
        text = file.read_bytes().decode("utf-8-sig")
    except OSError as problem:
        raise RelayproxyError(f"{file}: {problem.strerror or problem}") from None
    except UnicodeDecodeError:
        raise ScenarioError(str(file), [(Place(1, 1), "the file is not UTF-8")]) from None
    return read(text, str(file))


def read(text: str, file: str) -> FileScenario:
    """The scenario of a file's text. Raises ScenarioError."""
    try:
        node = compose(text)
    except Unreadable as problem:
        raise ScenarioError(file, [(problem.place, problem.problem)]) from None
    reader = _Reader()
    value = reader.read(node, _SCENARIO, ())
    if not reader.problems:
        scenario = msgspec.convert(value, Scenario)
        reader.problems += [(_nearest(reader.places, path), what) for path, what in rules.problems(scenario)]
    if reader.problems:
        raise ScenarioError(file, reader.problems)
    fields = {name: getattr(scenario, name) for name in Scenario.__struct_fields__}
    return FileScenario(**fields, read_from=Origin(file, reader.places))


def _nearest(places: dict[Path, Place], path: Path) -> Place:
    while path not in places and path:
        path = path[:-1]
    return places.get(path, Place(1, 1))


class _Reader:
    """Turns nodes into the values that the types ask for, and notes what does not fit. Values of what does not fit are
    without meaning."""

    def __init__(self) -> None:
        self.problems: list[tuple[Place, str]] = []
        self.places: dict[Path, Place] = {}

    def read(self, node: yaml.Node, expected: inspect.Type, path: Path) -> Any:
        self.places.setdefault(path, place_of(node))
        types = _alternatives(expected)
        if isinstance(node, yaml.MappingNode):
            for each in types:
                if isinstance(each, inspect.StructType):
                    return self._struct(node, each, path)
                if isinstance(each, inspect.DictType):
                    return self._dict(node, each, path)
        elif isinstance(node, yaml.SequenceNode):
            for each in types:
                if isinstance(each, inspect.VarTupleType):
                    return tuple(self.read(item, each.item_type, (*path, n)) for n, item in enumerate(node.value))
        elif isinstance(node, yaml.ScalarNode):
            return self._scalar(node, types, path)
        return self._wrong(node, types)

    def _struct(self, node: yaml.MappingNode, struct: inspect.StructType, path: Path) -> dict[str, Any]:
        fields = {field.name: field for field in struct.fields}
        values = {}
        for key, value in self._items(node, path):
            if key in fields:
                field = fields[key]
                types = [each for each in _alternatives(field.type) if not isinstance(each, inspect.NoneType)]
                values[key] = self.read(value, inspect.UnionType(tuple(types)), (*path, key))
            else:
                self._note(self.places[*path, key], f'unknown key "{key}"; {_suggestion(key, list(fields))}')
        for name, field in fields.items():
            if field.required and name not in values:
                self._note(place_of(node), f'the key "{name}" is missing')
        return values

    def _dict(self, node: yaml.MappingNode, each: inspect.DictType, path: Path) -> dict[str, Any]:
        return {key: self.read(value, each.value_type, (*path, key)) for key, value in self._items(node, path)}

    def _items(self, node: yaml.MappingNode, path: Path) -> list[tuple[str, yaml.Node]]:
        """Keys and values; notes keys that are no texts or come twice."""
        found: dict[str, yaml.Node] = {}
        for key, value in node.value:
            place = place_of(key)
            if not isinstance(key, yaml.ScalarNode) or key.tag in (_TAG + "merge", _TAG + "null"):
                self._note(place, "a key is expected")
            elif key.value in found:
                before = self.places[*path, key.value].line
                self._note(place, f'the key "{key.value}" is there twice, first in line {before}')
            else:
                found[key.value] = value
                self.places[*path, key.value] = place
        return list(found.items())

    def _scalar(self, node: yaml.ScalarNode, types: list[inspect.Type], path: Path) -> Any:
        tag, text, key = node.tag.removeprefix(_TAG), node.value, str(path[-1]) if path else ""
        quoted = node.style is not None
        texts = [each for each in types if isinstance(each, inspect.StrType)]
        choices = [value for each in types if isinstance(each, inspect.LiteralType) for value in each.values]
        if text in choices and tag == "str":
            return text
        if choices and all(isinstance(each, inspect.LiteralType) for each in types):
            return self._note(place_of(node), f'"{text}" is not known; {_suggestion(text, list(map(str, choices)))}')
        if texts and path[0] == "turns" and key == "dtmf" and not quoted:
            return self._note(place_of(node), f'keys are written in quotes: write dtmf: "{text or "123#"}"')
        if tag == "str":
            return self._text(node, texts[0], key) if texts else self._wrong(node, types)
        number = _NUMBER.fullmatch(text)
        for each in types:
            if isinstance(each, inspect.BoolType) and tag == "bool" and text.lower() in _BOOLEANS:
                return _BOOLEANS[text.lower()]
            if isinstance(each, inspect.NoneType) and tag == "null":
                return None
            if isinstance(each, inspect.IntType) and tag == "int" and number:
                return self._whole(node, each)
            if isinstance(each, inspect.FloatType) and tag == "float" and number:
                return float(text)
        if texts and tag != "null":
            written = f'"{text}"' if isinstance(path[-1], int) else f'{key}: "{text}"'
            return self._note(place_of(node), f"text is expected, and {text} without quotes is none: write {written}")
        return self._wrong(node, types)

    def _text(self, node: yaml.ScalarNode, expected: inspect.StrType, key: str) -> Any:
        if expected.min_length and len(node.value) < expected.min_length:
            return self._note(place_of(node), "text is expected, and this is empty")
        if expected.pattern and not re.fullmatch(expected.pattern, node.value):
            return self._note(place_of(node), _PATTERNS[key])
        return node.value

    def _whole(self, node: yaml.ScalarNode, expected: inspect.IntType) -> Any:
        value = int(node.value)
        if expected.ge is not None and value < expected.ge:
            return self._note(place_of(node), f"{expected.ge} or more is expected")
        if expected.le is not None and value > expected.le:
            return self._note(place_of(node), f"{expected.le} or less is expected")
        return value

    def _wrong(self, node: yaml.Node, types: list[inspect.Type]) -> None:
        named = list(dict.fromkeys(filter(None, map(_named, types))))
        wanted = " or ".join(named)
        self._note(place_of(node), f"{wanted} is expected, not {_shown(node)}")

    def _note(self, place: Place, what: str) -> None:
        self.problems.append((place, what))


def _alternatives(expected: inspect.Type) -> list[inspect.Type]:
    while isinstance(expected, inspect.Metadata):
        expected = expected.type
    if isinstance(expected, inspect.UnionType):
        return [each for one in expected.types for each in _alternatives(one)]
    return [expected]


def _suggestion(word: str, known: list[str]) -> str:
    plain = {name.replace("_", "").lower(): name for name in known}
    word = word.replace("_", "").replace("-", "").lower()
    close = difflib.get_close_matches(word, plain, 1) or [name for name in plain if word and name.startswith(word)]
    return f'did you mean "{plain[close[0]]}"?' if close else f"known are {', '.join(known)}"


def _named(expected: inspect.Type) -> str:
    match expected:
        case inspect.StructType() | inspect.DictType():
            return "a mapping of keys"
        case inspect.VarTupleType():
            return "a list"
        case inspect.StrType():
            return "text"
        case inspect.IntType():
            return "a whole number"
        case inspect.FloatType():
            return "a number"
        case inspect.BoolType():
            return "true or false"
        case inspect.LiteralType(values):
            return " or ".join(map(str, values))
    return ""


def _shown(node: yaml.Node) -> str:
    if isinstance(node, yaml.ScalarNode):
        if node.tag == _TAG + "null" and not node.value:
            return "nothing"
        return f'"{node.value}"' if node.tag == _TAG + "str" else node.value
    return "a mapping of keys" if isinstance(node, yaml.MappingNode) else "a list"
