"""Phrases that the demo agent says and understands, in English and Spanish.

Knows: the texts of a small restaurant and the words that callers use.
Must not know: when anything is said.
"""

import re
from typing import Literal

SpokenLanguage = Literal["en", "es"]

CODES: dict[SpokenLanguage, str] = {"en": "en-US", "es": "es-ES"}

PHRASES: dict[SpokenLanguage, dict[str, tuple[str, ...]]] = {
    "en": {
        "greeting": (
            "Good evening, Trattoria Aurora, this is Nina. How can I help you?",
            "Trattoria Aurora, good evening! What can I do for you?",
        ),
        "ask_party": ("With pleasure. For how many people?", "Gladly! How many of you will there be?"),
        "ask_day": ("For which day would you like it?", "And which day would suit you?"),
        "ask_time": ("At what time would you like to come?", "And at what time?"),
        "ask_name": ("Wonderful. Under which name may I put it down?", "Lovely. May I have your name, please?"),
        "booked": ("Thank you, {name}. I have a table for {party} {day} at {time}. Can I do anything else for you?",),
        "hours": (
            "We are open from Tuesday to Sunday. The kitchen is busy from five in the afternoon until eleven at night. "
            "On Mondays we rest: even good ovens need a day off.",
        ),
        "specials": (
            "Gladly! Tonight we have ravioli with pumpkin and sage. Then there is sea bass baked in salt: it serves "
            "two. For dessert the chef has made a lemon tart. All of it goes well with the house white.",
        ),
        "menu": (
            "Press one to book a table, two for our opening hours, three for tonight's menu, four for the kitchen, "
            "nine for Spanish, or zero to speak to a person.",
        ),
        "hold": ("One moment please, I will have a look at the book.",),
        "held": ("Thank you for holding! Yes, we still have tables.",),
        "kitchen": ("I will try the kitchen's extension for you.",),
        "allergies": ("The chef says that the ravioli are made with wheat and egg, and that the sea bass is without.",),
        "invoice": ("Let me open that invoice for you. It was made out on Friday, for two persons, and it came to",),
        "person": ("Of course. I will put you through to one of my colleagues.",),
        "goodbye": ("Thank you for calling Trattoria Aurora. Goodbye, and see you soon!",),
        "unknown": ("I am sorry, I did not get that. Would you like to book a table?",),
        "switched": ("Of course, let us go on in English. How can I help you?",),
        "resumed": ("I am sorry, we were cut off. What can I do for you?",),
        "your_name": ("You are {name}, aren't you? What can I do for you?",),
    },
    "es": {
        "greeting": ("Buenas noches, Trattoria Aurora. ¿En qué puedo ayudarle?",),
        "ask_party": ("Con mucho gusto. ¿Para cuántas personas?",),
        "ask_day": ("¿Para qué día la desea?",),
        "ask_time": ("¿A qué hora les gustaría venir?",),
        "ask_name": ("Muy bien. ¿A qué nombre hago la reserva?",),
        "booked": ("Gracias, {name}. Tienen una mesa para {party} {day} a las {time}. ¿Desea algo más?",),
        "hours": ("Abrimos de martes a domingo. La cocina trabaja de cinco de la tarde a once de la noche.",),
        "specials": ("Hoy tenemos ravioles de calabaza. También hay lubina a la sal. De postre, tarta de limón.",),
        "menu": ("Pulse uno para reservar, dos para el horario, tres para el menú, o cero para hablar con alguien.",),
        "hold": ("Un momento, por favor, voy a mirar el libro.",),
        "held": ("¡Gracias por esperar! Sí, todavía tenemos mesas.",),
        "kitchen": ("Voy a llamar a la extensión de la cocina.",),
        "allergies": ("El chef dice que los ravioles llevan trigo y huevo, y que la lubina no.",),
        "invoice": ("Ahora mismo abro esa factura. Es del viernes, para dos personas, y el total es de",),
        "person": ("Por supuesto. Le paso con una de mis compañeras.",),
        "goodbye": ("Gracias por llamar a Trattoria Aurora. ¡Hasta pronto!",),
        "unknown": ("Perdone, no le he entendido. ¿Desea reservar una mesa?",),
        "switched": ("Claro que sí, sigamos en español. ¿En qué puedo ayudarle?",),
        "resumed": ("Perdone, se ha cortado. ¿En qué puedo ayudarle?",),
        "your_name": ("Usted es {name}, ¿verdad? ¿En qué puedo ayudarle?",),
    },
}

INTENTS: tuple[tuple[str, str], ...] = (
    ("person", r"\b(?:person|human|somebody|someone|colleague|manager|representative|persona|alguien)\b"),
    ("your_name", r"what(?:'s| is) my name|who am i\b|cómo me llamo"),
    ("goodbye", r"good ?bye|\bbye\b|that's all|that is all|nothing else|adi[oó]s|hasta luego|nada m[aá]s"),
    ("es", r"spanish|espa[nñ]ol"),
    ("en", r"english|ingl[eé]s"),
    ("allergies", r"allerg|gluten|alergia"),
    ("parking", r"\bpark(?:ing)?\b|aparca"),
    ("invoice", r"invoice|factura"),
    ("hold", r"check|hold|music|have a look|m[uú]sica|mirar"),
    ("hours", r"hours|open|horario|abren"),
    ("kitchen", r"kitchen|extension|cocina"),
    ("specials", r"special|on the menu|eat tonight|recommend|men[uú] de hoy|recomienda"),
    ("menu", r"options|menu|opciones"),
)
"""Intent and the pattern of its words; the first that is found counts."""

_ENGLISH = "one two three four five six seven eight nine ten eleven twelve"
_SPANISH = "una dos tres cuatro cinco seis siete ocho nueve diez once doce"
_NUMBERS = {word: number for words in (_ENGLISH, _SPANISH) for number, word in enumerate(words.split(), 1)}
_NUMBER = rf"(?:\d{{1,2}}|{'|'.join(_NUMBERS)})"
_DAY = re.compile(
    r"\b(today|tonight|tomorrow|(?:on )?(?:mon|tues|wednes|thurs|fri|satur|sun)day"
    r"|hoy|esta noche|mañana|(?:el )?(?:lunes|martes|miércoles|jueves|viernes|sábado|domingo))\b"
)
_CLOCK = rf"(?P<half>half past )?(?P<hour>{_NUMBER})(?P<minutes>:\d\d| thirty| y media)?\b"
_TIME = re.compile(rf"\b(?:at|around|a las) {_CLOCK}")
_BARE_TIME = re.compile(rf"\b{_CLOCK}")
_PARTY = re.compile(
    rf"\b(?:for|party of|make (?:it|that)|para) (?P<a>{_NUMBER})\b(?! (?:thirty|o'clock|p\.?m))"
    rf"|\b(?P<b>{_NUMBER}) (?:people|persons|guests|of us|personas)\b"
)
_BARE_PARTY = re.compile(rf"\b(?P<a>{_NUMBER})(?P<b>)\b")
_INTRODUCED = re.compile(r"^(?:my name is|me llamo)\s", re.IGNORECASE)
_NAME = re.compile(r"^(?:(?:it's|it is|my name is|the name is|name's|this is|i'm|a nombre de|me llamo|soy)\s+)+", re.I)


def slots(text: str, asked: str | None) -> dict[str, str]:
    """The values in an utterance of `party`, `day`, `time` and `name`. `asked` is the one that was asked for last:
    a bare number or name answers it. Who introduces themselves need not have been asked."""
    low = text.lower()
    found: dict[str, str] = {}
    if day := _DAY.search(low):
        found["day"] = day[1]
    time = _TIME.search(low) or (_BARE_TIME.search(low) if asked == "time" else None)
    if time is not None:
        half = bool(time["half"]) or (time["minutes"] or "")[1:] in ("thirty", "y media")
        minutes = "30" if half else (time["minutes"] or ":00")[1:]
        found["time"] = f"{_number(time['hour'])}:{minutes}"
        low = low[: time.start()] + low[time.end() :]
    if party := _PARTY.search(low) or (_BARE_PARTY.search(low) if asked == "party" else None):
        found["party"] = str(_number(party["a"] or party["b"]))
    introduced = asked == "name" or _INTRODUCED.match(text.strip()) is not None
    if introduced and not found and (name := _NAME.sub("", text.strip()).strip(" .,!?")):
        found["name"] = name
    return found


def _number(word: str) -> int:
    return int(word) if word.isdigit() else _NUMBERS[word]
