"""JUnit XML of comparisons: a suite for each, in it a test case for the whole call and one for each turn.

Knows: what of a comparison a test case tells.
Must not know: how differences are found; XML.
"""

from collections.abc import Iterable, Iterator
from xml.etree.ElementTree import Element

from relayproxy.comparison.model import Comparison, Difference
from relayproxy.junit import Case, Unsuccessful, document, suite


def junit(comparisons: Iterable[tuple[str, Comparison]]) -> bytes:
    """The document of these comparisons, each with its name."""
    return document(suite_of(name, one) for name, one in comparisons)


def suite_of(name: str, comparison: Comparison) -> Element:
    """A comparison as a suite. Its test cases have the same names on each run."""
    return suite(name, _cases(name, comparison))


def _cases(name: str, comparison: Comparison) -> Iterator[Case]:
    yield _case(name, "call", comparison.differences)
    for turn in comparison.turns:
        number = turn.before if turn.before is not None else turn.after
        added = " (added)" if turn.before is None else ""
        yield _case(name, f"turn {number}{added}", turn.differences, "" if turn.compared else "not compared")


def _case(classname: str, name: str, differences: Iterable[Difference], output: str = "") -> Case:
    found = list(differences)
    beyond = [one.text for one in found if one.exceeds]
    failed = Unsuccessful("failure", "limit exceeded", "\n".join(beyond)) if beyond else None
    told = [output] * bool(output) + [one.text for one in found if not one.exceeds]
    return Case(classname, name, unsuccessful=failed, output="\n".join(told))
