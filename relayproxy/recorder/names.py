"""Names of people, found by Presidio with a model of spaCy's.

Knows: what it takes to load a model, and what to install when something is missing; the only one with Presidio.
Must not know: settings, messages; what becomes of a name.

Presidio and spaCy are imported when a model is loaded and not before: both are optional, and take seconds.
"""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from relayproxy.errors import SettingError

if TYPE_CHECKING:
    from presidio_analyzer import AnalyzerEngine
    from spacy.language import Language

_LANGUAGE = "en"
"""Presidio asks for one, whatever the model's is."""
_PERSON = "PERSON"
_LABELS = ("PRS", "PS", "persName")
"""What models call a person (Swedish, Korean, Polish ones) besides what Presidio knows."""
_UNUSED = ("tagger", "morphologizer", "parser", "senter", "attribute_ruler", "lemmatizer", "trainable_lemmatizer")
"""Parts of models that take most of the time and find no names."""
STRETCH = 4096
"""Characters that are searched at once: a model needs about ten kilobytes of memory for each."""


class NamesOfPeople:
    """A loaded model: called with a text, it gives the stretches that are names of people."""

    def __init__(self, analyzer: "AnalyzerEngine", model: "Language") -> None:
        self._analyzer = analyzer
        self._model = model

    def __call__(self, text: str) -> list[tuple[int, int]]:
        # Without the zone spaCy would keep every word that it ever saw.
        with self._model.memory_zone():
            return [
                (begin + one.start, begin + one.end)
                for begin, stretch in _stretches(text)
                for one in self._analyzer.analyze(stretch, _LANGUAGE, entities=[_PERSON])
            ]


def name_finder(model: str) -> NamesOfPeople:
    """Loads a model, given by its name or its folder. Raises SettingError that says what to install."""
    logging.getLogger("presidio-analyzer").setLevel(logging.ERROR)  # it warns of whatever else a model finds
    try:
        from presidio_analyzer import AnalyzerEngine, RecognizerRegistry
        from presidio_analyzer.nlp_engine import NerModelConfiguration, SpacyNlpEngine
        from presidio_analyzer.predefined_recognizers import SpacyRecognizer
        from spacy.util import is_package
    except ImportError as problem:
        raise _wrong(
            model, f"Presidio is not installed here ({problem}): pip install 'relayproxy[names]', or choose no model"
        ) from None
    folder = "/" in model
    if folder and not Path(model).is_dir():
        raise _wrong(model, "the folder of a spaCy model is expected, and there is none")
    if not folder and not is_package(model):  # Presidio would download it
        raise _wrong(model, f"this spaCy model is not installed here: python -m spacy download {model}")
    configuration = NerModelConfiguration()
    persons = configuration.model_to_presidio_entity_mapping
    persons |= dict.fromkeys(_LABELS, _PERSON)
    engine = SpacyNlpEngine([{"lang_code": _LANGUAGE, "model_name": model}], configuration)
    try:
        engine.load()
        language = engine.get_nlp(_LANGUAGE)
        language.select_pipes(disable=[part for part in _UNUSED if part in language.pipe_names])
        labels = {label for labels in language.pipe_labels.values() for label in labels}
        registry = RecognizerRegistry([SpacyRecognizer(supported_entities=[_PERSON])])
        found = NamesOfPeople(AnalyzerEngine(registry, engine), language)
        found("My name is Jane Doe.")
    except Exception as problem:
        reason = str(problem).partition("\n")[0]
        raise _wrong(model, f"this spaCy model cannot be used ({type(problem).__name__}: {reason})") from None
    if not any(persons.get(label) == _PERSON for label in labels):
        raise _wrong(model, "a spaCy model that finds people is expected, and this one has no such label")
    return found


def _wrong(model: str, problem: str) -> SettingError:
    return SettingError(f"redact_names={model}: {problem}")


def _stretches(text: str) -> Iterator[tuple[int, str]]:
    """The text in stretches of at most `STRETCH` characters, cut between words, each with its offset."""
    begin = 0
    while len(text) - begin > STRETCH:
        cut = text.rfind(" ", begin, begin + STRETCH) + 1
        end = cut if cut > begin else begin + STRETCH
        yield begin, text[begin:end]
        begin = end
    yield begin, text[begin:]
