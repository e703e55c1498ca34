"""JUnit XML and JSON of comparisons."""

import json
from xml.etree import ElementTree

from relayproxy.comparison.compare import compare
from relayproxy.comparison.document import VERSION, document, encoded
from relayproxy.comparison.junit import junit
from tests.comparison.calls import AGENT, call


def test_a_case_for_the_call_and_one_for_each_turn() -> None:
    found = compare([call()], [call((600, 2700, 650), ("For when?", "Say that\0 again?", AGENT[2]), handoff="")])
    root = ElementTree.fromstring(junit([("booking.gz", found), ("same", compare([call()], [call()]))]))
    assert root.attrib == {"tests": "10", "failures": "2", "errors": "0", "time": "0.000"}
    cases = root.findall("testsuite[@name='booking.gz']/testcase")
    assert [case.attrib["name"] for case in cases] == ["call", "turn 0", "turn 1", "turn 2", "turn 3"]
    failures = [(case.attrib["name"], case.findtext("failure")) for case in cases if case.find("failure") is not None]
    assert failures == [
        ("call", "There is no handoff data any more."),
        (
            "turn 2",
            "New finding: Slow answer (slow_turn).\nThe answer began after 2,700 ms instead of 700 ms (+286%).",
        ),
    ]


def test_the_document_is_versioned() -> None:
    found = json.loads(encoded(document(compare([call()], [call(handoff="")]), "a", "b")))
    assert (found["version"], found["kind"], found["before"], found["after"]) == (VERSION, "comparison", "a", "b")
    assert found["verdict"] == {
        "within_limits": False,
        "exceeded": 1,
        "text": "3 differences, 1 limit exceeded.",
    }
    assert found["differences"][0]["kind"] == "handoff"
