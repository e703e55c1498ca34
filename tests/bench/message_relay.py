"""What one writes first: a relay of messages with aiohttp. `python -m tests.bench.message_relay PORT`."""

import asyncio
import sys

import uvloop
from aiohttp import ClientSession, ClientWebSocketResponse, TCPConnector, WSMsgType, web

Socket = web.WebSocketResponse | ClientWebSocketResponse


async def pump(source: Socket, sink: Socket) -> None:
    async for message in source:
        if message.type is WSMsgType.TEXT:
            await sink.send_str(message.data)
        else:
            await sink.send_bytes(message.data)
    await sink.close()


async def main(backend: int) -> None:
    async with ClientSession(connector=TCPConnector(limit=0)) as session:

        async def handle(request: web.BaseRequest) -> web.StreamResponse:
            async with session.ws_connect(f"http://127.0.0.1:{backend}{request.raw_path}") as upstream:
                downstream = web.WebSocketResponse()
                await downstream.prepare(request)
                await asyncio.gather(pump(downstream, upstream), pump(upstream, downstream))
                return downstream

        runner = web.ServerRunner(web.Server(handle))
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0, backlog=4096)
        await site.start()
        print(runner.addresses[0][1], flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))
