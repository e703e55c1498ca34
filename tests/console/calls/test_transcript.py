"""The conversation as lines."""

from typing import Any

import msgspec
import pytest

from relayproxy.console.calls.findings import FindingView
from relayproxy.console.calls.transcript import Badge, TurnView, in_place, transcript, turn_view
from relayproxy.conversation.checks.findings import CATALOGUE
from relayproxy.conversation.model import Budget, Finding, Interruption, Mark, Played, Turn

S = 1_000_000_000


def turn(number: int = 1, **known: Any) -> Turn:
    given: dict[str, Any] = {
        "number": number,
        "opened_by": "prompt",
        "started_at": 1 * S,
        "ended_at": 9 * S,
        "caller_text": "Hello?",
        "caller_at": 1 * S,
        "agent_text": "Good morning.",
        "agent_at": 2 * S,
        "agent_done_at": 2 * S,
        "dtmf": "",
        "null_reason": None,
        "coalesced_prompts": 0,
        "interruptions": (),
        "unanswered": False,
        "lang": "en-US",
    }
    ms = known.pop("response_latency_ms", 1000)
    given["budget"] = Budget() if ms is None else Budget(None, 0, ms * 1_000_000, 0, None)
    return Turn(**{**given, **known})


def shown(known: Turn, *, live: bool = False, lang: str | None = None, slow_ms: int = 2000) -> TurnView:
    return turn_view(known, live=live, lang=lang, slow_ms=slow_ms)


def told(turns: list[Turn], before: Turn | None = None) -> list[TurnView]:
    return list(transcript(turns, live=False, slow_ms=2000, findings=lambda _turn: (), before=before))


def view(known: Turn, *, live: bool = False) -> list[tuple[str, Badge | None]]:
    return [(line.kind, line.badge) for line in shown(known, live=live).lines]


def test_an_answer_carries_the_latency() -> None:
    (caller, none), (agent, badge) = view(turn())
    assert (caller, none, agent) == ("caller", None, "agent")
    assert badge
    assert (badge.level, badge.text) == ("fast", "1,000 ms")


@pytest.mark.parametrize(("ms", "level"), [(1999, "fast"), (2000, "slow")])
def test_from_two_seconds_on_a_turn_is_slow(ms: int, level: str) -> None:
    view = shown(turn(response_latency_ms=ms))
    assert view.lines[1].badge
    assert view.lines[1].badge.level == level
    assert view.mark == (level if level == "slow" else None)


def test_when_a_turn_is_slow_can_be_set() -> None:
    assert shown(turn(response_latency_ms=900), slow_ms=800).mark == "slow"


def test_the_badge_tells_what_the_latency_went_into() -> None:
    budget = Budget(300_000_000, 400_000, 749_000_000, 600_000, 347_000_000)
    badge = shown(msgspec.structs.replace(turn(), budget=budget)).lines[1].badge
    assert badge
    assert badge.title == (
        "750 ms from the caller's final prompt to the first word of the answer: 300 ms until the prompt came, "
        "1 ms relayproxy, 749 ms backend, 347 ms until it was heard. "
        "1,397 ms from the caller's last sound to the agent's first"
    )


@pytest.mark.parametrize(
    ("unheard", "parts"),
    [
        ("", (("Good morning.", True),)),
        (" morning.", (("Good", True), (" morning.", False))),
        ("Good morning.", (("Good morning.", False),)),
        (" mor", (("Good", True), (" mor", False), ("ning.", True))),
        ("of two pieces", (("Good morning.", True),)),
    ],
)
def test_what_was_never_heard_is_told_apart(unheard: str, parts: tuple[tuple[str, bool], ...]) -> None:
    line = shown(turn(unheard_text=unheard, heard_basis="interrupt")).lines[1]
    assert line.parts == parts
    assert (line.basis is None) == all(heard for _, heard in parts)


def test_findings_come_with_their_turn() -> None:
    found = Finding("stall", 1, "2.5 s between two parts of the answer", turn=1)
    known = turn(findings=(found,))
    (view,) = transcript(
        [known],
        live=False,
        slow_ms=2000,
        findings=lambda turn: tuple(FindingView(one, CATALOGUE[one.code], None) for one in turn.findings),
    )
    assert [one.finding for one in view.findings] == [found]
    assert view.digest != told([turn()])[0].digest


def test_everything_of_a_turn_is_told_in_order() -> None:
    cut = Interruption(at=3 * S, kind="caller_dtmf", heard_text="Good", heard_ms=300)
    full = turn(dtmf="12", media=("https://example.com/a.mp3",), sent_digits="9#", interruptions=(cut,), greeting="Hi.")
    kinds = [kind for kind, _ in view(full)]
    assert kinds == ["greeting", "caller", "keys", "agent", "play", "digits", "interruption"]


def test_what_has_a_time_is_told_when_it_happened() -> None:
    marks = (
        Mark(1 * S, "prompt", "Hello?"),
        Mark(1 * S + 5, "language", "es-ES"),
        Mark(3 * S, "dtmf", "1"),
        Mark(4 * S, "dtmf", "2"),
        Mark(5 * S, "play", "https://example.com/a.mp3"),
        Mark(6 * S, "digits", "9#"),
    )
    full = turn(dtmf="12", media=("https://example.com/a.mp3",), sent_digits="9#", marks=marks)
    lines = [(line.kind, line.at, line.text) for line in shown(full).lines]
    assert lines == [
        ("caller", 1 * S, "Hello?"),
        ("language", 1 * S + 5, "es-ES"),
        ("agent", 2 * S, "Good morning."),
        ("keys", 3 * S, "12"),
        ("play", 5 * S, "https://example.com/a.mp3"),
        ("digits", 6 * S, "9#"),
    ]


def test_prompts_that_were_joined_are_told_one_by_one_when_they_are_known_whole() -> None:
    marks = (Mark(1 * S, "prompt", "Hello?"), Mark(int(1.5 * S), "prompt", "Anyone?"))
    whole = turn(caller_text="Hello? Anyone?", coalesced_prompts=1, marks=marks)
    assert [line.text for line in shown(whole).lines] == ["Hello?", "Anyone?", "Good morning."]
    cut = turn(caller_text="Hello? Anyone there, in the long run?", coalesced_prompts=1, marks=marks)
    assert [line.text for line in shown(cut).lines] == ["Hello? Anyone there, in the long run?", "Good morning."]


def test_the_silence_before_a_turn_and_the_parts_of_its_latency_come_with_it() -> None:
    first = turn(1, caller_begun_at=0, caller_done_at=1, played=(Played(2 * S, 4 * S),))
    views = told([first, turn(2, caller_begun_at=9 * S, caller_done_at=10 * S)])
    assert [view.silence and view.silence.ms for view in views] == [None, 5000]
    assert views[0].waterfall
    assert views[0].waterfall.response == "1,000.0 ms"
    alone = told([turn(2, caller_begun_at=9 * S, caller_done_at=10 * S)])
    assert alone[0].digest != views[1].digest


def test_an_unanswered_turn_says_so_and_why() -> None:
    lost = turn(agent_text="", agent_at=None, response_latency_ms=None, unanswered=True, null_reason="session_closed")
    (_, (kind, badge)) = view(lost)
    assert kind == "unanswered"
    assert badge
    assert (badge.level, badge.text) == ("unanswered", "call ended before an answer")
    assert shown(lost).mark == "lost"


def test_what_came_when_twilio_had_closed_is_told_behind_the_end_and_called_late() -> None:
    unheard = turn(
        agent_at=None, unanswered=True, unheard_text="Good morning.", null_reason="session_closed",
        response_latency_ms=None, media=("https://example.com/jingle.mp3",),
        marks=(Mark(10 * S, "play", "https://example.com/jingle.mp3"),),
    )  # fmt: skip
    lines = shown(unheard).lines

    assert [(line.kind, line.late) for line in lines] == [
        ("caller", False), ("unanswered", False), ("agent", True), ("play", True),
    ]  # fmt: skip
    assert [line.kind for line in lines if line.badge] == ["unanswered"]
    assert lines[2].parts == (("Good morning.", False),)
    assert not any(line.late for line in shown(turn()).lines)


def test_only_a_live_call_waits_for_an_answer() -> None:
    asked = turn(agent_text="", agent_at=None, ended_at=None, response_latency_ms=None, null_reason="no_response")
    assert view(asked, live=True)[-1][0] == "waiting"
    badge = view(asked, live=True)[-1][1]
    assert badge
    assert badge.since == asked.caller_at
    assert [kind for kind, _ in view(asked)] == ["caller"]


def test_nobody_asked_for_a_greeting_so_it_has_no_latency() -> None:
    setup = turn(
        0, opened_by="setup", caller_text="", caller_at=None, response_latency_ms=None, null_reason="no_prompt"
    )
    assert view(setup) == [("agent", None)]


def test_a_turn_whose_latency_an_earlier_version_stored_otherwise_claims_nothing() -> None:
    assert [badge for _, badge in view(turn(response_latency_ms=None))] == [None, None]


def test_an_answer_to_a_partial_prompt_says_why_it_has_no_latency() -> None:
    badge = view(turn(response_latency_ms=None, null_reason="speculative"))[1][1]
    assert badge
    assert (badge.level, badge.text) == ("none", "answered before the final prompt")


def test_a_language_is_told_where_it_is_heard_first_or_changes() -> None:
    turns = [turn(1), turn(2, lang=None), turn(3), turn(4, lang="es-ES"), turn(5, lang="es-ES")]
    assert [view.lang for view in told(turns)] == ["en-US", None, None, "es-ES", None]
    assert [view.lang for view in told(turns[4:], turns[3])] == [None]


def test_the_digest_changes_exactly_when_something_shown_does() -> None:
    def digest(known: Turn, *, live: bool = True) -> str:
        return shown(known, live=live).digest

    first = turn()
    assert digest(first) == digest(msgspec.structs.replace(first)) == digest(first, live=False)
    assert digest(first) != digest(turn(agent_text="Good evening."))


def finding(code: str, at: int, turn: int | None = None) -> FindingView:
    return FindingView(Finding(code, at, "so it was", turn=turn), CATALOGUE[code], None)


def test_an_invalid_message_and_twilios_error_stand_where_they_happened() -> None:
    invalid = finding("invalid_message", round(1.5 * S))
    (line,) = (line for line in turn_view(turn(), live=False, lang=None, slow_ms=2000, findings=(invalid,)).lines[1:2])
    assert (line.kind, line.at, line.finding) == ("trouble", round(1.5 * S), invalid)
    view = turn_view(turn(), live=False, lang=None, slow_ms=2000, findings=(invalid, finding("slow_turn", 3 * S)))
    assert [one.finding.code for one in view.findings] == ["slow_turn"]


def test_what_happened_in_no_turn_is_told_in_the_last_that_had_begun() -> None:
    turns = [turn(3, started_at=1 * S, ended_at=4 * S), turn(4, started_at=5 * S, ended_at=8 * S)]
    early, late, after = (finding("twilio_error", at * S) for at in (0, 7, 9))
    named = finding("rejected_message", 7 * S, turn=3)
    found = in_place(turns, [early, late, named, after, finding("slow_turn", 2 * S)], more=False)
    assert found == {0: [early], 4: [late, after], 3: [named]}
    assert after not in in_place(turns, [after], more=True).get(4, [])
