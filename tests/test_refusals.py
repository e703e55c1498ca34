"""Refused requests: one tally for many, with the last of them as an example."""

from relayproxy.refusals import Refusal, RefusalCount, add, merged


def refusal(at: int, reason: str = "no_route", *, signed: bool = False) -> Refusal:
    return Refusal(at, reason, 404, "no route takes this path", f"203.0.113.9:{at}", signed=signed)


def test_requests_of_a_reason_are_one_tally_with_the_last_of_them() -> None:
    tallies: tuple[RefusalCount, ...] = ()
    for at in (3, 1, 2):
        tallies = add(tallies, refusal(at))
    assert tallies == (RefusalCount(3, refusal(3)),)


def test_those_with_a_signature_are_apart_and_first_then_the_most_recent() -> None:
    one = add(add((), refusal(1, "timeout")), refusal(2, signed=True))
    other = add(add((), refusal(3)), refusal(4, "timeout"))
    assert [(tally.count, tally.last.at) for tally in merged([*one, *other])] == [(1, 2), (2, 4), (1, 3)]
