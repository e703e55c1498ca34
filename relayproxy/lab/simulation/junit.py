"""JUnit XML of a run: a test case for each call, and one for the verdict.

Knows: the elements that CI systems read, and which characters XML can hold.
Must not know: how calls are made and summed up.
"""

import re
from xml.etree.ElementTree import Element, SubElement, tostring

from relayproxy.lab.simulation.summary import CallSummary, SimulationSummary
from relayproxy.lab.simulation.verdict import ExitCode, Verdict

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that no XML 1.0 document can hold, not even escaped."""


def junit(summary: SimulationSummary, verdict: Verdict) -> bytes:
    """The document. Test cases are named for the scenario and the number of its call, so that they are the same on
    each run; the call's ids are in its output."""
    suite = Element("testsuite", name="relayproxy simulate", time=f"{summary.seconds:.3f}")
    numbers = {scenario.name: 0 for scenario in summary.scenarios}
    for call in summary.each_call:
        numbers[call.scenario] += 1
        _call(suite, call, numbers[call.scenario])
    case = SubElement(suite, "testcase", classname="relayproxy", name="verdict", time="0")
    if verdict.exit_code != ExitCode.CLEAN:
        _unsuccessful(case, "failure", f"exit code {verdict.exit_code}", "\n".join((verdict.text, *verdict.details)))
    for count, path in (("tests", "testcase"), ("failures", "testcase/failure"), ("errors", "testcase/error")):
        suite.set(count, str(len(suite.findall(path))))
    suites = Element("testsuites", {name: suite.attrib[name] for name in ("tests", "failures", "errors", "time")})
    suites.append(suite)
    document: bytes = tostring(suites, encoding="utf-8", xml_declaration=True)
    return document + b"\n"


def _call(suite: Element, call: CallSummary, number: int) -> None:
    case = SubElement(suite, "testcase", classname=call.scenario, name=f"call {number}", time=f"{call.seconds:.3f}")
    if call.problem is not None:
        _unsuccessful(case, "error", "not connected", call.problem)
    elif call.state != "passed":
        found = ", ".join(call.findings)
        broken = [f"the backend broke the protocol; found: {found}"] * (call.state == "violation")
        texts = broken + [failure.text for failure in call.failures]
        _unsuccessful(case, "failure", call.state, "\n".join(texts))
    output = [f"call {call.call_sid}", *(f"session {session}" for session in call.session_ids), call.ending]
    SubElement(case, "system-out").text = _xml("\n".join(output))


def _unsuccessful(case: Element, element: str, kind: str, text: str) -> None:
    first = text.partition("\n")[0]
    SubElement(case, element, type=kind, message=_xml(first)).text = _xml(text)


def _xml(text: str) -> str:
    return _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text)
