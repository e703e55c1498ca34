from agent import answer
from aiohttp import web
from opentelemetry import context, propagate


async def converse(request):
    context.attach(propagate.extract(request.headers))
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    async for message in socket:
        await answer(socket.send_str, message.json())
    return socket
