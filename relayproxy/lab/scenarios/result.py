"""Result of a scenario: what came of the call, and which expectations failed.

Knows: how a failure names its place.
Must not know: how a call is performed or judged.
"""

import msgspec

from relayproxy.conversation.model import Conversation, Finding
from relayproxy.lab.scenarios.model import Place, Scenario
from relayproxy.lab.twilio.result import CallResult


class Failure(msgspec.Struct, frozen=True):
    """An expectation that did not come true."""

    scenario: str
    turn: int | None
    """From 1; None: it is of the whole call."""
    file: str | None
    place: Place | None
    """Where in the file it is written; None, as `file`, of a scenario without one."""
    expected: str
    got: str

    def __str__(self) -> str:
        where = "" if self.turn is None else f", turn {self.turn}"
        written = "" if self.file is None or self.place is None else f" ({self.file}:{self.place.line})"
        return f"{self.scenario}{where}{written}: expected {self.expected}; got {self.got}"


class ScenarioResult(msgspec.Struct, frozen=True):
    """A call that was made by a scenario."""

    scenario: Scenario
    call: CallResult
    failures: tuple[Failure, ...]
    """In the order of the scenario; of the whole call last."""

    @property
    def conversation(self) -> Conversation:
        """The call's last session, as the fold tells it."""
        return self.call.conversation

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Of all sessions of the call."""
        return self.call.findings

    @property
    def violations(self) -> tuple[Finding, ...]:
        """Where the backend broke the protocol."""
        return self.call.violations

    @property
    def spoke(self) -> bool:
        """Whether the backend sent anything at all."""
        return self.call.spoke

    @property
    def problem(self) -> str | None:
        """Why there was no connection, or none again, in words."""
        return self.call.problem

    @property
    def passed(self) -> bool:
        """Whether the call was connected and every expectation came true."""
        return self.problem is None and not self.failures
