"""What is said about limits on the command line is what a comparison keeps to."""

import click
import pytest
from click.testing import CliRunner

from relayproxy.cli.limit_options import LimitOptions, limit_options
from relayproxy.comparison.limits import LatencyLimit, Limits
from relayproxy.matching import Condition


def limits(*arguments: str) -> Limits:
    """The limits of these arguments; raises a usage error."""
    found: list[Limits] = []

    @click.command()
    @click.argument("what")
    @limit_options
    @click.option("--other")
    def command(what: str, limits: LimitOptions, other: str | None) -> None:
        assert (what, other) == ("calls", "option")
        found.append(limits.value())

    CliRunner().invoke(
        command, ["calls", "--other", "option", *arguments], standalone_mode=False, catch_exceptions=False
    )
    return found[0]


def test_what_is_not_said_is_as_in_any_comparison() -> None:
    assert limits() == Limits()


def test_what_is_said() -> None:
    said = limits(
        *("--max-latency-increase", "50%", "--floor", "300ms", "--findings", "none", "--any-ending"),
        *("--handoff-equal", "reason_code", "--handoff-pattern", "order.id=^[0-9]+=$"),
        *("--handoff-present", "name", "--handoff-ignore", "at"),
    )

    assert said == Limits(
        LatencyLimit(50.0, 300),
        None,
        ending=False,
        handoff={
            "reason_code": "equal",
            "order.id": Condition(pattern="^[0-9]+=$"),
            "name": Condition(present=True),
            "at": "ignore",
        },
    )


@pytest.mark.parametrize("pattern", ["order", "=x", "order=", "order=("])
def test_a_pattern_that_is_none(pattern: str) -> None:
    with pytest.raises(click.BadParameter):
        limits("--handoff-pattern", pattern)
