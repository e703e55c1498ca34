"""What stands for an opening that was lost."""

from relayproxy.recorder.decoding.lost_opening import is_placeholder, placeholder


def test_an_opening_that_was_lost_has_the_same_ids_whenever_it_is_missed() -> None:
    one = placeholder("j1", 7, 5)

    assert one == placeholder("j1", 7, 5)
    assert (len(one.connection_id), len(one.span_id), one.status) == (32, 16, 101)
    assert len({placeholder(journal, number, 5).connection_id for journal in ("j1", "j2") for number in (7, 8)}) == 4
    assert is_placeholder(one)
