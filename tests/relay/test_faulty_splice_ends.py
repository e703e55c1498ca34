"""Every end of a call under every fault and any two: the call is over, and the tape tells what was passed on."""

import gc
import itertools
import weakref
from collections.abc import Callable, Coroutine, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Literal

import pytest

from relayproxy.connection import Side
from relayproxy.relay import splice
from relayproxy.relay.splice import Splice
from tests.relay.faulted import HALF, PROMPT, REPLY, WORDS, FaultedCall, play, until
from tests.relay.tls import Tls

EVER = 3600.0
"""Seconds: longer than any call here."""
FAULTS: dict[str, dict[str, Any]] = {
    "first": {"first_token_delay": 0.02},
    "token": {"token_delay": 0.01},
    "held": {"token_delay": EVER},
    "malformed": {"malformed": 1},
    "slow": {"slow_reader": 5000},
    "dropped": {"drop_after": 0.03},
}
PAIRS = [pair for pair in itertools.combinations(FAULTS, 2) if pair != ("token", "held")]
TREATMENTS = [*FAULTS, *("+".join(pair) for pair in PAIRS)]
LEAVES: list[tuple[Side | Literal["relay"], str]] = [
    *((side, how) for side in ("twilio", "backend") for how in ("fin", "rst", "close")),
    ("relay", "close"),
]


def faults(treatment: str) -> dict[str, Any]:
    return {name: value for part in treatment.split("+") for name, value in FAULTS[part].items()}


def leave(call: FaultedCall, side: Side | Literal["relay"], how: str) -> None:
    if side == "relay":
        call.splice.close("shutdown")
    else:
        call.leaves(side, how)


async def ends(
    treatment: str, side: Side | Literal["relay"], how: str, half: bytes, passed: bool, tls: Tls | None
) -> None:
    """The caller speaks, the backend answers, perhaps with `half` a frame in the end, and somebody leaves: at once, or
    when all was `passed`."""
    call = await FaultedCall(tls=tls, **faults(treatment)).begin()
    call.says("twilio", PROMPT)
    await call.hears("backend", len(PROMPT))
    call.says("backend", REPLY + half)
    if passed and "malformed" not in treatment:
        await call.hears("twilio", len(REPLY))
    elif "held" in treatment:
        await call.hears("twilio", 1)  # all came at once, so the rest has come as well
    leave(call, side, how)
    if side == "backend" and "held" in treatment and "dropped" not in treatment:
        # Its end waits behind what is held back, so the call goes on until somebody else ends it.
        await until(lambda: call.splice.backend.eof or call.splice.backend.lost)
        call.says("twilio", WORDS)
        await until(lambda: call.splice.twilio.received == len(PROMPT + WORDS))
        leave(call, "relay" if half else "twilio", how)
    await call.over()
    call.holds_true(unread=side == "relay" and "held" not in treatment)
    by_relay = {"shutdown"} if side == "relay" or "held" in treatment else set()
    assert call.ending.cause in {None, *by_relay, *(["fault"] if "dropped" in treatment else [])}


def every_end(treatment: str, tls: Tls | None = None) -> Iterator[Callable[[], Coroutine[Any, Any, None]]]:
    for (side, how), half, passed in itertools.product(LEAVES, (b"", HALF), (True, False)):
        if not passed or not (half or "held" in treatment):
            yield partial(ends, treatment, side, how, half, passed, tls)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """For calls whose ends both have finished while a reply is held back."""
    monkeypatch.setattr(splice, "HALF_CLOSED_PATIENCE", 1.0)


@pytest.mark.parametrize("treatment", TREATMENTS)
def test_a_call_ends_however_its_ends_leave(treatment: str, caplog: pytest.LogCaptureFixture) -> None:
    play(*every_end(treatment))
    assert caplog.text == ""


def test_a_call_over_tls_ends_however_its_ends_leave(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    tls = Tls(tmp_path)
    play(*(call for treatment in ("first", "held", "held+dropped") for call in every_end(treatment, tls)))
    assert caplog.text == ""


def test_what_is_said_to_a_backend_that_is_gone_is_not_taped_as_passed_on(caplog: pytest.LogCaptureFixture) -> None:
    async def conversation() -> None:
        call = await FaultedCall(first_token_delay=EVER, drop_after=EVER).begin()
        call.says("twilio", PROMPT)
        await call.hears("backend", len(PROMPT))
        call.says("backend", REPLY)
        call.leaves("backend", "rst")
        await until(lambda: call.splice.backend.lost)
        call.says("twilio", WORDS)
        await until(lambda: call.splice.twilio.received == len(PROMPT + WORDS))
        call.splice.drop()
        await call.over()
        call.holds_true()
        assert (call.passed("twilio"), call.missing("twilio")) == (PROMPT, len(WORDS))
        assert (call.passed("backend"), call.missing("backend")) == (b"", len(REPLY))
        assert (call.ending.first, call.ending.cause, call.ending.backend) == ("proxy", "fault", "reset")

    play(conversation)
    assert caplog.text == ""


@pytest.mark.parametrize("first_token_delay", [0.02, EVER])
def test_a_backend_that_was_gone_with_its_answer_is_held_back_too(first_token_delay: float) -> None:
    async def conversation() -> None:
        call = await FaultedCall(early=REPLY + HALF, first_token_delay=first_token_delay).begin()
        if first_token_delay == EVER:
            call.says("twilio", PROMPT)
            call.leaves("twilio", "close")
        await call.over()
        passed = b"" if first_token_delay == EVER else REPLY + HALF
        assert bytes(call.got["twilio"]) == call.passed("backend") == passed
        assert call.missing("backend") == len(REPLY + HALF) - len(passed)
        assert call.ending.backend == "eof"

    play(conversation)


def test_a_call_that_ended_is_let_go_of_long_before_it_would_have_been_dropped() -> None:
    async def conversation() -> None:
        call = await FaultedCall(drop_after=EVER).begin()
        call.leaves("twilio", "fin")
        await call.over()
        splices.append(weakref.ref(call.splice))

    splices: list[weakref.ref[Splice]] = []

    async def look() -> None:
        await conversation()
        gc.collect()
        assert splices[0]() is None

    play(look)
