"""Which recorders work, which are missed, and how long ago something was."""

import pytest

from relayproxy.console.health.diagnosis.health_facts import FORGOTTEN, SECOND, SILENT, age
from relayproxy.store.read.health.heartbeat import JournalHeartbeat, Report
from tests.console.health.known import NOW, check, facts, heartbeat, report


@pytest.mark.parametrize("step", [3600.0, -3600.0])
def test_a_recorder_is_neither_missed_nor_believed_in_because_a_clock_was_set(step: float) -> None:
    before = Report("recorder:here:1-1", NOW - round((step + 1) * SECOND), heartbeat())
    assert check("recorder", facts(before, step=step)).state == "ok", "it reported just before the clock was set"
    assert check("recorder", facts(report(1), step=step)).state == "ok", "and just after"
    silent = {"recorder:here:1-1": 42.0}
    assert check("recorder", facts(report(-3600), step=step, unchanged=silent)).state == "bad"


def test_of_two_recorders_the_one_that_is_gone_is_named() -> None:
    gone = report(42, "recorder:there:2-2", host="there", data_dir="/other")
    found = check("recorder", facts(report(), gone))
    assert (found.state, found.title) == ("bad", "The recorder on there has not reported for 42 s")
    assert "in the journal in /other on there" in found.detail


def test_one_that_ended_in_order_is_not_missed_while_another_one_works() -> None:
    for gone in (report(60, "old", ended=True, journals=()), report(2 * 86_400, "long ago")):
        assert check("recorder", facts(report(), gone)).state == "ok"
    left_alone = report(60, "old", ended=True)
    assert check("recorder", facts(report(), left_alone)).state == "bad", "its relay goes on writing"
    assert check("recorder", facts(report(2 * 86_400))).state == "bad", "the only one there is"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.4, "0 s"),
        (99, "99 s"),
        (100, "1 min"),
        (5999, "99 min"),
        (6000, "1 h"),
        (172_799, "47 h"),
        (172_800, "2 days"),
    ],
)
def test_ages(seconds: float, words: str) -> None:
    assert age(seconds) == words


def test_a_recorder_works_while_it_reports_and_has_not_ended() -> None:
    found = facts(report(SILENT, "a"), report(SILENT + 1, "b"), report(1, "c", ended=True))

    assert [one.process for one in found.working] == ["a"]
    assert [one.process for one in found.missing] == ["b", "c"], "a relay writes on for it"


def test_one_that_is_gone_is_forgotten_after_a_day_when_another_one_works() -> None:
    gone, recent = report(FORGOTTEN + 1, "gone"), report(FORGOTTEN - 1, "recent")

    assert [one.process for one in facts(report(), gone, recent).missing] == ["recent"]
    assert [one.process for one in facts(gone).missing] == ["gone"]


def test_one_whose_relays_are_gone_too_ended_in_order() -> None:
    over = report(60, "over", ended=True, journals=(JournalHeartbeat("j1", False, 1, 10, 0),))

    assert facts(report(), over).missing == ()


def test_a_report_is_as_old_as_it_has_been_the_same() -> None:
    found = facts(unchanged={"recorder:here:1-1": 42.0})

    assert found.age(report(1)) == 42.0
    assert found.age(report(50)) == 50.0
    assert facts().age(report(-30)) == 0.0, "its clock is ahead"
