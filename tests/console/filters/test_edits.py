"""What links do to a filter's text."""

import pytest

from relayproxy.console.filters.edits import Edits, presets
from relayproxy.console.filters.language import parse


@pytest.mark.parametrize(
    ("text", "field", "value", "after"),
    [
        ("", "route", "a", "route:a"),
        ("turns:>3", "route", "a b", 'turns:>3 route:"a b"'),
        ("route:a turns:>3", "route", "b", "route:a,b turns:>3"),
        ("route:a,b turns:>3", "route", "a", "route:b turns:>3"),
        ("route:a turns:>3", "route", "a", "turns:>3"),
        ("-route:a", "route", "a", "-route:a route:a"),
        ("route:a*", "route", "a", "route:a* route:a"),
        ("outcome:failed", "transition", "failed", ""),
        ("studio:failed", "transition", "success", "transition:failed,success"),
        ("rout:a", "route", "a", "rout:a route:a"),
    ],
)
def test_a_value_is_added_to_the_filter_or_taken_away(text: str, field: str, value: str, after: str) -> None:
    assert Edits(text).toggled(field, value) == after


def test_other_edits() -> None:
    assert Edits('route:a,"b c" -route:d route:e*').chosen("route") == ("a", "b c")
    assert Edits("x").left_out("tag", "to do") == 'x -tag:"to do"'
    assert Edits("turns:>3 x turns:<9 -turns:4 since:24h").without("turns") == "x -turns:4 since:24h"
    assert Edits("since:1h x on:today y").without("on") == "since:1h x y"
    assert Edits("since:1h x on:today y").without("since", "until", "on") == "x y"
    assert Edits("outcome:failed outcome:caller_hangup").without("outcome") == "outcome:failed"


def test_a_number_in_a_facet_replaces_what_it_was_compared_with() -> None:
    edits = Edits("route:a unanswered:>3")

    assert edits.chosen("unanswered") == (">3",)
    assert edits.toggled("unanswered", ">0") == "route:a unanswered:>0"
    assert edits.left_out("unanswered", ">0") == "route:a unanswered:>3 -unanswered:>0"


def test_a_range_of_time_takes_the_place_of_another_and_the_rest_stays() -> None:
    offered = {one.name: one for one in presets(parse("route:a since:24h until:1h -tag:x", 10**18))}

    assert offered["Today"].q == "route:a -tag:x on:today"
    assert offered["Any time"].q == "route:a -tag:x"
    assert not any(one.chosen for one in offered.values()), "no range has both a beginning and an end"


@pytest.mark.parametrize(("text", "name"), [("x", "Any time"), ("since:7d x", "Last 7 days"), ("on:today", "Today")])
def test_the_range_that_is_in_force_is_the_chosen_one(text: str, name: str) -> None:
    assert [one.name for one in presets(parse(text, 10**18)) if one.chosen] == [name]
