"""Dispatch: each decoded message to the tracker method that handles it.

Knows: the messages of both vocabularies that move a conversation on.
Must not know: the rules; `setup`, `end` and `error`, which concern the session.
"""

from relayproxy.conversation.fold.tracking.turn_tracker import TurnTracker
from relayproxy.conversation.moment import Moment
from relayproxy.conversation.protocol.messages import (
    Dtmf,
    Event,
    Info,
    Interrupt,
    Language,
    Play,
    Prompt,
    SendDigits,
    Text,
)


def from_backend(tracker: TurnTracker, event: Event, moment: Moment, *, closed: bool) -> None:
    """Handles a message of the backend that Twilio accepts. `closed`: Twilio had closed the connection before it."""
    match event:
        case Text():
            tracker.responses.text(
                event.token,
                moment,
                last=event.last is True,
                speakable=event.speakable,
                preemptible=event.preemptible is True,
                lang=event.lang,
                late=closed,
            )
        case Play():
            tracker.responses.play(event.source, moment, preemptible=event.preemptible is True, late=closed)
        case SendDigits(digits) if not closed:
            tracker.send_digits(digits, moment.at)
        case Language(str(lang)) if not closed:
            tracker.responses.language(lang, moment.at)


def from_twilio(tracker: TurnTracker, event: Event, moment: Moment) -> None:
    """Handles a message of Twilio."""
    at = moment.at
    match event:
        case Prompt(text, lang):
            if event.final:
                tracker.prompt(text, lang, moment)
            else:
                tracker.partial(at)
        case Info("tokensPlayed", str(text)):
            tracker.tokens_played(text, at)
        case Info("agentSpeaking", value):
            tracker.agent_speaking(value == "on", at)
        case Info("clientSpeaking", value):
            tracker.client_speaking(value == "on", at)
        case Dtmf(digit):
            tracker.key(digit, moment)
        case Interrupt(heard):
            tracker.interrupt(heard or "", event.heard_ms, moment)
