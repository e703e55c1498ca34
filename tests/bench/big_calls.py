"""A few hundred made-up calls that differ in everything a list can be narrowed by.

Knows: how calls vary: length, waits, languages, interruptions, parameters, endings.
Must not know: what is derived of them; that they are multiplied.
"""

import json
from collections.abc import Iterator
from random import Random

from relayproxy.store.write.archive import Archive
from tests.console.samples import Call

SURNAME = "Quillfeather"
"""Said once in every call; whoever multiplies calls puts another word in its place."""
CUSTOMER = "customer-0000000"
"""A custom parameter of every call, likewise."""
CAMPAIGN = "campaign-000"
CALLER = "+15550100001"
CALLEE = "+15550100002"

_ASKED = {
    "en-US": (
        "I would like to change my booking please",
        "What are your opening hours on Sunday",
        "Can I get a refund for the last order",
        "My parcel has not arrived yet",
        "Is the table by the window still free",
        "Could you repeat that a little slower",
        "Please connect me to a person",
    ),
    "es-ES": ("Quiero cambiar mi reserva por favor", "A qué hora abren el domingo", "Necesito una factura nueva"),
    "de-DE": ("Ich möchte meine Buchung ändern bitte", "Wann kommt meine Bestellung", "Geht das auch am Samstag"),
}
_ANSWERED = {
    "en-US": (
        "Of course, let me look that up for you. One moment please.",
        "We are open from ten to six on Sunday. Can I do anything else for you?",
        "I have found it, and it is on its way. You will get it tomorrow before noon.",
        "Sure.",
        "Thank you. I have written that down, and somebody will call you back this afternoon about the refund.",
    ),
    "es-ES": ("Claro, un momento por favor.", "El domingo abrimos de diez a seis. ¿Algo más?"),
    "de-DE": ("Gerne, einen Moment bitte.", "Am Sonntag haben wir von zehn bis sechs geöffnet."),
}
_BACKENDS = {
    "default": "wss://agent.example.com/ws",
    "bookings": "wss://bookings.example.com/relay",
    "support": "wss://support.example.com/v2/ws",
}


def patterns(archive: Archive, count: int, began: int, seed: int = 1) -> list[str]:
    """Commits so many calls, the last few of them live; returns their ids."""
    random = Random(seed)
    made = []
    for number in range(count):
        call = _call(archive, began, random, live=number >= count - max(1, count // 30))
        made.append(call.commit().id)
    return made


def _call(archive: Archive, began: int, random: Random, *, live: bool) -> Call:
    route = random.choices(tuple(_BACKENDS), (6, 3, 1))[0]
    fate = "live" if live else random.choices(tuple(_FATES), tuple(_FATES.values()))[0]
    opening = {"backend": _BACKENDS[route]}
    if fate == "refused":
        refusal = {"status": 503, "error": "The backend answered 503 Service Unavailable"}
        refused = Call(archive, began, route=route, opening={**opening, **refusal})
        return refused.over(0.05, first="backend", twilio="eof", backend="eof")
    call = Call(archive, began, route=route, opening=opening)
    plan = random.choices(("gold", "silver", "bronze"), (1, 3, 6))[0]
    call.setup(caller=CALLER, callee=CALLEE, parameters={"plan": plan, "campaign": CAMPAIGN, "customer": CUSTOMER})
    at, lang = 0.6, random.choices(tuple(_ASKED), (8, 1, 1))[0]
    events = random.random() < 0.5
    if events:
        call.plays(at, "Hello, how can I help you?")
    for number in range(random.choices((1, 2, 3, 4, 7), (6, 8, 4, 1.5, 0.4))[0]):
        at = _exchange(call, at, lang, random, first=number == 0, events=events)
    if fate == "malformed":
        for _ in range(10):
            call.text(at := at + 0.1, "backend", '{"type":"txt","token":"Hello"}')
    return _end(call, at + random.uniform(0.5, 4), fate, random)


_FATES = {"hang_up": 45, "handoff": 42, "vanish": 6, "refused": 3, "malformed": 2, "unanswered": 2}


def _exchange(call: Call, at: float, lang: str, random: Random, *, first: bool, events: bool) -> float:
    at += random.uniform(1.5, 6)
    said = random.choice(_ASKED[lang])
    call.asks(at, f"{said}. My name is {SURNAME}." if first else f"{said}.", lang)
    if random.random() < 0.02:
        return at + 8
    at += random.lognormvariate(-0.3, 0.7)
    text = random.choice(_ANSWERED[lang])
    call.answers(at, text)
    at += 0.03 * len(text.split(" "))
    if random.random() < 0.12:
        heard = " ".join(text.split(" ")[:3])
        call.interrupts(at + 0.8, heard, 800)
        return at + 0.8
    if events:
        call.plays(at + len(text) / 15, text)
    return at + len(text) / 15


def _end(call: Call, at: float, fate: str, random: Random) -> Call:
    if fate == "live":
        return call
    if fate == "handoff":
        reason = random.choices(("live-agent", "done", "voicemail"), (5, 4, 1))[0]
        call.backend(at, "end", handoffData=json.dumps({"reasonCode": reason, "name": SURNAME}))
        return call.hang_up(at + 0.2)
    if fate == "vanish":
        return call.over(at, first="backend", twilio="closed_by_proxy", backend=random.choice(("reset", "eof")))
    if fate == "malformed":
        reason = "Too many consecutive malformed messages."
        call.message(at, "twilio", "close", code=1007, reason=reason, size=2 + len(reason))
        return call.over(at + 0.1, first="twilio", twilio="eof", backend="eof")
    if fate == "unanswered":
        call.asks(at, "Hello? Is anybody there?")
        return call.hang_up(at + 9)
    return call.hang_up(at)


def words(count: int, seed: int = 2) -> Iterator[str]:
    """Made-up surnames, each another one."""
    random, known = Random(seed), set[str]()
    onsets = ("b", "br", "d", "dr", "f", "g", "gr", "h", "k", "l", "m", "n", "p", "pr", "r", "s", "st", "t", "tr", "w")
    vowels, codas = tuple("aeiouy"), tuple("lmnrstx")
    while len(known) < count:
        word = "".join(random.choice(onsets) + random.choice(vowels) for _ in range(3)) + random.choice(codas)
        if word not in known:
            known.add(word)
            yield word.capitalize()
