"""Which message goes to which rule.

Knows: the messages of both vocabularies that move a conversation on.
Must not know: the rules; `setup`, `end` and `error`, which concern the session.
"""

from relayproxy.conversation.fold.exchange import Exchange
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


def from_backend(exchange: Exchange, event: Event, moment: Moment) -> None:
    """A message of the backend."""
    match event:
        case Text():
            exchange.replies.text(
                event.token,
                moment,
                last=event.last is True,
                speakable=event.speakable,
                preemptible=event.preemptible is True,
                lang=event.lang,
            )
        case Play():
            exchange.replies.play(event.source, moment, preemptible=event.preemptible is True)
        case SendDigits(digits):
            exchange.send_digits(digits, moment.at)
        case Language(str(lang)):
            exchange.replies.language(lang, moment.at)


def from_twilio(exchange: Exchange, event: Event, moment: Moment) -> None:
    """A message of Twilio."""
    at = moment.at
    match event:
        case Prompt(text, lang):
            if event.final:
                exchange.prompt(text, lang, moment)
            else:
                exchange.partial(at)
        case Info("tokensPlayed", str(text)):
            exchange.tokens_played(text, at)
        case Info("agentSpeaking", value):
            exchange.agent_speaking(value == "on", at)
        case Info("clientSpeaking", value):
            exchange.client_speaking(value == "on", at)
        case Dtmf(digit):
            exchange.key(digit, moment)
        case Interrupt(heard):
            exchange.interrupt(heard or "", event.heard_ms, moment)
