"""A card number, a PIN and an e-mail address go through the whole system, and are nowhere afterwards."""

import gzip
import json
import re
import sqlite3
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve

from relayproxy.journal.segments import journal_paths
from tests.databases import details_in, migrated
from tests.patience import PATIENCE
from tests.running import Running, running
from tests.system.stack import until
from tests.telemetry.collector import collector

CARD = "5425 2334 3010 9903"
WORDS = "five four two five two three three four", "three zero one zero nine nine zero three"
PIN_WORDS = "eight three six two nine one"
KEYS = "739154#"
SSN = "078-05-1120"
MAIL = "quentin.zebra@example.com"
SPOKEN_MAIL = "quentin dot zebra at example dot com"
_QUOTES = ['"', '\\"', '\\\\\\"', "\\" * 7 + '"']
"""As they are written in JSON, in JSON within JSON, and so on."""
TRACES = (
    *(f"5425{quote}, {quote}2334" for quote in _QUOTES),
    *("5425 2", "25 2334", "2334 3", "34 3010", "54252334", "23343010", "30109903"),
    *("739154#", "9154#", "078-05", "078051120"),
    *("four two five", "two three three", "three zero one zero", "eight three six", "three six two"),
    *("quentin", "zebra"),
)
"""Pieces of the secrets, each of which would tell too much; none that a time in nanoseconds has by chance."""


class Agent:
    """Answers each final prompt with the next of its lines, which are lists of tokens or whole messages."""

    def __init__(self) -> None:
        self.lines: Iterator[list[str | dict[str, Any]]] = iter(
            [
                ["Your card ", "num", "ber, please?"],
                ["go on"],
                ["So it is 54", "25 2334 30", "10 9903, and the PIN?"],
                [{"type": "txt", "token": f"card {CARD}"}, "And where can I ", "write to?"],
                ["I wrote to quentin", ".zebra@exam", "ple.com.", {"type": "sendDigits", "digits": KEYS}],
                [
                    "Bye.",
                    {
                        "type": "end",
                        "handoffData": json.dumps(
                            {"reasonCode": "paid", "card": CARD, "ssn": SSN, "groups": CARD.split()}
                        ),
                    },
                ],
            ]
        )
        self.heard: list[str] = []

    async def __call__(self, socket: ServerConnection) -> None:
        async for message in socket:
            self.heard.append(str(message))
            said = json.loads(message)
            if said["type"] == "prompt" and said["last"]:
                await self.answer(socket)

    async def answer(self, socket: ServerConnection) -> None:
        line = next(self.lines, ["Good."])
        for number, one in enumerate(line):
            if isinstance(one, str):
                one = {"type": "text", "token": one, "last": number == len(line) - 1}
            await socket.send(json.dumps(one))


async def call(url: str, agent: Agent) -> list[str]:
    """The whole call; what the caller's end got."""
    got: list[str] = []
    plain = CARD.replace(" ", "")
    async with connect(f"{url}/call/{plain}?card={plain}", additional_headers={"X-Card": CARD}) as socket:

        async def send(type: str, **fields: Any) -> None:
            await socket.send(json.dumps({"type": type, **fields}))

        async def says(*partials: str, answers: int = 1) -> None:
            for partial in partials[:-1]:
                await send("prompt", voicePrompt=partial, lang="en-US", last=False)
            await send("prompt", voicePrompt=partials[-1], lang="en-US", last=True)
            for _ in range(answers):
                got.append(str(await socket.recv()))

        parameters = {"plan": "gold", "card": CARD, "ssn": SSN, "mail": MAIL}
        ids = {"sessionId": "VX" + "1" * 32, "callSid": "CA" + "1" * 32, "accountSid": "AC" + "0" * 32}
        numbers = {"from": "+15550100001", "to": "+15550100002", "direction": "inbound"}
        await send("setup", **ids, **numbers, customParameters=parameters)
        await says("I want to pay", answers=3)
        await says("it is", "it is five four", f"it is {WORDS[0]}", f"it is {WORDS[0]}")
        await says(WORDS[1], answers=3)
        for heard in ("So it is 5425", " 2334 3010"):
            await send("info", name="tokensPlayed", value=heard)
        await send("interrupt", utteranceUntilInterrupt=" 2334 30", durationUntilInterruptMs=900)
        await says(f"my PIN is {PIN_WORDS}", answers=3)
        await send("error", description=f"Invalid message received, code: 64107, {got[-3]}")
        await says("write to quentin", f"write to {SPOKEN_MAIL}", f"write to {SPOKEN_MAIL}", answers=4)
        await send("info", name="tokensPlayed", value=KEYS)
        for key in KEYS:
            await send("dtmf", digit=key)
        await says("that was all, good bye", answers=2)
    assert any(CARD in one for one in got)
    return got


def get(console: Running, path: str) -> str:
    with urllib.request.urlopen(console.url + path, timeout=PATIENCE) as answer:
        body: bytes = answer.read()
    return (gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body).decode()


def files(folder: Path) -> dict[str, bytes]:
    """Every file below the folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def recordings(folder: Path) -> bytes:
    """What is in the compressed recordings and packed details, and every text of the database."""
    details = details_in(folder / "relayproxy.db")
    with sqlite3.connect(folder / "relayproxy.db") as database:
        return (
            details
            + "\n".join(database.iterdump()).encode()
            + b"".join(
                gzip_or_zlib(bytes(value))
                for (table,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
                for row in database.execute(f'SELECT * FROM "{table}"')
                for value in row
                if isinstance(value, bytes)
            )
        )


def gzip_or_zlib(value: bytes) -> bytes:
    import zlib

    for bits in (31, 15, -15):
        try:
            return zlib.decompress(value, bits)
        except zlib.error:
            continue
    return value


def traces(text: str | bytes) -> list[str]:
    """The pieces of secrets in a text."""
    data = text if isinstance(text, bytes) else text.encode()
    return [trace for trace in TRACES if trace.encode() in data.lower()]


async def test_a_card_number_a_pin_and_an_address_are_stored_nowhere(tmp_path: Path) -> None:
    """By voice, keys, parameters, handoff, an echo, the URL and headers; in files, spans, pages, API, exports, logs."""
    data, journal = tmp_path / "data", tmp_path / "journal"
    data.mkdir()
    migrated(f"sqlite:///{data}/relayproxy.db")
    agent = Agent()
    modes: dict[str, Any] = {"record": "redacted", "redact_fields": "ssn", "journal_dir": str(journal)}
    async with collector(tmp_path) as there, serve(agent, "127.0.0.1", 0) as server:
        backend = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        otel = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": there.http,
            "OTEL_BSP_SCHEDULE_DELAY": "50",
            "RELAYPROXY_OTEL__CONTENT": "true",
        }
        with ExitStack() as processes:
            start = processes.enter_context
            console = start(running("console", data_dir=data, console="127.0.0.1:0", backend=backend, **modes))
            recorder = start(running("recorder", data_dir=data, env=otel, **modes))
            relay = Running("relay", data_dir=data, listen="127.0.0.1:0", backend=backend, **modes)
            try:
                got = await call(relay.url.replace("http", "ws"), agent)
                [path] = journal_paths(journal)
                assert path.stat().st_mode & 0o777 == 0o700
                assert {one.stat().st_mode & 0o777 for one in path.iterdir()} == {0o600}
                with pytest.raises(urllib.error.HTTPError):
                    get(relay, f"/r/{CARD.replace(' ', '')}/x")
            finally:
                relay.stop()
            await until(lambda: [one for one in json.loads(get(console, "/api/sessions"))["items"] if one["ended_at"]])
            await until(lambda: not journal_paths(journal))
            [listed] = json.loads(get(console, "/api/sessions"))["items"]
            session = listed["id"]
            await there.received.until_named("conversation")
            told = [span.SerializeToString() for span in there.received.spans]
            assert b"Your card number, please?" in b"".join(told)
            assert "•••• •••• ••••".encode() in b"".join(told)
            pages = {
                path: get(console, path)
                for path in (
                    *("/sessions", "/live", "/insight", "/health", "/connect", "/api/health", "/api/connect"),
                    *(f"/sessions/{session}", f"/sessions/{session}?m=1", f"/api/sessions/{session}"),
                    *(f"/api/sessions/{session}/messages", f"/api/sessions/{session}/turns"),
                    *(f"/sessions/{session}/recording{form}" for form in ("", "?format=json", "?format=text")),
                    *("/api/sessions?q=zebra", "/api/sessions?q=%225425%202334%22", "/api/facets"),
                )
            }
            whole = json.loads(pages[f"/api/sessions/{session}"])
            recorder.stop()
    # The wire carries every byte as it came.
    assert any(WORDS[1] in one for one in agent.heard)
    assert any(CARD in one for one in got)
    # Nothing of it is anywhere else.
    for name, page in pages.items():
        page = page.replace("?q=zebra", "").replace("?q=%225425%202334%22", "")
        assert traces(re.sub(r'"(?:q|query)":"[^"]*"|value="[^"]*"', "", page)) == [], name
    assert traces(b"".join(told)) == []
    for name, content in files(tmp_path).items():
        assert traces(content) == [], name
    assert traces(recordings(data)) == []
    assert traces((data / "relay.log").read_bytes() + (data / "recorder.log").read_bytes()) == []
    assert json.loads(pages["/api/sessions?q=zebra"])["items"] == []
    # What is left tells what was there.
    assert whole["redacted"] == {"card_number": 1, "email": 2, "field": 1, "keys": 2, "pin": 1}
    assert whole["recorded"] == "redacted"
    assert whole["custom_parameters"]["card"] == "•••• •••• •••• 9903"
    assert whole["handoff"]["reason_code"] == "paid"
    assert any(finding["code"] == "handoff_card_number" for finding in whole["findings"])
    assert "1 card number" in pages[f"/sessions/{session}"]
    assert whole["turns"][1]["agent_text"] == "Your card number, please?"
