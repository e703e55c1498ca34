"""Secrets and words that must not be anywhere but where they belong, looked for in everything that a whole run says."""

import html
import json
import os
import re
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from relayproxy.lab.agent.server import serving as answering
from relayproxy.lab.scenarios.model import Scenario, SendAfter, Turn
from relayproxy.lab.simulation.simulate import simulate
from relayproxy.lab.twilio.twiml import TwiML
from tests.databases import details_in
from tests.supervisor.serving import Serving, serving, until

SECRETS = {
    "SIGN_TOKEN": "goldfinch-0123456789abcdef",
    "OTLP_KEY": "Bearer kingfisher",
    "RECEIVER_TOKEN": "woodpecker",
    "OPS_SECRET": "bullfinch",
    "OPS_URL": "chaffinch",
    "BACKEND_KEY": "wagtail",
}
WORDS, CARD = "nightingale", "4111 1111 1111 1111"
SAID = Turn(user=f"The {WORDS} pays with card number {CARD}.", send_after=SendAfter("turn"))
PAYS = Scenario("pays", (SAID,), twiml=TwiML(partial_prompts=False))
UNHEARD = "hoopoe"
"""Said, and the name of a parameter, in a call over a route that keeps nothing of its calls."""
ASKS = Scenario(
    "asks",
    (Turn(user=f"Where does the {UNHEARD} nest?", send_after=SendAfter("turn")),),
    twiml=TwiML(partial_prompts=False),
    parameters={UNHEARD: UNHEARD},
)
OF_CALLS = ("/sessions", "/calls", "/live", "/api/sessions", "/api/calls", "/api/live")
"""Where what was said may be shown."""
SETTINGS = """
[otel]
endpoint = "{sink}"
headers = {{ authorization = "env:OTLP_KEY" }}

[routes.quiet]
backend = "{backend}"
record = "none"

[receiver]
listen = "127.0.0.1:0"
token = "env:RECEIVER_TOKEN"

[alerts.full]
kind = "disk"
above = 0

[alerts.slow]
kind = "p95_latency"
above = 0
min_samples = 1

[webhooks.ops]
url = "env:OPS_URL"
secret = "env:OPS_SECRET"

[webhooks.team]
url = "{sink}/team"
"""


class Sink:
    """An endpoint for spans, metrics and webhooks that refuses each at first, and keeps what it got, by path."""

    def __init__(self) -> None:
        self.got: dict[str, list[tuple[dict[str, str], bytes]]] = {}
        self.url = ""


@contextmanager
def listening(sink: Sink) -> Iterator[None]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            before = sink.got.setdefault(self.path, [])
            before.append((dict(self.headers), body))
            self.send_response(200 if len(before) > 1 else 401)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        sink.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()


async def pages_of(serve: Serving) -> dict[str, str]:
    """Every page that links lead to, and every answer of the API that can be asked for without more than a session."""
    found: dict[str, str] = {}
    (first, *_) = await serve.sessions()
    async with aiohttp.ClientSession(serve.console) as http:
        async with http.get("/api/openapi.json") as answer:
            paths = (await answer.json())["paths"]
        waiting = ["/sessions", "/alerts", "/audit", "/metrics", "/connect"]
        waiting += [path.replace("{id}", first["id"]) for path, ways in paths.items() if "get" in ways]
        seen: set[str] = set()
        while waiting:
            path = waiting.pop()
            # Of a page that can be asked in many ways, one.
            if path.partition("?")[0] in seen or "{" in path or path.startswith("/static") or path.endswith("live"):
                continue
            seen.add(path.partition("?")[0])
            async with http.get(path) as answer:
                found[path] = await answer.text("utf-8", "replace")
            if answer.content_type == "text/html":
                waiting += [html.unescape(link) for link in re.findall(r'href="(/[^"#]*)', found[path])]
        async with http.post("/connect/check") as answer:
            assert answer.status == 200
            found["/connect/check"] = await answer.text()
    return found


async def test_no_secret_and_no_word_is_where_it_does_not_belong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink = Sink()
    with listening(sink):
        for name, value in SECRETS.items():
            monkeypatch.setenv(name, f"{sink.url}/{value}" if name == "OPS_URL" else value)
        monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "20")
        monkeypatch.setenv("OTEL_METRIC_EXPORT_INTERVAL", "200")
        config = tmp_path / "relayproxy.toml"
        data = tmp_path / "data"
        guarded = ("--auth-token", "env:SIGN_TOKEN", "--verify", "enforce", "--config", str(config))
        async with answering(speed=20) as agent:
            config.write_text(SETTINGS.format(sink=sink.url, backend=agent))
            async with serving(f"{agent}/?key={SECRETS['BACKEND_KEY']}", data, *guarded) as serve:
                await go_through(serve, sink)
                pages = await pages_of(serve)
        kept = {str(file): file.read_bytes() for file in data.rglob("*") if file.is_file()}
        kept["details"] = details_in(data / "relayproxy.db")

    sent = {path: b"".join(body for _, body in requests) for path, requests in sink.got.items()}
    hook = f"/{SECRETS['OPS_URL']}"
    assert {hook, "/team", "/v1/traces", "/v1/metrics"} == {*sent}
    assert {"/connect", "/health", "/alerts", "/audit", "/metrics", "/api/alerts", "/api/health"} < {*pages}
    everything: dict[str, bytes] = {"logs": serve.text.encode(), **sent, **kept}
    everything |= {path: page.encode() for path, page in pages.items()}
    for secret in (*SECRETS.values(), CARD, CARD.replace(" ", ""), UNHEARD):
        word = secret.removeprefix("Bearer ").encode()
        assert [place for place, text in everything.items() if word in text] == [], secret
    told = {**sent, "logs": serve.text.encode(), **{path: page.encode() for path, page in pages.items()}}
    holding = [place for place, text in told.items() if WORDS.encode() in text]
    assert [place for place in holding if not place.startswith(OF_CALLS)] == []
    assert holding, "the call is shown"
    assert {headers.get("authorization") for headers, _ in sink.got["/v1/traces"]} == {SECRETS["OTLP_KEY"]}
    assert all("authorization" not in map(str.lower, headers) for headers, _ in sink.got[hook] + sink.got["/team"])


async def go_through(serve: Serving, sink: Sink) -> None:
    """A stranger's call, one over a route that keeps nothing, one that is recorded, spans of the backend, and alerts of
    both; all is refused at first."""
    calls: dict[str, Any] = {"scenarios": (PAYS,), "speed": 20, "patience": 30}
    stranger = await simulate(serve.relay, **calls)
    assert stranger.connected == 0
    unheard = await simulate(
        f"{serve.relay}/r/quiet", auth_token=SECRETS["SIGN_TOKEN"], **calls | {"scenarios": (ASKS,)}
    )
    assert unheard.connected == 1
    await simulate(serve.relay, auth_token=SECRETS["SIGN_TOKEN"], **calls)

    async def over() -> Any:
        return [one for one in await serve.sessions() if one["ended_at"] and one["signature"] == "valid"]

    (session,) = await until(over)
    receiver = next(line.split()[-1] for line in serve.said if line.startswith("receiver listening on"))
    span = {"traceId": session["trace_id"], "spanId": "ab" * 8, "name": "chat"}
    async with aiohttp.ClientSession() as http:
        for token, status in (("wrong", 401), (SECRETS["RECEIVER_TOKEN"], 200)):
            shown = {"Authorization": f"Bearer {token}"}
            request = {"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}
            async with http.post(f"{receiver}/v1/traces", json=request, headers=shown) as answer:
                assert answer.status == status
        # One that is started anew measures at once.
        console = serve.child("console")
        assert console is not None
        os.kill(console, signal.SIGTERM)
    hook = f"/{SECRETS['OPS_URL']}"
    try:
        await until(lambda: b"/sessions/" in b"".join(body for _, body in sink.got.get(hook, ())))
    except TimeoutError:
        raise AssertionError(f"no alert of a call: {sink.got.get(hook)}\n{serve.text}") from None
    await until(lambda: all(len(sink.got.get(path, ())) > 1 for path in ("/v1/traces", "/v1/metrics")))
    assert any(json.loads(body)["alert"] == "slow" for _, body in sink.got[hook])
