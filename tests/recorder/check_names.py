"""Redaction of names with the real Presidio and spaCy: `make names-check`, which installs both.

They take half a gigabyte, so this is no part of `make test`. Models cannot be downloaded everywhere, so the model is
made here: a pipeline of spaCy's own, whose rules know a few people. What real models find is theirs; that they are
asked as they must be, and what becomes of what they find, is seen here.
"""

import json
import time
from pathlib import Path
from typing import Any

import pytest
import spacy
from spacy.training import Example
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve

from relayproxy.errors import SettingError
from relayproxy.recorder.names import STRETCH, NamesOfPeople, name_finder
from relayproxy.redaction.rules import Rules
from relayproxy.redaction.values import policy
from tests.databases import migrated
from tests.redaction.conversation import call, counted, played, prompt, stored, token, words
from tests.running import running
from tests.system.stack import until
from tests.system.test_redaction import files, get, recordings
from tests.telemetry.collector import collector

pytestmark = pytest.mark.filterwarnings("default")
PEOPLE = ("Quentin Zebrowski", "Wilhelmina Oduya", "José Núñez")
SAID = "hello, this is Quentin Zebrowski, I would like to book a table for two at seven"


def ruled(folder: Path, label: str = "PERSON", people: tuple[str, ...] = PEOPLE) -> str:
    """A model on disk that knows these people, in whatever case."""
    model = spacy.blank("en")
    ruler = model.add_pipe("entity_ruler", config={"phrase_matcher_attr": "LOWER"})
    ruler.add_patterns([{"label": label, "pattern": name} for name in people])
    ruler.add_patterns([{"label": "ORG", "pattern": "Acme"}, {"label": "CARDINAL", "pattern": "seven"}])
    model.to_disk(folder / label)
    return str(folder / label)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return ruled(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def finder(model: str) -> NamesOfPeople:
    return name_finder(model)


@pytest.fixture
def rules(finder: NamesOfPeople) -> Rules:
    return Rules(policy=policy(names=finder))


def test_people_are_found_and_nothing_else_that_the_model_knows(
    finder: NamesOfPeople, caplog: pytest.LogCaptureFixture
) -> None:
    text = "José Núñez of Acme and wilhelmina oduya at seven"

    assert [text[start:end] for start, end in finder(text)] == ["José Núñez", "wilhelmina oduya"]
    assert finder("") == finder("\N{REPLACEMENT CHARACTER} 1 \0 \n") == []
    assert caplog.text == ""


def test_long_texts_are_searched_to_their_end(finder: NamesOfPeople) -> None:
    text = "well then " * STRETCH + PEOPLE[0] + " well then" * STRETCH + " " + PEOPLE[1]

    assert [text[start:end] for start, end in finder(text)] == [*PEOPLE[:2]]


@pytest.mark.parametrize("label", ["PER", "PRS", "persName"])
def test_models_of_other_languages_call_a_person_otherwise(tmp_path: Path, label: str) -> None:
    assert name_finder(ruled(tmp_path, label))(PEOPLE[0]) == [(0, len(PEOPLE[0]))]


def test_what_was_said_does_not_stay_in_the_models_memory(finder: NamesOfPeople) -> None:
    finder(SAID)
    known = len(finder._model.vocab.strings)
    for number in range(500):
        finder(f"unheardof{number} {SAID}")

    assert len(finder._model.vocab.strings) == known


def problem(model: str) -> str:
    with pytest.raises(SettingError) as found:
        name_finder(model)
    return str(found.value).removeprefix(f"redact_names={model}: ")


def test_what_cannot_be_used_is_told_when_it_is_loaded(tmp_path: Path) -> None:
    assert problem("xx_no_such_model") == (
        "this spaCy model is not installed here: python -m spacy download xx_no_such_model"
    )
    assert problem(f"{tmp_path}/none") == "the folder of a spaCy model is expected, and there is none"
    assert problem("requests").startswith("this spaCy model cannot be used (")
    assert problem(str(tmp_path)).startswith("this spaCy model cannot be used (OSError: [E053] Could not read")
    assert problem(ruled(tmp_path, "GPE")) == (
        "a spaCy model that finds people is expected, and this one has no such label"
    )


def test_names_over_tokens_in_partials_and_where_they_were_heard(rules: Rules) -> None:
    found = stored(
        call(
            prompt("this is Quentin Zeb", last=False), prompt("this is Quentin Zebrowski"),
            token("Hello Quen"), token("tin Zebrow"), token("ski, go on.", last=True),
            played("Hello Quentin Zebrowski,"),
            prompt("my friend is"), prompt("Jose Nunes", last=False), prompt("José Núñez of Acme"),
        ),
        rules,
    )  # fmt: skip

    assert words(found) == [
        "this is ◦◦◦◦◦◦◦ ◦◦◦", "this is ◦◦◦◦◦◦◦ ◦◦◦◦◦◦◦◦◦",
        "Hello ◦◦◦◦", "◦◦◦ ◦◦◦◦◦◦", "◦◦◦, go on.", "Hello ◦◦◦◦◦◦◦ ◦◦◦◦◦◦◦◦◦,",
        "my friend is", "◦◦◦◦ ◦◦◦◦◦", "◦◦◦◦ ◦◦◦◦◦ of Acme",
    ]  # fmt: skip
    assert counted(found) == {"name": 2}


class Agent:
    """Repeats each final prompt, a few characters a token, and hands off with what it heard."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    async def __call__(self, socket: ServerConnection) -> None:
        async for message in socket:
            said = json.loads(message)
            self.heard.append(str(message))
            if said["type"] == "prompt" and said["last"]:
                answer = f"So you say: {said['voicePrompt']}."
                for at in range(0, len(answer), 5):
                    last = at + 5 >= len(answer)
                    await socket.send(json.dumps({"type": "text", "token": answer[at : at + 5], "last": last}))
                if said["voicePrompt"] == "bye":
                    await socket.send(json.dumps({"type": "end", "handoffData": json.dumps({"who": PEOPLE[0]})}))


def traces(data: str | bytes) -> list[str]:
    """The names' words that are in it."""
    text = (data if isinstance(data, str) else data.decode("utf-8", "replace")).lower()
    return [word for name in PEOPLE[:2] for word in name.lower().split() if word in text]


async def test_names_are_stored_nowhere_and_shown_nowhere(model: str, tmp_path: Path) -> None:
    """By voice, tokens, parameters, handoff and echoes; in files, spans, pages, API, exports, search and logs."""
    data, journal, agent = tmp_path / "data", tmp_path / "journal", Agent()
    data.mkdir()
    migrated(f"sqlite:///{data}/relayproxy.db")
    modes: dict[str, Any] = {"record": "redacted", "redact_names": model, "journal_dir": str(journal)}
    async with collector(tmp_path) as there, serve(agent, "127.0.0.1", 0) as server:
        backend = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        otel = {"OTEL_EXPORTER_OTLP_ENDPOINT": there.http, "OTEL_BSP_SCHEDULE_DELAY": "50"}
        with (
            running("recorder", data_dir=data, env=otel, **modes) as recorder,
            running("console", data_dir=data, console="127.0.0.1:0", backend=backend, **modes) as console,
            running("relay", data_dir=data, listen="127.0.0.1:0", backend=backend, **modes) as relay,
        ):
            async with connect(relay.url.replace("http", "ws")) as socket:

                async def send(type: str, **fields: Any) -> None:
                    await socket.send(json.dumps({"type": type, **fields}))

                ids = {"sessionId": "VX" + "1" * 32, "callSid": "CA" + "1" * 32, "accountSid": "AC" + "0" * 32}
                await send("setup", **ids, customParameters={"who": PEOPLE[1], "plan": "gold"})
                await send("prompt", voicePrompt="this is Quentin", lang="en-US", last=False)
                await send("prompt", voicePrompt=f"this is {PEOPLE[0]}", lang="en-US", last=True)
                got = ""
                while not got.endswith("."):
                    got += json.loads(await socket.recv())["token"]
                await send("info", name="tokensPlayed", value=f"So you say: this is {PEOPLE[0]}")
                await send("interrupt", utteranceUntilInterrupt="this is Quentin", durationUntilInterruptMs=900)
                await send("prompt", voicePrompt="bye", lang="en-US", last=True)
                while json.loads(await socket.recv())["type"] != "end":
                    pass
            await until(lambda: [one for one in json.loads(get(console, "/api/sessions"))["items"] if one["ended_at"]])
            [listed] = json.loads(get(console, "/api/sessions"))["items"]
            session = listed["id"]
            await there.received.until_named("conversation")
            told = b"".join(span.SerializeToString() for span in there.received.spans)
            pages = {
                path: get(console, path)
                for path in (
                    *("/sessions", "/live", "/insight", "/health", "/connect", "/api/health", "/api/connect"),
                    *(f"/sessions/{session}", f"/sessions/{session}?m=1", f"/api/sessions/{session}"),
                    *(f"/api/sessions/{session}/messages", f"/api/sessions/{session}/turns", "/api/facets"),
                    *(f"/sessions/{session}/recording{form}" for form in ("", "?format=json", "?format=text")),
                )
            }
            assert json.loads(get(console, "/api/sessions?q=zebrowski"))["items"] == []
            assert len(json.loads(get(console, "/api/sessions?q=redacted:name"))["items"]) == 1
            whole = json.loads(pages[f"/api/sessions/{session}"])
            relay.stop()
            await until(lambda: not [*journal.iterdir()])
            recorder.stop()
    # The wire carries every byte as it came.
    assert got == f"So you say: this is {PEOPLE[0]}."
    assert any(PEOPLE[0] in one for one in agent.heard)
    # No name is anywhere else.
    assert {name: traces(page) for name, page in pages.items() if traces(page)} == {}
    assert traces(told) == traces(recordings(data)) == []
    assert {name: traces(content) for name, content in files(tmp_path).items() if traces(content)} == {}
    # What is left tells what was there.
    assert whole["redacted"] == {"name": 2}
    assert whole["custom_parameters"] == {"who": "◦◦◦◦◦◦◦◦◦◦ ◦◦◦◦◦", "plan": "gold"}
    assert whole["turns"][-2]["caller_text"] == "this is ◦◦◦◦◦◦◦ ◦◦◦◦◦◦◦◦◦"
    assert whole["turns"][-2]["agent_text"] == "So you say: this is ◦◦◦◦◦◦◦ ◦◦◦◦◦◦◦◦◦."
    assert "2 names" in pages[f"/sessions/{session}"]
    assert "no names" in pages["/connect"]


def untrained(folder: Path) -> str:
    """A model with the network for names that spaCy makes by default, which has learnt nothing: what it takes is what
    a trained one of its size takes, and what it finds is nonsense."""
    model = spacy.blank("en")
    model.add_pipe("ner")
    example = Example.from_dict(model.make_doc("Jane is here"), {"entities": [(0, 4, "PERSON")]})
    model.initialize(lambda: [example])
    model.to_disk(folder / "untrained")
    return str(folder / "untrained")


def milliseconds(finder: NamesOfPeople, text: str, times: int) -> float:
    finder(text)
    began = time.process_time()
    for _ in range(times):
        finder(text)
    return (time.process_time() - began) / times * 1000


def test_what_it_takes_is_told(finder: NamesOfPeople, tmp_path: Path) -> None:
    """The figures of docs/redaction.md; they fail for none."""
    for name, one in {"rules": finder, "an untrained network": name_finder(untrained(tmp_path))}.items():
        short, long = milliseconds(one, SAID, 200), milliseconds(one, f"{SAID}. " * 12, 50)
        print(f"\n{name}: {short:.2f} ms for {len(SAID)} characters, {long:.2f} ms for {len(SAID) * 12 + 24}", end="")
