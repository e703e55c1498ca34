"""Built-in scenarios: a dozen callers for the demo agent, and for any other agent.

Knows: what they say and do.
Must not know: how that is performed, what the agent answers.
"""

from relayproxy.errors import RelayproxyError
from relayproxy.lab.twilio.script import HangUp, Listen, Pause, Press, Say, Scenario, TwiML, Vanish

_GREETING = "Welcome to Trattoria Aurora. Say what you would like, or press a key."
_GREETED = TwiML(greeting=_GREETING, parameters={"greeting": "twiml", "restaurant": "aurora"})
_PLAIN = TwiML(parameters={"restaurant": "aurora", "plan": "gold"})

SCENARIOS: tuple[Scenario, ...] = (
    Scenario(
        "book-a-table",
        "Books a table step by step, says goodbye; the agent ends the session.",
        (
            Listen(),
            Say("Hello, I'd like to book a table, please."),
            Listen(),
            Say("We are four people."),
            Listen(),
            Say("Tomorrow, if you can."),
            Listen(),
            Say("At half past seven."),
            Listen(),
            Say("My name is Ada Winter."),
            Listen(),
            Say("No, that's all. Goodbye!"),
            Listen(),
        ),
        _PLAIN,
    ),
    Scenario(
        "impatient",
        "Knows what they want and cuts the agent short.",
        (
            Say("A table for two.", after_words=4),
            Listen(),
            Say("Friday at eight.", after_words=2),
            Listen(),
            Say("What do you recommend?"),
            Say("Yes yes, that's all, goodbye.", after_words=9),
            Listen(),
        ),
        _PLAIN,
    ),
    Scenario(
        "keypad",
        "Uses the keys only, one of them into the greeting.",
        (Press("*", after_words=3), Listen(), Press("2"), Listen(), Press("1"), Listen(), HangUp()),
        _GREETED,
    ),
    Scenario(
        "asks-for-a-person",
        "Wants a human being; the agent hands off.",
        (Listen(), Say("Hi. I have left my umbrella with you."), Listen(), Say("Can I talk to a person?"), Listen()),
        _GREETED,
    ),
    Scenario(
        "hangs-up-mid-answer",
        "Asks what there is to eat and hangs up in the middle of the answer.",
        (Listen(), Say("What's on the menu tonight?"), HangUp(after_words=12)),
        _PLAIN,
    ),
    Scenario(
        "silent",
        "Says nothing at all, and hangs up after a while.",
        (Listen(), Pause(15_000), HangUp()),
        _GREETED,
    ),
    Scenario(
        "revised",
        "Is understood wrongly at first: partial transcripts change their mind.",
        (
            Listen(),
            Say(
                "Can you fit in three people tonight?",
                partials=(
                    "Can",
                    "Can you sit",
                    "Can you sit in free",
                    "Can you fit in three people",
                    "Can you fit in three people tonight?",
                ),
            ),
            Listen(),
            Say("Eight.", partials=("Ate", "Eight.")),
            Listen(),
            HangUp(),
        ),
        _PLAIN,
    ),
    Scenario(
        "spanish",
        "Goes on in Spanish; the agent switches the language.",
        (
            Listen(),
            Say("Do you speak Spanish?"),
            Listen(),
            Say("Quería reservar una mesa para cinco personas."),
            Listen(),
            Say("El sábado a las nueve."),
            Listen(),
            Say("Me llamo Inés Prado."),
            Listen(),
            Say("Nada más, gracias. ¡Hasta luego!"),
            Listen(),
        ),
        _PLAIN,
    ),
    Scenario(
        "on-hold",
        "Asks the agent to check something and listens to music meanwhile.",
        (Listen(), Say("Could you check whether there is a quiet table?"), Listen(), Pause(2_000), HangUp()),
        _GREETED,
    ),
    Scenario(
        "wants-the-kitchen",
        "Asks for an extension; the agent dials it with key tones.",
        (Listen(), Say("Put me through to the kitchen, please."), Listen(), HangUp()),
        _PLAIN,
    ),
    Scenario(
        "thinks-aloud",
        "One wish in two breaths: the second prompt comes before the first is answered.",
        (
            Listen(),
            Say("I'd like a table,"),
            Say("let me see, for six."),
            Listen(),
            Press("0"),
            Listen(),
        ),
        _PLAIN,
    ),
    Scenario(
        "talks-over",
        "Speaks while the agent does, where the TwiML lets nobody interrupt it.",
        (Listen(), Say("When are you open?"), Say("And what do you recommend?", after_words=5), Listen(), HangUp()),
        TwiML(greeting=_GREETING, interruptible="none", parameters={"greeting": "twiml"}),
    ),
    Scenario(
        "waits-for-an-answer",
        "Asks what takes the agent long to look up.",
        (Listen(), Say("Is there gluten in the ravioli?"), Listen(), Say("Thank you, that's all. Goodbye!"), Listen()),
        _PLAIN,
    ),
    Scenario(
        "is-not-answered",
        "Asks something that the agent drops, waits, asks whether somebody is there, and gives up.",
        (
            Listen(),
            Say("Can I park my car near you?"),
            Pause(5_000),
            Say("Hello? Is there parking, please?"),
            Pause(3_500),
            HangUp(),
        ),
        _GREETED,
    ),
    Scenario(
        "agent-crashes",
        "Asks for an invoice, over which the agent breaks down in the middle of a sentence.",
        (Listen(), Say("Can you read me my last invoice?"), Listen()),
        _PLAIN,
    ),
    Scenario(
        "line-drops",
        "The connection is reset in the middle of the call.",
        (Listen(), Say("Good evening, a table for two."), Pause(400), Vanish()),
        _GREETED,
    ),
)

BY_NAME = {scenario.name: scenario for scenario in SCENARIOS}


def find(name: str) -> Scenario:
    """The scenario of that name. Raises RelayproxyError that lists the names there are."""
    try:
        return BY_NAME[name]
    except KeyError:
        raise RelayproxyError(f"there is no scenario {name!r}; there are {', '.join(BY_NAME)}") from None
