"""What comes of a replay, and why nothing does."""

from relayproxy.store.write.archive import Archive
from tests.console import samples
from tests.console.conftest import Client
from tests.console.replays.asking import replayed


async def test_why_none_came_of_it_is_said(client: Client, archive: Archive) -> None:
    call = samples.booking(archive, samples.ago(100)).commit()
    path, page = await replayed(client, call.id, "away")
    assert path.startswith("/replays/")
    assert "The backend of away was not reached:" in page

    masked = samples.Call(archive, samples.ago(50)).setup()
    masked.asks(2.0, "My card is ••••.").hang_up(5.0).commit()
    _, page = await replayed(client, masked.id, "next")
    assert "what the caller said is masked" in page
    assert "Test values can be filled in there." in page
    path, page = await replayed(client, masked.id, "next", fill="on")
    assert path.startswith("/compare?"), page
