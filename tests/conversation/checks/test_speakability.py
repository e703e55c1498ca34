"""What a voice stumbles over. Tokens are written with `|` between them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relayproxy.conversation.checks.speakability import EXCERPT, LIMIT, SpeakabilityIssue, speakability_issues


def remarked(tokens: str, lang: str | None = None) -> list[tuple[str, int, str]]:
    return [(found.code, found.token, found.excerpt) for found in speakability_issues(tokens.split("|"), lang)]


@pytest.mark.parametrize(
    ("tokens", "token", "excerpt"),
    [
        ("We have |**three** |rooms.", 1, "**three**"),
        ("We have | *|*three|** rooms.", 1, "**three**"),
        ("That is __very__ kind.", 0, "__very__"),
        ("That is *very* kind.", 0, "*very*"),
        ("That is _very_ kind.", 0, "_very_"),
        ("Here you go:\n|## Rooms|\nThree.", 1, "## Rooms"),
        ("# Rooms", 0, "# Rooms"),
        ("We have:\n|  - a room\n|  - a suite", 1, "- a room -"),
        ("We have:\n* a room", 0, "* a room"),
        ("• a room", 0, "• a room"),
        ("Press the `start` key.", 0, "`start`"),
        ("```python\nx\n```", 0, "```"),
        ("See [our page](https://example.com/a) for it.", 0, "[our page](https://example.com/a)"),
        ("| a | b |\n|---|---|".replace("|", "¦"), 0, "¦---¦"),
    ],
)
def test_markdown(tokens: str, token: int, excerpt: str) -> None:
    made = [part.replace("¦", "|") for part in tokens.split("|")]

    first = speakability_issues(made, None)[0]
    assert first == SpeakabilityIssue("markdown", token, excerpt.replace("¦", "|"))


@pytest.mark.parametrize(
    ("tokens", "token", "excerpt"),
    [
        ("Go to https://|example.com/help?a=1.", 0, "https://example.com/help?a=1"),
        ("Go to |www.example.com| now.", 1, "www.example.com"),
        ("It is at example.com.", 0, "example.com"),
        ("It is at shop.example.co.uk/rooms, I think.", 0, "shop.example.co.uk/rooms"),
    ],
)
def test_url(tokens: str, token: int, excerpt: str) -> None:
    assert remarked(tokens) == [("url", token, excerpt)]


@pytest.mark.parametrize(
    ("tokens", "token", "excerpt"),
    [
        ("Your order is 12|345|678.", 0, "12345678"),
        ("Your order is |12345678.", 1, "12345678"),
        ("5|5|5|0|1|.", 0, "55501"),
        ("Call 5550100199 now.", 0, "5550100199"),
        ("The ZIP is 90210.", 0, "90210"),
        ("It is ORD-48213.", 0, "48213"),
        ("Your confirmation number is 4,821,377.", 0, "4,821,377"),
    ],
)
def test_raw_number(tokens: str, token: int, excerpt: str) -> None:
    assert remarked(tokens) == [("raw_number", token, excerpt)]


@pytest.mark.parametrize(
    ("tokens", "token", "excerpt"),
    [
        ("Are you coming |today?|Then I |book.", 1, "today?Then"),
        ("Are you coming to|day|?|then I book.", 0, "today?then"),
        ("I have a table.|What time?", 0, "table.What"),
        ('He said "yes."|Then he left.', 0, '"yes."Then'),
        ("That is room 5.|It is large.", 0, "5.It"),
        ("Done!|¿Algo más?|Adiós", 1, "más?Adiós"),
        ("There is a |table|Friday.", 1, "tableFriday."),
        ("Hello|There, how are you?", 0, "HelloThere,"),
        ("Sure,|I|can|help", 0, "Sure,Icanhelp"),
        ("Ich|kann|das|gerne|machen|.", 0, "Ichkanndasgernemachen."),
    ],
)
def test_missing_space(tokens: str, token: int, excerpt: str) -> None:
    assert remarked(tokens) == [("missing_space", token, excerpt)]


GERMAN = "Natürlich kann ich einen Tisch für Sie reservieren, aber nicht am Freitag."
ENGLISH = "Sure, I can book a table for you, but not on Friday evening."


@pytest.mark.parametrize(
    ("tokens", "lang", "token", "excerpt"),
    [
        (GERMAN.replace(" ", "| "), "en-US", 0, "Natürlich kann ich einen Tisch für Sie reservieren, aber nic"),
        (ENGLISH, "de", 0, ENGLISH),
        (ENGLISH, "ru-RU", 0, ENGLISH),
        (
            "OK. |Конечно, я могу забронировать для вас столик на пятницу.",
            "en",
            1,
            "Конечно, я могу забронировать для вас столик на пятницу.",
        ),
        ("もちろんです。金曜日の夜に予約できます。", "en", 0, "もちろんです。金曜日の夜に予約できます。"),
    ],
)
def test_wrong_language(tokens: str, lang: str, token: int, excerpt: str) -> None:
    assert remarked(tokens, lang) == [("wrong_language", token, excerpt)]


@pytest.mark.parametrize("lang", [None, "", "multi", "de-DE", "DE", "xx"])
def test_no_language_is_wrong_where_none_is_set_or_the_right_one(lang: str | None) -> None:
    assert remarked(GERMAN, lang) == []


@pytest.mark.parametrize(
    "tokens",
    [
        "",
        " |",
        "I|'d| like| to| book|ing| a| ta|ble|.",
        "un|believ|abil|ity",
        "in|form|a|tion",
        "Un|glück|licher|weise",
        "Con|grat|ul|ations|!",
        "The| i|Phone| and| You|Tube|,| Whats|App| and| Mc|Donald|'s| and| mac|OS|.",
        "It| is| 3|.|14| or| 12|.|50| at| 10|:|30|.",
        "e|.g|.| this| at| 5| p|.m|.| in| the| U|.S|.A|.",
        "node|.js| and| Mr|.Smith| of| ASP|.NET",
        "5 * 3 * 2 is 30 and dial *67 or *69* for it.",
        "Press * and then # 2 times.",
        "It is -5 degrees - or +5 - today.",
        "- Certainly.",
        "First, snake_case_name and a_b.",
        "Booking.com and Node.js are names, and so is Yahoo!",
        "Write to help@example.com or first.last@mail.example.com.",
        "In 2026, that is $15000, 12,500 dollars, 1,250,000 people or 15000 in all.",
        "It costs 12345.50 or 10500 euros, 20482 €.",
        "Call +15550100199 or 555-0100 or 1-555-010-0199.",
        "Your code is 4 8 2 1 3 7.",
        "好的。|我们|星期五|见。|谢谢",
        "Sure.|<break time='1s'/>|Then I book.",
        'The code is <say-as interpret-as="digits">48213</say-as>, <sub alias="our page">https://example.com</sub>.',
        'That is <phoneme alphabet="ipa" ph="təˈmeɪtoʊ">tomato</phoneme>.',
        "Wait…|and see...|and wait.",
    ],
)
def test_nothing_to_remark(tokens: str) -> None:
    assert remarked(tokens, "en-US") == []


@pytest.mark.parametrize(
    "text",
    [
        "Maria de la Cruz, Juan de los Santos, Ana del Río and the others are on the list.",
        "Zaroor, main aapke liye ek table book kar sakta hoon, kitne log aayenge?",
        'In Spanish one says <lang xml:lang="es-ES">puedo reservar una mesa para usted y los niños</lang>.',
        "Bonjour et merci.",
    ],
)
@pytest.mark.parametrize("lang", ["en", "hi"])
def test_a_language_that_is_not_clear_is_not_wrong(text: str, lang: str) -> None:
    if lang == "en" or "others" not in text:
        assert remarked(text, lang) == []


def test_each_code_once_the_first() -> None:
    tokens = "**One** at |https://example.com/1 |**two** at https://example.com/2, 12345678.|Now 87654321"

    assert remarked(tokens) == [
        ("markdown", 0, "**One**"),
        ("url", 1, "https://example.com/1"),
        ("raw_number", 2, "12345678"),
        ("missing_space", 2, "12345678.Now"),
    ]


def test_excerpts_are_short_and_on_one_line() -> None:
    (found,) = speakability_issues(["**" + "very\n".strip() * 30 + "**"], None)
    assert len(found.excerpt) == EXCERPT

    (split,) = speakability_issues(["`smile \ud83d", "\ude00 \ud83d`"], None)
    assert split.excerpt == "`smile 😀 \ufffd`"


@given(st.lists(st.text(st.characters(), max_size=8) | st.text("*_#`[]()|-.?!<>a1 \n", max_size=12), max_size=12))
def test_nothing_raises(tokens: list[str]) -> None:
    for found in speakability_issues(tokens, "en"):
        assert 0 <= found.token < len(tokens)
        assert tokens[found.token]
        assert len(found.excerpt) <= EXCERPT
        assert found.excerpt.encode()


@pytest.mark.parametrize(
    "piece", ["*", "**a", "[", "[a](", "<say-as>", "- a\n", "\n", "a.", "1", "1,", " ", "`", "_a", "|-"]
)
def test_endless_ones_are_looked_at_up_to_a_limit(piece: str) -> None:
    tokens = [piece] * 100_000

    assert all(found.token < LIMIT for found in speakability_issues(tokens, "en"))
