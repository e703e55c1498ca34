"""Options of commands that compare calls: what fails.

Knows: the options of limits, and the limits that they stand for.
Must not know: what is compared; how differences are found.
"""

import functools
import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeVar

import click

from relayproxy.cli import calling

if TYPE_CHECKING:
    from relayproxy.comparison.limits import FieldRule, Limits, Severity

Command = TypeVar("Command", bound=Callable[..., Any])


class LimitOptions(NamedTuple):
    """What was said about limits."""

    percent: float
    floor: int
    findings: Literal["error", "warning", "info", "none"]
    any_ending: bool
    handoff_equal: tuple[str, ...]
    handoff_pattern: dict[str, str]
    handoff_present: tuple[str, ...]
    handoff_ignore: tuple[str, ...]

    def value(self) -> "Limits":
        """The limits."""
        from relayproxy.comparison.limits import LatencyLimit, Limits
        from relayproxy.matching import Condition

        rules: dict[str, FieldRule] = dict.fromkeys(self.handoff_equal, "equal")
        rules |= dict.fromkeys(self.handoff_ignore, "ignore")
        rules |= {name: Condition(pattern=pattern) for name, pattern in self.handoff_pattern.items()}
        rules |= {name: Condition(present=True) for name in self.handoff_present}
        worst: Severity | None = None if self.findings == "none" else self.findings
        return Limits(LatencyLimit(self.percent, self.floor), worst, ending=not self.any_ending, handoff=rules)


def _patterns(_: click.Context, __: click.Parameter, given: Sequence[str]) -> dict[str, str]:
    found = dict(one.partition("=")[::2] for one in given)
    for name, pattern in found.items():
        if not name or not pattern:
            raise click.BadParameter("FIELD=REGEX is expected, such as orderId=^[0-9]+$")
        try:
            re.compile(pattern)
        except re.error as problem:
            raise click.BadParameter(f"{name}: not a regular expression: {problem}") from None
    return found


_OPTIONS = (
    click.option(
        "--max-latency-increase",
        "percent",
        default="20%",
        show_default=True,
        callback=calling.percent,
        metavar="N%",
        help="Answers that begin later by more than this, and by more than --floor, fail.",
    ),
    click.option(
        "--floor",
        default="150ms",
        show_default=True,
        callback=calling.milliseconds,
        metavar="Nms",
        help="A latency that grew by less fails nothing.",
    ),
    click.option(
        "--findings",
        default="warning",
        show_default=True,
        type=click.Choice(["error", "warning", "info", "none"]),
        help="New findings that are as bad or worse fail.",
    ),
    click.option("--any-ending", is_flag=True, help="Another ending, or a handoff that is gone or new, fails nothing."),
    click.option(
        "--handoff-equal",
        multiple=True,
        metavar="FIELD",
        help="This field of the handoff data must be the same, such as reason_code. Repeatable.",
    ),
    click.option(
        "--handoff-pattern",
        multiple=True,
        callback=_patterns,
        metavar="FIELD=REGEX",
        help="This field of the later call's must match. Repeatable.",
    ),
    click.option("--handoff-present", multiple=True, metavar="FIELD", help="The later call must have it. Repeatable."),
    click.option("--handoff-ignore", multiple=True, metavar="FIELD", help="Nothing is told of this field. Repeatable."),
)


def limit_options(command: Command) -> Command:
    """The options of limits; the command gets them as `limits`."""

    @functools.wraps(command)
    def with_limits(**given: Any) -> Any:
        said = LimitOptions(**{name: given.pop(name) for name in LimitOptions._fields})
        return command(limits=said, **given)

    decorated: Any = with_limits
    for option in reversed(_OPTIONS):
        decorated = option(decorated)
    return decorated  # type: ignore[no-any-return]
