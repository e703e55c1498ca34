"""Two sessions that differ: the booking of the samples, and the same caller with a later version of the agent.

Knows: what the later version does differently; how a page is got.
Must not know: how a difference is found.
"""

import json

from relayproxy.store.write.archive import Archive
from tests.console import samples
from tests.console.conftest import Client


def rebooking(archive: Archive, began: int) -> samples.Call:
    """The caller of `samples.booking` asks the same; the agent is slower at first, says other words, does not switch
    the language, and hands off for another reason. Committed."""
    call = samples.Call(archive, began, route="bookings").setup(
        parameters={"plan": "gold", "locale": "en-US", "campaign": "autumn"}
    )
    call.twilio(0.7, "info", name="agentSpeaking", value="on")
    call.plays(3.1, "Hello, this is the Harbour Restaurant. How can I help?")
    call.twilio(3.1, "info", name="agentSpeaking", value="off")
    call.asks(6.2, "I'd like to book a table for tonight, please.")
    call.answers(9.02, "Of course. For how many guests, and at what time would you like to come?")
    call.plays(13.0, "Of course. For how many guests, and at what time would you like to come?")
    call.asks(14.1, "Four people at half past seven.")
    call.answers(14.7, "We have a table by the window at half past seven. Shall I book it?")
    call.plays(18.9, "We have a table by the window at half past seven. Shall I book it?")
    call.asks(20.4, "The window one is fine.")
    call.answers(21.01, "Wonderful, the window table at half past seven. May I have your booking number?")
    call.plays(25.6, "Wonderful, the window table at half past seven. May I have your booking number?")
    for at, digit in ((27.0, "4"), (27.4, "7"), (27.8, "1"), (28.3, "#")):
        call.twilio(at, "dtmf", digit=digit)
    call.answers(28.82, "Thank you, I found it.")
    call.plays(29.9, "Thank you, I found it.")
    call.asks(33.9, "¿Puedo hablar con una persona?", lang="es-ES")
    call.answers(34.61, "Of course, I am putting you through to a colleague.")
    call.plays(38.1, "Of course, I am putting you through to a colleague.")
    call.asks(39.0, "Hello?")
    call.answers(39.6, "I am still here.")
    handoff = {"reasonCode": "caller-asked", "booking": {"number": 471, "guests": 4}}
    call.backend(42.2, "end", handoffData=json.dumps(handoff))
    return call.hang_up(42.3).commit()


async def shown(client: Client, path: str, status: int = 200) -> str:
    """The page there."""
    async with client.get(path) as response:
        assert response.status == status
        return await response.text()
