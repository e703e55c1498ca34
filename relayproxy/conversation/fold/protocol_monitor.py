"""The protocol monitor: violations, gaps and the proxy's own delay, from the messages of one session.

Knows: the running count of invalid messages, and what Twilio says of them.
Must not know: turns.
"""

from typing import Any

from relayproxy.conversation.checks.card_numbers import card_number
from relayproxy.conversation.measures.percentiles import Histogram
from relayproxy.conversation.measures.totals_accumulator import FindingList
from relayproxy.conversation.message import Message
from relayproxy.conversation.model import Finding
from relayproxy.conversation.moment import Moment
from relayproxy.conversation.protocol.rejections import INVALID_MESSAGE, MAX_IN_A_ROW, SOCKET_ENDED
from relayproxy.conversation.protocol.violations import Violation
from relayproxy.conversation.words import gap_words
from relayproxy.plural import plural

EXCERPT = 160
PARAMETERS = 50
"""Custom parameters of one session that it can be found by: the first ones."""


def had_card(message: Message) -> bool:
    """Whether a card number was masked in the message before it was kept."""
    return message.redacted is not None and "card_number" in message.redacted


class ProtocolMonitor:
    """Counts and findings of one session that do not depend on turns."""

    def __init__(self) -> None:
        self.findings = FindingList()
        self.turn: int | None = None
        """Number of the open or last turn; findings name it."""
        self.overhead_in = Histogram()
        self.overhead_out = Histogram()
        self.violations = 0
        self.most_in_a_row = 0
        self._in_a_row = 0
        self._unconfirmed = 0
        """Invalid messages that Twilio has not answered yet."""

    def timing(self, message: Message) -> None:
        """Measures how long the proxy held the message."""
        overhead = self.overhead_in if message.sender == "twilio" else self.overhead_out
        if message.held:
            overhead.hold()
        elif message.out is not None:
            overhead.add(message.out - message.t)

    def from_backend(self, message: Message, found: Violation | None, at: int, connection: str) -> None:
        """Counts a text or binary message of the backend, with the violation found in it. A message that was cut counts
        as neither valid nor invalid."""
        if message.cut:
            return
        if found is None:
            self._in_a_row = 0
            return
        self.violations += 1
        self._in_a_row += 1
        self._unconfirmed += 1
        self.most_in_a_row = max(self.most_in_a_row, self._in_a_row)
        detail = found.detail if message.note is None else f"{found.detail} ({message.note})"
        if self._in_a_row > 1:
            detail += f"; {self._in_a_row} in a row"
        self._add(found.code, at, detail, connection, message.seq, INVALID_MESSAGE)
        if self._in_a_row == MAX_IN_A_ROW:
            detail = f"{MAX_IN_A_ROW} invalid messages in a row"
            self._add("too_many_invalid", at, detail, connection, message.seq, SOCKET_ENDED)

    def error(self, description: str, quoted: str | None, at: int, connection: str, seq: int) -> None:
        """Twilio sent an `error` message. `quoted` is the message that it rejects, None when it rejects none."""
        if quoted is None:
            self._add("twilio_error", at, description[:EXCERPT], connection, seq, None)
        elif self._unconfirmed:
            self._unconfirmed -= 1
        else:
            self.violations += 1
            self._add("rejected_message", at, (quoted or description)[:EXCERPT], connection, seq, INVALID_MESSAGE)

    def parameters(self, n: int, too_long: bool, moment: Moment) -> None:
        """Reports custom parameters of which only the recording has all. `n`: how many there are; `too_long`: none of
        them can be kept beside the recording."""
        if too_long and n:
            what = f"the recording alone has the {n:,} custom parameters of a very long setup message"
        elif n > PARAMETERS:
            what = f"of {n:,} custom parameters, calls can be found by the first {PARAMETERS}"
        else:
            return
        self._add("parameters_left_out", moment.at, what, moment.connection, moment.seq, None)

    def card(self, code: str, value: Any, message: Message, moment: Moment) -> None:
        """Reports a card number in a JSON value that came with this message, where there is one."""
        found = card_number(value, masked=had_card(message))
        if found is not None:
            self._add(code, moment.at, found, moment.connection, moment.seq, None)

    def second_setup(self, session_id: str | None, call_sid: str | None, moment: Moment) -> None:
        """Reports another `setup`, which names another session or call."""
        ids = ", ".join(id[:EXCERPT] for id in (session_id, call_sid) if id) or "no session"
        self._add("second_setup", moment.at, f"it names {ids}", moment.connection, moment.seq, None)

    def gap(self, message: Message, at: int, connection: str) -> None:
        """Reports bytes that are not in the recording, or that are no WebSocket traffic."""
        if message.kind == "gap":
            what = f"{gap_words(message.size)} not recorded"
        else:
            what = f"{plural(message.size, 'byte')} that are not WebSocket frames"
        cause = f" ({message.note})" if message.note else ""
        self._add("gap", at, f"{what}{cause}", connection, message.seq, None)

    def reconnected(self, at: int, since: int, connection: str) -> None:
        """Reports that another connection of the session opened; the one before ended at `since`."""
        apart = max(0, at - since) / 1e9
        self.findings.add(
            Finding("reconnected", at, f"after {apart:.1f} s without a connection", self.turn, connection)
        )

    def _add(self, code: str, at: int, detail: str, connection: str, seq: int, twilio_code: int | None) -> None:
        self.findings.add(Finding(code, at, detail, self.turn, connection, seq, twilio_code))
