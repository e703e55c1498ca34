"""Callers, and what came of their calls."""

import random

import msgspec

from relayproxy.lab.twilio.result import Caller


def test_the_setup_message_has_its_keys_in_order() -> None:
    caller = Caller.random(random.Random(1))
    assert list(msgspec.to_builtins(caller.setup())) == [
        "type",
        "sessionId",
        "callSid",
        "parentCallSid",
        "from",
        "to",
        "forwardedFrom",
        "callerName",
        "direction",
        "callType",
        "callStatus",
        "accountSid",
        "customParameters",
    ]


def test_callers_have_ids_of_the_right_shape() -> None:
    one, same, other = (Caller.random(random.Random(seed)) for seed in (1, 1, 2))
    assert one == same
    assert one != other
    for sid, prefix in ((one.session_id, "VX"), (one.call_sid, "CA"), (one.account_sid, "AC")):
        assert len(sid) == 34
        assert sid.startswith(prefix)
        int(sid[2:], 16)
    assert one.from_number.startswith("+1555")
    assert len(one.from_number) == 12


def test_a_second_session_of_a_call() -> None:
    caller = Caller.random(random.Random(1))
    again = msgspec.structs.replace(caller, session_id="VX" + "0" * 32, call_status="IN_PROGRESS")
    assert again.setup().call_status == "IN_PROGRESS"
    assert again.setup().call_sid == caller.call_sid
