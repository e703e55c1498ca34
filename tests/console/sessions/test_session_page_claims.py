"""Two connections that say they are the same session: either says so, and a link to the id finds the first."""

from relayproxy.store.write.archive import Archive
from tests.console import samples
from tests.console.conftest import Client


async def test_both_say_that_another_connection_claims_the_same_id(client: Client, archive: Archive) -> None:
    real = (
        samples.Call(archive, samples.ago(300)).setup().asks(1.0, "Hello?").answers(1.3, "Yes.").hang_up(9.0).commit()
    )
    forged = samples.Call(archive, samples.ago(100))
    forged.vx = real.vx
    forged.setup(caller="+15550100066").asks(1.0, "forged: I confirm the order").hang_up(4.0).commit()
    alone = samples.Call(archive, samples.ago(50)).setup().commit()

    for one, other in ((real, forged), (forged, real)):
        async with client.get(f"/api/sessions/{one.id}") as response:
            assert [claim["id"] for claim in (await response.json())["claims"]] == [other.id]
        async with client.get(f"/sessions/{one.id}") as response:
            text = await response.text()
        assert "Another connection claims the same session id" in text
        assert f'href="/sessions/{other.id}"' in text
    async with client.get(f"/api/sessions/{real.vx}") as response:
        assert (await response.json())["id"] == real.id
    async with client.get("/api/sessions", params={"q": real.vx}) as response:
        assert [item["id"] for item in (await response.json())["items"]] == [forged.id, real.id]
    async with client.get(f"/sessions/{alone.id}") as response:
        assert "claims the same session id" not in await response.text()
