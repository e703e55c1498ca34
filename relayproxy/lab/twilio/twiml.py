"""TwiML of a simulated call: the attributes of `<ConversationRelay>` that show on the wire.

Knows: their names, values and defaults.
Must not know: what they do to a session.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

Input = Literal["none", "dtmf", "speech", "any"]
"""By what a caller can interrupt, or what is reported while the agent speaks."""


class TwiML(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Attributes of `<ConversationRelay>`. The defaults suit a demonstration, not Twilio's: partial prompts, keys,
    speaker events and played tokens are reported, and anything interrupts."""

    greeting: Annotated[str, Meta(description="`welcomeGreeting`: spoken without the backend.")] = ""
    greeting_interruptible: Annotated[Input, Meta(description="What interrupts the greeting.")] = "any"
    language: Annotated[str, Meta(description="The language that callers are understood in, as prompts name it.")] = (
        "en-US"
    )
    partial_prompts: Annotated[bool, Meta(description="Whether partial prompts are sent.")] = True
    dtmf: Annotated[bool, Meta(description="`dtmfDetection`: whether keys are reported.")] = True
    interruptible: Annotated[Input, Meta(description="What interrupts the agent.")] = "any"
    report_input_during_agent_speech: Annotated[
        Input, Meta(description="What of the caller is reported while the agent speaks.")
    ] = "any"
    preemptible: Annotated[bool, Meta(description="Whether later texts cut off what is being said.")] = False
    events: Annotated[
        bool, Meta(description="Whether `info` messages are sent: `speaker-events tokens-played config-updated`.")
    ] = True
    application_reconnect: Annotated[
        bool,
        Meta(
            description="Whether the session goes on over the next connection after a drop, with what happened "
            "meanwhile; without it the next connection is a new session of the same call."
        ),
    ] = False
