"""What the Connect page says of Twilio's signature on each route."""

from pathlib import Path

import pytest

from relayproxy.connection import SignatureCheck
from relayproxy.settings.loading import load
from relayproxy.settings.model import Settings
from relayproxy.store.write.archive import Archive
from tests.console.conftest import Client
from tests.console.samples import Call, ago


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    routes = {
        "bookings": {"backend": "wss://bookings.example.com/ws"},
        "anew": {"backend": "wss://anew.example.com/ws", "signature": "resign"},
        "open": {"backend": "wss://open.example.com/ws", "verify": "off", "signature": "strip"},
    }
    values = {"data_dir": str(tmp_path / "data"), "public_url": "wss://relay.example.com", "auth_tokens": "env:T"}
    return load(None, {**values, "backend": "wss://agent.example.com/ws", "routes": routes}, {})


async def test_it_says_of_each_route_what_its_signatures_tell(client: Client, archive: Archive) -> None:
    problem = "it is for another URL, with a / at the end of its path"
    for at in range(3):
        wrong = SignatureCheck(
            "wrong", "wss://relay.example.com/ws", problem=problem, signed_url="wss://relay.example.com/ws/"
        )
        Call(archive, ago(60 + at), opening={"signature": wrong}).setup().commit()
    Call(archive, ago(50), route="bookings", opening={"signature": SignatureCheck("valid")}).setup().commit()
    async with client.get("/api/connect") as response:
        found = {item["route"]: item for item in (await response.json())["items"]}
    async with client.get("/connect") as response:
        page = await response.text()
    async with client.get("/api/health") as response:
        checks = {one["name"]: one for one in (await response.json())["checks"]}

    assert found["default"]["last_call"]["signature"] == "wrong"
    told = found["default"]["signatures"]
    assert (told["verify"], told["wrong"], told["anyone_may_call"]) == ("report", 3, False)
    assert told["summary"].startswith(
        f"All of the last 3 calls carried a wrong signature. Of the last one: {problem}: "
    )
    assert "make the URL in Studio or TwiML and <code>public_url</code> the same" in page
    assert f"Wrong signature: {problem}." in page
    assert found["bookings"]["signatures"]["summary"] == "The last call on route bookings was signed by Twilio."
    assert found["open"]["signatures"]["anyone_may_call"] is True
    assert "<b>Anyone may call on route open: Twilio&#39;s signature is not checked.</b>" in page
    assert "With <code>signature = resign</code>, which signs for the path that your backend sees, a usual" in page
    assert "Calls that Twilio has signed are signed anew for <code><bdi>wss://anew.example.com/ws" in page
    assert "Your backend gets no signature" in page
    assert (checks["signatures"]["state"], checks["signatures"]["title"]) == (
        "warn",
        "All of the last 3 calls carried a wrong signature",
    )
