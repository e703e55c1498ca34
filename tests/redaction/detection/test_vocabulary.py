"""The words around numbers."""

from relayproxy.redaction.detection.tokens import fold
from relayproxy.redaction.detection.vocabulary import CURRENCIES, FILLERS, IDENTITY, MONTHS, PHRASES, TELLING, UNITS


def test_words_are_kept_as_they_are_looked_up() -> None:
    words = {word for entries in PHRASES.values() for phrase, _ in entries for word in phrase}

    assert [word for word in words | FILLERS | CURRENCIES | UNITS | set(MONTHS) if word != fold(word)] == []


def test_a_phrase_announces_one_thing() -> None:
    topics: dict[tuple[str, ...], set[str]] = {}
    for entries in PHRASES.values():
        for phrase, topic in entries:
            topics.setdefault(phrase, set()).add(topic)

    assert {phrase: found for phrase, found in topics.items() if len(found) > 1} == {}


def test_every_phrase_that_announces_a_secret_can_be_told_by_a_word() -> None:
    secret = [phrase for entries in PHRASES.values() for phrase, topic in entries if topic != "other"]

    assert all(TELLING & set(phrase) for phrase in secret)


def test_what_tells_an_identity_is_a_number() -> None:
    assert all((phrase, "number") in PHRASES[phrase[0]] for phrase in IDENTITY)
