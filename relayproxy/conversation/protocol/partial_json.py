"""Partial JSON: the strings in the head of an object of which the rest is missing or cannot be kept as a value.

Knows: where strings end and objects nest in JSON.
Must not know: message types; why the rest is missing.

Time is linear in the length of a bounded head.
"""

import json
import re

MAX_HEAD = 256 * 1024
"""Characters that are looked at."""

_STRING = r'"((?:[^"\\]++|\\.)*+)'
# Strings are taken as a whole, so that no bracket or quote within one counts; the last one may be cut off.
_PIECE = re.compile(rf'([{{\[]++)|([}}\]])|{_STRING}(?:"(?:\s*+:\s*+{_STRING}")?)?', re.DOTALL)


def string_members(text: str) -> tuple[dict[str, str], bool]:
    """The object's own members whose values are whole strings, and whether the object is closed within the head.

    Text that does not begin as an object gives no members, and False. Surrogates may be alone, as in JSON.
    """
    found: dict[str, str] = {}
    depth = 0
    head = text[:MAX_HEAD].lstrip(" \t\r\n")
    if not head.startswith("{"):
        return found, False
    for piece in _PIECE.finditer(head):
        opened, closed, name, value = piece.groups()
        if opened:
            depth += len(opened)
        elif closed:
            depth -= 1
            if depth == 0:
                return found, True
        elif depth == 1 and value is not None:
            try:
                found[name] = json.loads(f'"{value}"')
            except ValueError:
                continue
    return found, False
