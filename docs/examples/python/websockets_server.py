import json

from agent import answer
from opentelemetry import context, propagate


async def converse(socket):
    context.attach(propagate.extract(socket.request.headers))
    async for message in socket:
        await answer(socket.send, json.loads(message))
