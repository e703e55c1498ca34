"""A call in miniature: what is drawn of a strip, and what is said of it."""

import pytest

from relayproxy.console.calls.drawing.sparkline import HEIGHT, WIDTH, draw


def test_a_strip_becomes_shapes_that_can_be_seen() -> None:
    assert draw("") is None
    assert draw("nonsense") is None
    drawing = draw("250:" + "B" + "A" * 237 + "Q" + "g")
    assert drawing is not None
    shapes = dict(drawing.paths)
    assert shapes["caller"] == "M0 1h2v6h-2z"
    assert shapes["lost"] == f"M{WIDTH - 2} 8.5h2v3h-2z"
    assert shapes["cut"].startswith(f"M{WIDTH - 4} 0")
    assert drawing.label == "Who spoke when; 1 unanswered prompt, 1 interruption"
    assert HEIGHT < WIDTH
    calm = draw("1000:BCBC")
    assert calm is not None
    assert calm.label.endswith("no slow answers, no interruptions")


@pytest.mark.parametrize("text", ["", "nonsense", "250", "250:", "x:AAAA", "250:A!"])
def test_there_is_nothing_to_draw_of_what_is_no_strip(text: str) -> None:
    assert draw(text) is None


def test_the_caller_is_above_the_agent_and_a_run_is_one_bar() -> None:
    drawing = draw("500:BBCCCCBB")  # twice caller, four times agent, twice caller

    assert drawing is not None
    assert drawing.paths == (
        ("caller", f"M0 1h{WIDTH // 4}v6h-{WIDTH // 4}zM150 1h{WIDTH // 4}v6h-{WIDTH // 4}z"),
        ("agent", f"M50 13h{WIDTH // 2}v6h-{WIDTH // 2}z"),
    )
    assert drawing.bin_ms == 500


def test_the_shortest_word_can_be_seen_and_stays_within() -> None:
    drawing = draw("250:" + "A" * 239 + "B")

    assert drawing is not None
    assert dict(drawing.paths)["caller"] == f"M{WIDTH - 2} 1h2v6h-2z"


def test_a_wait_that_is_slow_or_without_an_answer_is_not_drawn_as_a_wait_too() -> None:
    def named(text: str) -> list[str]:
        drawing = draw(f"250:{text}")
        return [name for name, _ in drawing.paths] if drawing else []

    assert [named("E"), named("M"), named("k")] == [["wait"], ["late"], ["lost"]]


def test_what_went_wrong_is_counted_in_words() -> None:
    drawing = draw("250:MAMAkAQAQAQ")

    assert drawing is not None
    assert drawing.label == "Who spoke when; 2 slow answers, 1 unanswered prompt, 3 interruptions"
