"""Counts in words."""

from relayproxy.plural import plural


def test_one_is_singular_and_thousands_are_grouped() -> None:
    assert [plural(n, "turn") for n in (0, 1, 1830)] == ["0 turns", "1 turn", "1,830 turns"]
    assert plural(2, "entry", "entries") == "2 entries"
