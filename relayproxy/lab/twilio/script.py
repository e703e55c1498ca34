"""Scripts of simulated callers: the TwiML settings and the steps of a caller.

Knows: settings and steps, as plain values.
Must not know: how they are performed.

Times are milliseconds of the call; a simulation may run them faster.
"""

from typing import Literal

import msgspec

Input = Literal["none", "dtmf", "speech", "any"]
"""By what a caller can interrupt, or what is reported while the agent speaks."""


class TwiML(msgspec.Struct, frozen=True):
    """The attributes of `<ConversationRelay>` that show on the wire. The defaults suit a demonstration, not Twilio's:
    partial prompts, keys, speaker events and played tokens are reported, and anything interrupts."""

    greeting: str = ""
    """`welcomeGreeting`: spoken without the backend."""
    greeting_interruptible: Input = "any"
    language: str = "en-US"
    partial_prompts: bool = True
    dtmf: bool = True
    interruptible: Input = "any"
    report_input_during_agent_speech: Input = "any"
    preemptible: bool = False
    events: bool = True
    """`speaker-events tokens-played`."""
    parameters: dict[str, str] = {}
    """`<Parameter>` elements: the setup message's `customParameters`."""


class Listen(msgspec.Struct, frozen=True):
    """Wait until the agent has answered what the caller did last, and has been quiet for a moment."""


class Pause(msgspec.Struct, frozen=True):
    """Say nothing for a while."""

    ms: int


class Say(msgspec.Struct, frozen=True):
    """Speak. One final prompt comes of it, after partial ones."""

    text: str
    partials: tuple[str, ...] = ()
    """Partial transcripts to report instead of made-up ones."""
    after_words: int = 0
    """Begin when the agent has spoken that many words, so as to interrupt it; 0: now."""


class Press(msgspec.Struct, frozen=True):
    """Press keys, one after the other."""

    digits: str
    after_words: int = 0
    """As with `Say`."""
    gap_ms: int = 380


class HangUp(msgspec.Struct, frozen=True):
    """End the call."""

    after_words: int = 0
    """As with `Say`."""


class Vanish(msgspec.Struct, frozen=True):
    """The connection from Twilio is reset, without a close frame."""


Step = Listen | Pause | Say | Press | HangUp | Vanish


class Scenario(msgspec.Struct, frozen=True):
    """A call from the caller's side. A caller whose script is through hangs up."""

    name: str
    about: str
    """One sentence for people who choose."""
    steps: tuple[Step, ...]
    twiml: TwiML = TwiML()
