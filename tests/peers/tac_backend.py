"""Twilio's own agent SDK (twilio-agent-connect) as a backend, in a process of its own.

    async with tac_backend() as url:      # ws://127.0.0.1:PORT/ws
        ...
    with running_tac() as url:            # the same for tests without an event loop

It checks signatures, with AUTH_TOKEN, as it does in production: it rebuilds the URL that Twilio signed from
`X-Forwarded-Proto` (https means wss; without it the scheme is ws), `X-Forwarded-Host` (or else Host), the path as it
arrives, and the query as parameters. A request that does not match gets HTTP 403 before 101.

    directly:         sign the backend's own URL; nothing else is needed
    behind a proxy:   sign the public URL (wss://phone.example.net/ws), its path being the one that reaches this
                      backend (/ws); the proxy adds X-Forwarded-Host: phone.example.net and X-Forwarded-Proto: https

There is no model behind it: it answers `You said: <prompt>` word by word; to a prompt with `count` it counts to 200,
slowly enough to be interrupted; to one with `person` it says a sentence and hands off with HANDOFF. It does not greet.
It takes partial prompts for prompts, as TAC 2.5.0 does: leave them off in the TwiML unless that is what is tested.
"""

import asyncio
import contextlib
import json
import os
import subprocess
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from typing import Any

from opentelemetry import trace

from tests.patience import PATIENCE
from tests.peers.instrument import instrumented

AUTH_TOKEN = "lab-auth-token"
PATH = "/ws"
HANDOFF = json.dumps({"reasonCode": "live-agent", "reason": "asked for a person"})
TOKEN_SECONDS = 0.01


@contextlib.contextmanager
def running_tac(endpoint: str | None = None) -> Iterator[str]:
    """The backend as long as the block lasts, with OpenTelemetry where there is an `endpoint` for its spans; gives its
    URL."""
    command, environment = [sys.executable, "-m", "tests.peers.tac_backend"], dict(os.environ)
    if endpoint is not None:
        command, environment = instrumented(command, endpoint)
    process = subprocess.Popen(
        command, env={**environment, "TAC_ANALYTICS_DISABLED": "true"}, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        port = process.stdout.readline().strip()
        assert port.isdigit(), f"the TAC backend did not start (it said {port!r})"
        yield f"ws://127.0.0.1:{port}{PATH}"
    finally:
        process.terminate()
        process.stdout.close()
        process.wait(PATIENCE)


@contextlib.asynccontextmanager
async def tac_backend() -> AsyncIterator[str]:
    """The same for a running event loop."""
    backend = running_tac()
    url = await asyncio.to_thread(backend.__enter__)
    try:
        yield url
    finally:
        await asyncio.to_thread(backend.__exit__, None, None, None)


async def _words(text: str) -> AsyncGenerator[str | dict[str, Any], None]:
    for number, word in enumerate(text.split(" ")):
        await asyncio.sleep(TOKEN_SECONDS)
        yield f" {word}" if number else word


async def _serve() -> None:
    import socket

    import uvicorn
    from tac import TAC, TACConfig
    from tac.channels.voice import VoiceChannel
    from tac.models.handoff import PendingHandoffData
    from tac.models.session import ConversationSession
    from tac.server import TACFastAPIServer, TACServerConfig

    tac = TAC(
        TACConfig(
            account_sid="AC" + "0" * 32,
            auth_token=AUTH_TOKEN,
            api_key="SK" + "0" * 32,
            api_secret="lab-api-secret",
            phone_number="+15550100002",
            voice_public_domain="phone.example.net",
            voice_websocket_path=PATH,
            log_level="CRITICAL",
        )
    )
    voice = VoiceChannel(tac)

    async def answer(text: str, session: ConversationSession, _: object) -> None:
        reply = f"You said: {text}"
        if "count" in text:
            reply = " ".join(map(str, range(1, 201)))
        elif "person" in text:
            reply = "I will connect you."
            session.pending_handoff_data = PendingHandoffData(handoffData=HANDOFF)
        # Where nothing instruments the process this makes no span.
        said = {"gen_ai.operation.name": "chat", "gen_ai.input.messages": text}
        with trace.get_tracer("agent").start_as_current_span("chat small", attributes=said):
            await voice.send_response(session.conversation_id, _words(reply))

    tac.on_message_ready(answer)
    app = TACFastAPIServer(tac, voice, config=TACServerConfig()).app
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="critical"))
    print(listener.getsockname()[1], flush=True)  # the kernel queues connections until uvicorn accepts them
    await server.serve([listener])


if __name__ == "__main__":
    asyncio.run(_serve())
