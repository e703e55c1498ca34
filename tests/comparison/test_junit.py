"""JUnit XML and JSON of comparisons."""

import json
from xml.etree import ElementTree

from relayproxy.comparison.compare import compare
from relayproxy.comparison.document import VERSION, document, encoded
from relayproxy.comparison.junit import junit
from relayproxy.comparison.model import Divergence, Run
from relayproxy.comparison.report import report
from tests.comparison.calls import AGENT, call
from tests.script import script


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


def test_halves_of_characters_are_in_no_document() -> None:
    def odd(name: str) -> Run:
        half = f"\\ud800{name}"
        lines = f"""
            0.0 twilio setup sessionId=VX1
            1.0 twilio raw '{{"type":"prompt","voicePrompt":"{half}","lang":"en","last":true}}'
            1.1 twilio raw '{{"type":"dtmf","digit":"{half}"}}'
            2.0 backend raw '{{"type":"language","ttsLanguage":"{half}"}}'
            2.1 backend raw '{{"type":"text","token":"{half}","last":true}}'
            2.2 backend raw '{{"type":"sendDigits","digits":"{half}"}}'
            9.0 backend end '{{"{half}":"{half}","b":99999999999999999999}}'
        """
        return Run(script(lines), Divergence(1, "It said \ud800."))

    found = compare([Run(odd("a").conversation)], [Run(odd("b").conversation)])
    assert {"caller", "text", "language", "handoff"} <= {one.kind for one in found.all_differences()}
    for one in (found, compare([odd("a")], [odd("b")])):
        assert b"\\ud80" not in encoded(document(one, "\ud800.gz", "b"))
        assert ElementTree.fromstring(junit([("\ud800.gz", one)])) is not None
        assert report(one, "\ud800.gz", "b").encode()


def test_the_document_is_versioned() -> None:
    found = json.loads(encoded(document(compare([call()], [call(handoff="")]), "a", "b")))
    assert (found["version"], found["kind"], found["before"], found["after"]) == (VERSION, "comparison", "a", "b")
    assert found["verdict"] == {
        "within_limits": False,
        "exceeded": 1,
        "text": "3 differences, 1 limit exceeded.",
    }
    assert found["differences"][0]["kind"] == "handoff"
