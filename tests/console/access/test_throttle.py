"""How often a password may be tried, on a clock that the test moves."""

from dataclasses import dataclass

import pytest

from relayproxy.console.access.throttle import ADDRESS, NAME, PAIR, Throttle

HERE, THERE = "192.0.2.1", "198.51.100.7"


@dataclass
class Clock:
    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def throttle(clock: Clock) -> Throttle:
    return Throttle(clock)


def fail(throttle: Throttle, clock: Clock, times: int, address: str = HERE, name: str = "alice") -> list[float]:
    """Fails that often, each time as soon as it is allowed; the waits before each."""
    waits = []
    for _ in range(times):
        waits.append(throttle.enter(address, name))
        if waits[-1]:
            clock.now += waits[-1]
            assert throttle.enter(address, name) == 0
    return waits


def test_the_first_failures_cost_nothing_and_then_waits_double(throttle: Throttle, clock: Clock) -> None:
    assert fail(throttle, clock, 9) == [0, 0, 0, 0, 0, 1, 2, 4, 8]


def test_waits_grow_no_further_than_the_longest(throttle: Throttle, clock: Clock) -> None:
    assert max(fail(throttle, clock, 30)) == PAIR.longest


def test_an_attempt_that_was_refused_makes_the_wait_no_longer(throttle: Throttle, clock: Clock) -> None:
    fail(throttle, clock, PAIR.free + 1)
    wait = throttle.enter(HERE, "alice")

    for _ in range(100):
        assert throttle.enter(HERE, "alice") == wait
    clock.now += wait
    assert throttle.enter(HERE, "alice") == 0


def test_many_attempts_at_the_same_time_are_not_all_free(throttle: Throttle) -> None:
    let_through = [throttle.enter(HERE, "alice") for _ in range(100)].count(0)

    assert let_through == PAIR.free


def test_a_right_password_is_no_failure(throttle: Throttle) -> None:
    for _ in range(1000):
        assert throttle.enter(HERE, "alice") == 0
        throttle.succeeded(HERE, "alice")


def test_somebody_at_the_same_address_is_not_kept_out_by_a_colleague(throttle: Throttle, clock: Clock) -> None:
    fail(throttle, clock, PAIR.free + 3)

    assert throttle.enter(HERE, "bob") == 0


def test_one_address_cannot_try_one_name_after_the_other(throttle: Throttle) -> None:
    waits = [throttle.enter(HERE, f"user{number}") for number in range(ADDRESS.free + 1)]

    assert waits == [0] * ADDRESS.free + [1]


def test_many_addresses_cannot_try_one_name_for_nothing(throttle: Throttle) -> None:
    waits = [throttle.enter(f"192.0.2.{number}", "alice") for number in range(NAME.free + 1)]

    assert waits == [0] * NAME.free + [1]


def test_guessing_from_everywhere_keeps_the_owner_out_for_half_a_minute_at_most(
    throttle: Throttle, clock: Clock
) -> None:
    for number in range(200):
        clock.now += throttle.enter(f"192.0.2.{number}", "alice") + 0.001

    assert throttle.enter(THERE, "alice") <= NAME.longest


def test_where_somebody_has_signed_in_before_strangers_do_not_keep_them_out(throttle: Throttle, clock: Clock) -> None:
    throttle.enter(THERE, "alice")
    throttle.succeeded(THERE, "alice")

    for number in range(200):
        clock.now += throttle.enter(f"192.0.2.{number}", "alice")
    assert throttle.enter("203.0.113.9", "alice") > 0
    assert throttle.enter(THERE, "alice") == 0


def test_an_account_of_ones_own_buys_no_attempts_at_others(throttle: Throttle) -> None:
    let_through = 0
    for number in range(500):
        let_through += throttle.enter(HERE, f"victim{number}") == 0
        if throttle.enter(HERE, "mallory") == 0:
            throttle.succeeded(HERE, "mallory")

    assert let_through <= ADDRESS.free


def test_what_is_long_ago_is_forgotten(throttle: Throttle, clock: Clock) -> None:
    fail(throttle, clock, PAIR.free + 6)
    clock.now += PAIR.memory + PAIR.longest

    assert fail(throttle, clock, 6) == [0, 0, 0, 0, 0, 1]


def test_all_addresses_of_an_ipv6_network_are_one(throttle: Throttle) -> None:
    for number in range(PAIR.free):
        assert throttle.enter(f"2001:db8:1:2::{number:x}", "alice") == 0

    assert throttle.enter("2001:db8:1:2:ffff::1", "alice") > 0
    assert throttle.enter("2001:db8:1:3::1", "alice") == 0


def test_it_stays_small_whatever_is_sent(clock: Clock) -> None:
    throttle = Throttle(clock, most=50)
    for number in range(1000):
        throttle.enter(f"10.0.{number // 250}.{number % 250}", "x" * number)
        throttle.succeeded(f"10.1.{number // 250}.{number % 250}", f"user{number}")
        throttle.enter("not an address", f"name{number}")

    assert len(throttle) <= 4 * 50
