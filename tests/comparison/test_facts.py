"""What of a call is compared."""

import json

from relayproxy.comparison.facts import ends_in, field_of, fields_left_out, findings_by_turn, masked, of_call
from tests.comparison.calls import call


def test_fields_of_a_handoff_are_found_by_their_paths() -> None:
    handoff = '{"a":{"b":1,"c":{}},"d":[1,{"e":2}],"f":null,"g":"\\ud800","h":99999999999999999999}'
    facts = of_call(call(handoff=handoff).conversation, {})
    assert {path: value for (kind, path), value in facts.items() if kind == "handoff" and path} == {
        "a.b": 1,
        "a.c": "{}",
        "d": '[1,{"e":2}]',
        "f": None,
        "g": "\N{REPLACEMENT CHARACTER}",
        "h": "99999999999999999999",
    }
    assert field_of(call(handoff=handoff).conversation, "a.b") == 1
    assert field_of(call(handoff=handoff).conversation, "a.z") is None


def test_a_handoff_that_is_no_object_is_one_field() -> None:
    assert of_call(call(handoff="just text").conversation, {})["handoff", "handoffData"] == "just text"
    assert ("handoff", "handoffData") not in of_call(call(handoff="").conversation, {})


def test_of_a_handoff_with_many_fields_the_first_are_compared_and_the_others_counted() -> None:
    handoff = json.dumps({"a": {f"b{number}": number for number in range(150)}, **{f"c{n}": n for n in range(60)}})
    conversation = call(handoff=handoff).conversation
    found = [path for kind, path in of_call(conversation, {}) if kind == "handoff" and path]
    assert (len(found), found[0], found[-1]) == (200, "a.b0", "c49")
    assert fields_left_out(conversation) == 10
    assert fields_left_out(call().conversation) == fields_left_out(call(handoff="").conversation) == 0


def test_fields_with_rules_are_left_to_them() -> None:
    facts = of_call(call().conversation, {"reason_code": "equal", "callId": "ignore"})
    assert {path: value for (kind, path), value in facts.items() if kind == "handoff" and path} == {
        "reason_code": "booked"
    }


def test_findings_are_of_their_turn_or_of_the_whole_call() -> None:
    one = call(extra="17.6 backend raw nonsense", handoff="just text").conversation
    assert findings_by_turn(one)[3] == {"invalid_message", "handoff_not_json"}
    assert ends_in(one) == 3
    assert not [fact for fact in of_call(one, {}) if fact[0] == "findings"]
    refused = call(extra="0.5 backend close 1011").conversation
    assert [fact for fact in of_call(refused, {}) if fact[0] == "findings"] == []


def test_what_has_a_digit_is_masked() -> None:
    assert masked("Order A-17 at 10:30, room two.") == "Order # at # room two."
    assert (masked(17), masked(True), masked(None)) == ("#", True, None)
