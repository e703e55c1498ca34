"""Scenarios as values: what simulated callers do, and what is expected of the agent.

Knows: what can be said in a scenario file, and nothing else.
Must not know: how files are read; how a scenario is performed and judged.

Times are milliseconds of the call; a simulation may run them faster. Descriptions go into the JSON Schema.
"""

from collections.abc import Mapping
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from relayproxy.conversation.model import Outcome, StudioTransition
from relayproxy.lab.twilio.events import EventName
from relayproxy.lab.twilio.twiml import TwiML
from relayproxy.matching import Matcher

Milliseconds = Annotated[int, Meta(ge=0, le=86_400_000)]
Text = Annotated[str, Meta(min_length=1)]

Trigger = EventName | Literal["quiet", "turn"]
"""What a turn waits for: an event, the agent having answered and being quiet, or only the turn before."""


class SendAfter(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When a turn begins. Without it, once the agent has answered and is quiet."""

    event: Annotated[
        Trigger,
        Meta(
            description="What is waited for: an event of the agent since the caller's last act; `quiet`: it has "
            "answered and is quiet; `turn`: the turn before is done, whether or not there was an answer."
        ),
    ] = "quiet"
    delay_ms: Annotated[Milliseconds, Meta(description="How long the caller waits after that.")] = 0


class Interruption(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When a turn begins: while the agent speaks. Exactly one of the two; an answer that is shorter is heard whole."""

    after_chars: Annotated[int, Meta(ge=1, description="Once so many characters of the answer were heard.")] | None = (
        None
    )
    after_ms: Annotated[int, Meta(ge=1, description="Once the answer was heard for so long.")] | None = None


class Expectation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An event that is to come. Others may come before it; expectations of a turn come true in their order."""

    event: Annotated[
        EventName,
        Meta(
            description="`text`: a reply, its texts joined; another message of the backend; `speech_started` and "
            "`speech_ended`: the agent's voice; `interrupt` and `error`: messages of Twilio."
        ),
    ]
    text_contains: Annotated[
        Text | tuple[Text, ...],
        Meta(
            description="What its text has in it, in any case of letters; several: all of them. The text is a reply's "
            "words, the source of `play`, digits, codes of languages, handoff data, what was heard before an "
            "interruption, the description of an error."
        ),
    ] = ()
    text_matches: (
        Annotated[
            Text,
            Meta(description="A regular expression (Python's) that is found in its text; a reply is complete by then."),
        ]
        | None
    ) = None
    within_ms: (
        Annotated[
            Milliseconds,
            Meta(
                description="It comes no later than so long after the caller's act (or, where the caller does nothing, "
                "after the turn began)."
            ),
        ]
        | None
    ) = None
    present: Annotated[
        bool,
        Meta(description="`false`: no such event comes within `within_ms`, for which the caller waits in silence."),
    ] = True


TRUE = {"const": True}
ACTS = ("user", "dtmf", "noise", "silence", "hangup", "drop", "reconnect")
"""Keys of a turn that say what the caller does."""


class Turn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One act of the caller and what is expected of it. Without an act it observes what the agent does."""

    user: Annotated[Text, Meta(description="The caller says this.")] | None = None
    dtmf: (
        Annotated[str, Meta(pattern=r"^[0-9*#]+$", description="The caller presses these keys. In quotes.")] | None
    ) = None
    noise: (
        Annotated[
            Milliseconds,
            Meta(
                description="A cough, or a voice in the room, for so many milliseconds: it interrupts the agent where "
                "speech does, and no prompt follows."
            ),
        ]
        | None
    ) = None
    silence: Annotated[Milliseconds, Meta(description="The caller says nothing for so many milliseconds.")] | None = (
        None
    )
    hangup: Annotated[bool, Meta(extra_json_schema=TRUE, description="The caller hangs up.")] | None = None
    drop: (
        Annotated[bool, Meta(extra_json_schema=TRUE, description="The connection is reset on Twilio's side.")] | None
    ) = None
    reconnect: (
        Annotated[
            bool,
            Meta(
                extra_json_schema=TRUE,
                description="Twilio connects the call again, after a reset where the connection is still there: a new "
                "session of the same call or, with `application_reconnect`, the same one with what happened meanwhile.",
            ),
        ]
        | None
    ) = None
    send_after: SendAfter | None = None
    interrupt: Interruption | None = None
    partials: Annotated[
        tuple[Text, ...], Meta(description="The partial prompts of `user`, each the whole so far. Made up if absent.")
    ] = ()
    language: (
        Annotated[Text, Meta(description="The language of `user` as its prompts name it, if it is not the session's.")]
        | None
    ) = None
    expect: Annotated[tuple[Expectation, ...], Meta(description="The events that are to come, in this order.")] = ()

    @property
    def acts(self) -> bool:
        """False for a turn that only observes."""
        return any(getattr(self, act) is not None for act in ACTS)


class CallExpectation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is to be true of the whole call. Numbers and findings are those that a recording of it would have."""

    handoff: (
        Annotated[
            Literal["none"] | dict[str, Matcher],
            Meta(
                description="Fields of the handoff data of `end` (`booking.party` for one inside another; "
                "`reason_code` also finds `reasonCode` and `reason`), each with a value, `{pattern: …}`, "
                "`{present: true|false}` or `ignore`. `none`: the call ends without handoff data."
            ),
        ]
        | None
    ) = None
    ending: Annotated[Outcome, Meta(description="How the session ends.")] | None = None
    studio: Annotated[StudioTransition, Meta(description="The transition that a Studio flow takes.")] | None = None
    findings: (
        Annotated[
            Literal["none"] | tuple[str, ...],
            Meta(description="`none`, or the codes of those that may be found; every other one fails the call."),
        ]
        | None
    ) = None
    latency_p50_ms: (
        Annotated[Milliseconds, Meta(description="The most that half of the answers take to begin.")] | None
    ) = None
    latency_p95_ms: (
        Annotated[
            Milliseconds,
            Meta(description="The most that 95 of 100 answers take to begin; of few answers, the slowest."),
        ]
        | None
    ) = None
    latency_max_ms: Annotated[Milliseconds, Meta(description="The most that any answer takes to begin.")] | None = None
    longest_wait_ms: (
        Annotated[Milliseconds, Meta(description="The most that the caller waits for a first sound.")] | None
    ) = None
    interruptions: (
        Annotated[int, Meta(ge=0, description="How often the agent's speech is stopped, exactly.")] | None
    ) = None


class Place(msgspec.Struct, frozen=True):
    """A place in a file, both from 1."""

    line: int
    column: int


Path = tuple[str | int, ...]
"""Where something is in a scenario: keys and positions from 0, such as `("turns", 0, "expect", 1)`."""


class Origin(msgspec.Struct, frozen=True):
    """The file that a scenario was read from."""

    file: str
    places: Mapping[Path, Place]


class Scenario(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A call from the caller's side, and what is expected of the agent. A caller whose turns are done listens to the
    answer and hangs up."""

    name: Annotated[
        str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", description="What results call it: letters, digits, `-_.`.")
    ]
    turns: Annotated[tuple[Turn, ...], Meta(description="What happens, one after the other.")]
    about: Annotated[str, Meta(description="One sentence for people who choose.")] = ""
    twiml: TwiML = TwiML()
    parameters: Annotated[
        dict[str, str], Meta(description="`<Parameter>` elements: the setup message's `customParameters`.")
    ] = {}
    expect: CallExpectation = CallExpectation()

    @property
    def origin(self) -> Origin | None:
        """The file it was read from; None of one that was made otherwise."""
        return None


class FileScenario(Scenario, frozen=True, kw_only=True):
    """A scenario that was read from a file."""

    read_from: Origin

    @property
    def origin(self) -> Origin:
        return self.read_from
