"""OTLP over HTTP: answers that senders understand, whatever they send."""

import asyncio
import gzip
import json as plain
import logging
import zlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import msgspec
import pytest
from google.rpc.status_pb2 import Status

from relayproxy import private_http
from relayproxy.receiver import bodies
from relayproxy.receiver.http_app import AT_ONCE
from relayproxy.receiver.intake import Intake
from tests.databases import migrated
from tests.patience import PATIENCE
from tests.receiver.stage import TRACE, Stage, receiving
from tests.telemetry.spans import json, json_span, proto_span, protobuf

PROTOBUF = "application/x-protobuf"
BLANK = gzip.compress(b" " * 65_537, mtime=0)


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with receiving(tmp_path, request_limit=64 * 1024) as stage:
        yield stage


async def test_what_is_taken_is_answered_in_its_own_encoding_and_kept(stage: Stage) -> None:
    stage.call()

    assert (await stage.post(json(json_span(1))))[:2] == (200, b"{}")
    status, body, headers = await stage.post(protobuf(proto_span(2)), content_type=PROTOBUF)
    assert (status, body, headers["Content-Type"]) == (200, b"", PROTOBUF)
    assert (await stage.post(gzip.compress(json(json_span(3))), Content_Encoding="gzip"))[0] == 200
    assert (await stage.post(zlib.compress(json(json_span(4))), Content_Encoding="deflate"))[0] == 200

    await stage.until(lambda: stage.spans().total == 4)
    assert {one.joined_by for one in stage.spans().spans} == {"trace"}


async def test_bad_spans_are_rejected_one_by_one(stage: Stage) -> None:
    stage.call()

    status, body, _ = await stage.post(json(json_span(1), json_span(2, spanId="x"), json_span(3, endTimeUnixNano="0")))

    assert status == 200
    partial = plain.loads(body)["partialSuccess"]
    assert partial["rejectedSpans"] == "1"
    assert "spans[1]: spanId has 1 characters" in partial["errorMessage"]
    await stage.until(lambda: stage.spans().total == 2)


@pytest.mark.parametrize(
    ("body", "content_type", "headers", "status", "says"),
    [
        (b"{", "application/json", {}, 400, "no ExportTraceServiceRequest in JSON"),
        (b"\xff", PROTOBUF, {}, 400, "no ExportTraceServiceRequest in protobuf"),
        (b"{}", "text/plain", {}, 415, "Content-Type of application/x-protobuf"),
        (b"{}", "application/json", {"Content_Encoding": "br"}, 415, "Content-Encoding of gzip"),
        (b"{}", "application/json", {"Content_Encoding": "gzip"}, 400, "the body is no gzip"),
        (b" " * 65_537, "application/json", {}, 413, "more than 65536 bytes"),
        (
            gzip.compress(b" " * 65_537, mtime=0),
            "application/json",
            {"Content_Encoding": "gzip"},
            413,
            "when it is inflated",
        ),
        (b"{}", "application/json", {"Origin": "https://evil.example"}, 403, "pages in browsers"),
    ],
)
async def test_what_cannot_be_taken_is_refused_in_words(
    stage: Stage, body: bytes, content_type: str, headers: dict[str, str], status: int, says: str
) -> None:
    found, answer, told = await stage.post(body, content_type=content_type, **headers)

    assert found == status
    message = Status.FromString(answer).message if told["Content-Type"] == PROTOBUF else plain.loads(answer)["message"]
    assert says in message


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/traces", 405),
        ("DELETE", "/v1/traces", 405),
        ("OPTIONS", "/v1/traces", 405),
        ("PROPFIND", "/v1/traces", 405),
        ("GET", "/", 404),
        ("POST", "/v1/profiles", 404),
        ("POST", "/v1/traces/../../etc/passwd", 404),
    ],
)
async def test_other_paths_and_methods_are_refused(stage: Stage, method: str, path: str, status: int) -> None:
    async with stage.http.request(method, stage.url + path) as answer:
        assert answer.status == status
        assert plain.loads(await answer.read())["message"].startswith("POST to /v1/traces")


async def test_a_body_without_a_length_is_bounded_too(stage: Stage) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(1000):
            yield b" " * 1000

    async with stage.http.post(
        f"{stage.url}/v1/traces", data=endless(), headers={"Content-Type": "application/json"}
    ) as answer:
        assert answer.status == 413


POST = b"POST /v1/traces HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"


class Stranger:
    """A connection on which anything can be sent."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    @classmethod
    async def connect(cls, stage: Stage, stack: AsyncExitStack, sent: bytes) -> "Stranger":
        reader, writer = await asyncio.open_connection(*stage.url.removeprefix("http://").split(":"))
        stack.callback(writer.close)
        writer.write(sent)
        return cls(reader, writer)

    async def status(self) -> int:
        async with asyncio.timeout(PATIENCE):
            return int((await self._reader.readline()).split()[1])


HALVES = (POST, POST + b"X: ", POST + b"Content-Length: 60000\r\n\r\n{")


async def test_requests_that_do_not_end_hold_up_nobody(stage: Stage) -> None:
    async with AsyncExitStack() as stack:
        for sent in HALVES * AT_ONCE:
            await Stranger.connect(stage, stack, sent)
        assert (await stage.post(json(json_span(1))))[0] == 200


async def test_requests_that_do_not_end_are_given_up(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(private_http, "HEAD_TIMEOUT", 0.1)
    monkeypatch.setattr(bodies, "READ_TIMEOUT", 0.1)
    async with AsyncExitStack() as stack:
        strangers = [await Stranger.connect(stage, stack, sent) for sent in HALVES]
        assert [await stranger.status() for stranger in strangers] == [408, 408, 408]


@pytest.mark.parametrize("rest", [b"zz\r\n{}\r\n0\r\n\r\n", b"2\r\n{}ff\r\n"])
async def test_a_body_in_broken_chunks_is_refused(stage: Stage, rest: bytes, caplog: pytest.LogCaptureFixture) -> None:
    async with AsyncExitStack() as stack:
        stranger = await Stranger.connect(stage, stack, POST + b"Transfer-Encoding: chunked\r\n\r\n" + rest)
        assert await stranger.status() == 400

    assert not [one for one in caplog.records if one.levelno >= logging.ERROR]


async def test_who_leaves_in_the_middle_is_no_error(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    async with AsyncExitStack() as stack:
        for sent in (POST, POST + b"Content-Length: 9\r\n\r\n{"):
            await Stranger.connect(stage, stack, sent)
    assert (await stage.post(json(json_span(1))))[0] == 200

    assert not [one for one in caplog.records if one.levelno >= logging.ERROR]


async def test_metrics_and_logs_are_accepted_and_counted(stage: Stage) -> None:
    for signal in ("metrics", "logs"):
        assert (await stage.post(b"{}", signal))[:2] == (200, b"{}")
        assert (await stage.post(b"", signal, PROTOBUF))[:2] == (200, b"")


async def test_a_token_has_to_be_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECEIVER_TOKEN", "nightingale")
    async with receiving(tmp_path, token="env:RECEIVER_TOKEN") as stage:
        for shown in ({}, {"Authorization": "Bearer nightingal"}, {"Authorization": "nightingale"}):
            status, answer, _ = await stage.post(json(json_span(1)), **shown)
            assert (status, msgspec.json.decode(answer)["code"]) == (401, 16)
        assert (await stage.post(json(json_span(1)), Authorization="Bearer nightingale"))[0] == 200


async def test_while_the_database_is_away_spans_wait_and_then_senders_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("relayproxy.receiver.process.Intake", lambda: Intake(spans=2))
    async with receiving(tmp_path, database=False) as stage:
        taken = []
        for number in range(1, 600):
            status, answer, headers = await stage.post(json(json_span(number)))
            if status != 200:
                break
            taken.append(number)
        assert (status, headers["Retry-After"], msgspec.json.decode(answer)["code"]) == (503, "5", 14)

        migrated(f"sqlite:///{tmp_path}/relayproxy.db")
        stage.call(trace=TRACE)
        await stage.until(lambda: stage.spans().total == len(taken))
        assert (await stage.post(json(json_span(1000))))[0] == 200
        await stage.until(lambda: stage.spans().total == len(taken) + 1)
