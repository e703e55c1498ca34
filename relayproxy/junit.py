"""JUnit XML: test suites as CI systems read them.

Knows: the elements and their attributes, and which characters XML can hold.
Must not know: what is tested.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal
from xml.etree.ElementTree import Element, SubElement, tostring

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that no XML 1.0 document can hold, not even escaped."""


@dataclass(frozen=True, slots=True)
class Unsuccessful:
    """Why a case did not pass. `failure`: it is not as it should be. `error`: it could not be told."""

    element: Literal["failure", "error"]
    type: str
    text: str
    """Its first line is the message."""


@dataclass(frozen=True, slots=True)
class Case:
    """A test case."""

    classname: str
    name: str
    seconds: float = 0.0
    unsuccessful: Unsuccessful | None = None
    output: str = ""


def suite(name: str, cases: Iterable[Case], seconds: float = 0.0) -> Element:
    """A suite of these cases."""
    made = Element("testsuite", name=_xml(name), time=f"{seconds:.3f}")
    for one in cases:
        case = SubElement(
            made, "testcase", classname=_xml(one.classname), name=_xml(one.name), time=f"{one.seconds:.3f}"
        )
        if (why := one.unsuccessful) is not None:
            first = why.text.partition("\n")[0]
            SubElement(case, why.element, type=why.type, message=_xml(first)).text = _xml(why.text)
        if one.output:
            SubElement(case, "system-out").text = _xml(one.output)
    for count, path in (("tests", "testcase"), ("failures", "testcase/failure"), ("errors", "testcase/error")):
        made.set(count, str(len(made.findall(path))))
    return made


def document(suites: Iterable[Element]) -> bytes:
    """The document of these suites."""
    made = list(suites)
    counts = {name: str(sum(int(one.attrib[name]) for one in made)) for name in ("tests", "failures", "errors")}
    whole = Element("testsuites", counts | {"time": f"{sum(float(one.attrib['time']) for one in made):.3f}"})
    whole.extend(made)
    content: bytes = tostring(whole, encoding="utf-8", xml_declaration=True)
    return content + b"\n"


def _xml(text: str) -> str:
    return _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text)
