"""Every value of every closed vocabulary has its words, and no two values have the same."""

from collections.abc import Mapping
from typing import Any, get_args

import pytest

from relayproxy.connection import EndingCause, Side, SideEnd
from relayproxy.conversation import words
from relayproxy.conversation.checks.connection_states import CANNOT_CONNECT
from relayproxy.conversation.checks.findings import CATALOGUE, SEVERITIES, Severity
from relayproxy.conversation.message import MessageNote
from relayproxy.conversation.model import Confidence, HeardBasis, InterruptionKind, Outcome, StudioTransition
from relayproxy.conversation.protocol.rejections import INVALID_MESSAGE, SOCKET_ENDED
from relayproxy.conversation.totals import NullReason
from relayproxy.journal.format import GapCause
from relayproxy.redaction.values import Kind


@pytest.mark.parametrize(
    ("vocabulary", "told"),
    [
        (get_args(Outcome), words.OUTCOMES),
        (get_args(StudioTransition), words.STUDIO_TRANSITIONS),
        (get_args(Confidence), words.CONFIDENCES),
        (get_args(NullReason), words.NULL_REASONS),
        (get_args(HeardBasis), words.HEARD_BASES),
        (get_args(InterruptionKind), words.INTERRUPTIONS),
        ((*get_args(Side), "proxy"), words.SIDES),
        (get_args(SideEnd), words.SIDE_ENDS),
        (get_args(EndingCause), words.ENDING_CAUSES),
        (get_args(MessageNote), words.NOTES),
        (get_args(Severity), SEVERITIES),
    ],
)
def test_every_value_has_words_of_its_own(vocabulary: tuple[str, ...], told: Mapping[str, Any]) -> None:
    assert set(told) == set(vocabulary)
    phrases = [each.phrase if isinstance(each, words.Words) else each for each in told.values()]
    assert all(phrases)
    assert len(set(phrases)) == len(phrases)
    assert all(each.meaning for each in told.values() if isinstance(each, words.Words))


def test_titles_of_findings_tell_them_apart() -> None:
    titles = {entry.title for entry in CATALOGUE.values()}

    assert len(titles) == len(CATALOGUE)
    assert all(2 <= len(title.split()) <= 6 for title in titles)


def test_the_causes_of_a_gap_are_among_the_notes() -> None:
    assert {cause.name.lower() for cause in GapCause} <= set(get_args(MessageNote))


def test_every_error_code_that_a_session_can_end_with_has_words() -> None:
    assert {CANNOT_CONNECT, SOCKET_ENDED, INVALID_MESSAGE} <= set(words.TWILIO_ERRORS)


def test_what_was_masked_is_counted_in_words() -> None:
    assert words.redacted_words({"keys": 1, "card_number": 2}) == "2 card numbers, 1 key run"
    assert words.redacted_words({"email": 2, "pattern": 2, "of another version": 1}) == (
        "2 e-mail addresses, 2 matches of your patterns, 1 of another version"
    )
    assert words.redacted_words({}) == ""
    assert set(words.REDACTED) == set(get_args(Kind))
