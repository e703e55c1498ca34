"""The extra that finds names is not installed here: whoever asks for it is told what to install, and nobody else
notices."""

import importlib.util
import json
import os
from pathlib import Path

import pytest

from relayproxy.errors import SettingError
from relayproxy.recorder.names import STRETCH, _stretches, name_finder
from relayproxy.recorder.process import rules_by_route
from relayproxy.redaction.values import NameFinder
from relayproxy.settings.loading import load
from relayproxy.settings.model import Settings
from tests.forked import fork
from tests.patience import PATIENCE
from tests.recorder.stage import Stage, prompt, setup, token
from tests.running import running

AGENT = "ws://agent.example.com"
REQUIREMENTS = Path(__file__).parents[2] / "requirements"
MISSING = "redact_names=en_core_web_lg: Presidio is not installed here (No module named 'presidio_analyzer'): "


def test_the_extra_is_no_part_of_the_environment_of_these_tests() -> None:
    assert importlib.util.find_spec("presidio_analyzer") is None
    assert importlib.util.find_spec("spacy") is None


def test_what_is_pinned_for_it_is_what_relayproxy_has_and_more() -> None:
    def pinned(name: str) -> set[str]:
        lines = (REQUIREMENTS / f"{name}.txt").read_text("utf-8").splitlines()
        return {line.split()[0] for line in lines if "==" in line}

    assert pinned("run") - pinned("names") == set(), "make requirements"


def test_without_it_loading_a_model_says_what_to_install() -> None:
    with pytest.raises(SettingError) as problem:
        name_finder("en_core_web_lg")

    assert str(problem.value).startswith(MISSING + "pip install 'relayproxy[names]'")


@pytest.mark.parametrize("setting", ["RELAYPROXY_REDACT_NAMES", "RELAYPROXY_ROUTES__bank__REDACT_NAMES"])
def test_the_recorder_does_not_start_without_it_and_says_so_in_one_line(tmp_path: Path, setting: str) -> None:
    given = {"RELAYPROXY_DATA_DIR": str(tmp_path), "RELAYPROXY_ROUTES__bank__BACKEND": "ws://bank.example.com"}
    with (tmp_path / "log").open("wb") as log:
        process = fork(("recorder",), {**os.environ, **given, setting: "en_core_web_lg"}, log.fileno())
        assert process.wait(PATIENCE) == 2

    assert process.stdout is not None
    assert process.stdout.read() == ""
    process.stdout.close()
    [line] = (tmp_path / "log").read_text().splitlines()
    assert line.startswith(f"relayproxy: error: {MISSING}")


def test_where_no_words_are_searched_it_is_not_needed(stage: Stage) -> None:
    with running("recorder", data_dir=stage.folder, record="metadata", redact_names="en_core_web_lg") as recorder:
        assert recorder.ready.startswith("recorder following")


def test_each_route_has_the_model_of_its_own_settings() -> None:
    routes = {"a": {"backend": AGENT}, "b": {"backend": AGENT, "redact_names": "two"}}
    some = load(None, {"redact_names": "one", "routes": routes}, {})
    loaded: list[str] = []

    def finder(model: str) -> NameFinder:
        loaded.append(model)
        return lambda _text: ()

    rules = rules_by_route(some, finder)
    assert loaded == ["one", "two"]
    assert rules("a").policy.names is rules("default").policy.names is rules("gone").policy.names is not None
    assert rules("b").policy.names not in (rules("a").policy.names, None)
    assert rules_by_route(Settings(), finder)("default").policy.names is None
    assert loaded == ["one", "two"]


@pytest.mark.parametrize("length", [0, 1, STRETCH, STRETCH + 1, 3 * STRETCH])
@pytest.mark.parametrize("text", ["word ", "w", " "])
def test_a_text_is_cut_between_words(text: str, length: int) -> None:
    whole = (text * length)[:length]
    found = [*_stretches(whole)]

    assert "".join(stretch for _, stretch in found) == whole
    assert all(whole[begin:].startswith(stretch) and len(stretch) <= STRETCH for begin, stretch in found)
    assert text != "word " or all(stretch.endswith(" ") for _, stretch in found[:-1])


def test_a_model_that_fails_costs_the_words_and_no_message(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    def failing(text: str) -> list[tuple[int, int]]:
        if "Jane" in text:
            raise RuntimeError(text)
        return []

    call = stage.journal().call()
    call.twilio(setup(customParameters={"who": "Jane"}))
    call.twilio(prompt("hello there"))
    call.backend(token("Hello "))
    call.backend(token("Jane.", last=True))
    call.twilio(prompt("good bye then"))
    call.end()
    rules = rules_by_route(Settings(redact_names="some"), lambda _model: failing)
    recorder = stage.recorder(rules=rules("default"))
    recorder.finish()

    messages = stage.stored(call.id).messages[call.id]
    assert [one.seq for one in messages] == [*range(5)]
    assert [one.note for one in messages] == ["redaction_failed", None, "redaction_failed", "redaction_failed", None]
    assert json.loads(messages[1].text or "")["voicePrompt"] == "hello there"
    assert json.loads(messages[3].text or "")["token"] == "◦◦◦◦."
    assert "Jane" not in caplog.text
