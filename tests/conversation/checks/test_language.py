"""Texts that are clearly in another language, and texts of which nobody can tell."""

import pytest

from relayproxy.conversation.checks.language import foreign

SAID = {
    "en": "Your appointment is on Friday at five o'clock, and we will send you a reminder by text message.",
    "es": "Claro, puedo reservar una mesa para usted. ¿A qué hora le gustaría venir y cuántas personas son?",
    "fr": "Bien sûr, je peux réserver une table pour vous. À quelle heure souhaitez-vous venir et combien serez-vous ?",
    "de": "Ihr Termin ist am Freitag um fünf Uhr und wir senden Ihnen eine Erinnerung per Nachricht.",
    "pt": "Claro, posso reservar uma mesa para você. A que horas gostaria de vir e quantas pessoas são?",
    "it": "Certo, posso prenotare un tavolo per lei. A che ora vorrebbe venire e quante persone siete?",
    "nl": "Natuurlijk kan ik een tafel voor u reserveren. Hoe laat wilt u komen en met hoeveel personen bent u?",
    "ru": "Конечно, я могу забронировать для вас столик на пятницу вечером.",
    "el": "Βεβαίως, μπορώ να κλείσω ένα τραπέζι για εσάς την Παρασκευή.",
    "he": "בטח, אני יכול להזמין לך שולחן ליום שישי בערב.",
    "ar": "بالتأكيد، يمكنني حجز طاولة لك يوم الجمعة في المساء.",
    "hi": "ज़रूर, मैं शुक्रवार शाम के लिए आपके लिए एक टेबल बुक कर सकता हूँ।",
    "th": "ได้ค่ะ ฉันสามารถจองโต๊ะให้คุณในเย็นวันศุกร์",
    "ko": "물론입니다, 제가 금요일 저녁에 손님을 위해 자리를 예약해 드릴 수 있습니다.",
    "ja": "もちろんです。金曜日の夜にテーブルを予約できます。",
    "zh": "当然可以，我可以为您预订星期五晚上的桌子，请问几位？",
}


@pytest.mark.parametrize("spoken", SAID)
def test_each_is_right_in_its_own_language(spoken: str) -> None:
    assert foreign(SAID[spoken], spoken) is None
    assert foreign(SAID[spoken], f"{spoken.upper()}_XX") is None


@pytest.mark.parametrize("spoken", SAID)
def test_each_is_foreign_where_english_is_spoken(spoken: str) -> None:
    assert (foreign(SAID[spoken], "en-US") is None) == (spoken == "en")


FEW_SMALL_WORDS = [
    "Claro, le ayudo con mucho gusto en lo que usted necesite hoy.",
    "Su paquete llegará el viernes, le enviaremos un mensaje de texto.",
    "Le paso inmediatamente con un agente, no cuelgue por favor.",
    "Votre colis arrivera vendredi, nous vous enverrons un message par téléphone.",
    "Malheureusement, toutes nos tables semblent déjà réservées ce soir, désolé.",
    "Ihr Paket kommt Freitag an, wir schicken Ihnen eine SMS.",
    "Leider haben wir heute Abend keine freien Tische mehr, nur morgen früh.",
    "Poderia repetir devagar o número do seu cadastro, por gentileza?",
    "Infelizmente não temos mesas disponíveis esta noite, somente amanhã cedo.",
    "Siamo aperti dal lunedì al venerdì, dalle nove alle diciotto.",
    "Perfetto, il suo appuntamento rimane confermato domani martedì alle cinque.",
    "Helaas hebben wij vanavond geen vrije tafels meer, alleen morgen vroeg.",
]


@pytest.mark.parametrize("text", FEW_SMALL_WORDS)
def test_a_sentence_with_few_small_words_is_foreign_too(text: str) -> None:
    assert foreign(text, "en-US") is not None


@pytest.mark.parametrize("lang", ["en-US", "en"])
@pytest.mark.parametrize(
    "text",
    [
        "Hours run Monday through Friday, nine until six, closed on holidays.",
        "Table service, breakfast, sauna, massage: which would madam prefer?",
        "The Das Boot director's cut, die hard editions, plus war films.",
        "Our specials tonight: tagliatelle alla bolognese, vitello tonnato, risotto con funghi, panna cotta.",
        "Los Angeles, San Francisco, El Paso, Las Vegas, Santa Fe, San Diego: pick one.",
        "The hotel La Casa de las Flores on Calle de la Luz has a room.",
    ],
)
def test_english_with_foreign_names_is_english(text: str, lang: str) -> None:
    assert foreign(text, lang) is None


@pytest.mark.parametrize("lang", [*SAID, "iw", "cmn-Hans-CN", "uk"])
def test_english_is_foreign_everywhere_else(lang: str) -> None:
    assert (foreign(SAID["en"], lang) is None) == (lang == "en")


def test_where_it_begins() -> None:
    assert foreign("OK! " + SAID["de"], "en") == 4
    assert foreign("OK! " + SAID["ru"], "en") == 4


@pytest.mark.parametrize("lang", [None, "", "multi", "tlh", "sr-RS", "-", "\ud800"])
def test_nothing_is_foreign_to_a_language_that_is_not_known(lang: str | None) -> None:
    assert [foreign(text, lang) for text in SAID.values()] == [None] * len(SAID)


@pytest.mark.parametrize("lang", ["sv", "ca", "pl"])
def test_a_language_without_known_words_is_told_from_other_scripts_alone(lang: str) -> None:
    assert foreign(SAID["de"], lang) is None
    assert foreign(SAID["ja"], lang) == 0


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Guten Tag und auf Wiedersehen, Frau Müller.",
        "Bonjour et merci.",
        "Конечно, минутку.",
        "東京",
        "Maria de la Cruz, Juan de los Santos, Ana del Río and the others are on the list.",
        "Café Müller, Straße des Friedens and Schloßplatz are all on the way to you.",
        "We say Конечно, я могу and we mean sure, I can do that for you.",
        "1 2 3 4 5 6 7 8 9 10 11 12",
        "aaa bbb ccc ddd eee fff ggg hhh iii",
    ],
)
def test_what_is_short_or_mixed_may_be_right(text: str) -> None:
    assert foreign(text, "en") is None
