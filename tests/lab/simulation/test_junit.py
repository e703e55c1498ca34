"""JUnit XML, read back."""

from xml.etree import ElementTree

from relayproxy.lab.simulation.junit import junit
from relayproxy.lab.simulation.summary import SimulationSummary
from relayproxy.lab.simulation.verdict import verdict
from tests.lab.simulation.runs import call, cut_off, failed, run, unconnected


def suite(summary: SimulationSummary) -> ElementTree.Element:
    (found,) = ElementTree.fromstring(junit(summary, verdict(summary)))
    return found


def test_a_case_for_each_call_and_one_for_the_verdict() -> None:
    found = suite(run(call(), failed(), call(scenario="silent"), unconnected(call_sid="CA9")))

    cases = [(case.get("classname"), case.get("name"), [child.tag for child in case]) for case in found]
    assert cases == [
        ("keypad", "call 1", ["system-out"]),
        ("keypad", "call 2", ["failure", "system-out"]),
        ("silent", "call 1", ["system-out"]),
        ("keypad", "call 3", ["error", "system-out"]),
        ("relayproxy", "verdict", ["failure"]),
    ]
    assert {name: found.get(name) for name in ("tests", "failures", "errors")} == {
        "tests": "5",
        "failures": "2",
        "errors": "1",
    }
    assert found[1][0].get("message") == "keypad, turn 1 (a.yaml:4): expected text; got nothing"
    assert found[3][1].text == "call CA9\nsession VX1\nbackend_connect_failed"
    assert found[4][0].attrib == {"type": "exit code 5", "message": "1 call could not be connected"}


def test_of_a_call_that_was_cut_off_it_is_told_why() -> None:
    (error, _) = suite(run(cut_off()))[0]

    assert (error.tag, error.get("message"), error.get("type")) == (
        "error",
        "the backend sent more than 32 MB in one call",
        "cut off",
    )


def test_a_clean_run_has_no_failures() -> None:
    found = suite(run(call()))
    assert (found.get("failures"), found.get("errors"), found.find(".//failure")) == ("0", "0", None)


def test_a_violation_is_told_with_what_failed_besides() -> None:
    found = suite(run(failed(findings={"invalid_message": 2}), call(state="violation", findings={"leaked_error": 1})))
    assert found[1][0].text == "the backend broke the protocol; found: leaked_error"
    assert found[0][0].get("type") == "failed"


def test_what_no_xml_can_hold_is_replaced() -> None:
    wild = "<&\"'> \0 \x1b[0m \x85 \ud800 \uffff \U0001f600 ]]>\n\ttwo"
    found = suite(run(failed(got=wild)))

    text = found[0][0].text or ""
    lost = "\N{REPLACEMENT CHARACTER}"
    assert text.endswith(f"got <&\"'> {lost} {lost}[0m \x85 {lost} {lost} \U0001f600 ]]>\n\ttwo")
