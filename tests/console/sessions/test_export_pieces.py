"""Each form of a file is the same in however many pieces it is made."""

import pytest

from relayproxy.console.sessions import export_pieces
from relayproxy.console.sessions.export_content import FORMS
from relayproxy.store.write.archive import Archive
from tests.console import samples
from tests.console.conftest import Client
from tests.console.sessions.answers import got


async def test_long_calls_come_in_pieces(client: Client, archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    call = samples.booking(archive, samples.ago(100)).commit()
    whole = {form: (await got(client, f"/sessions/{call.id}/recording?format={form}"))[0] for form in FORMS}
    monkeypatch.setattr(export_pieces, "TURNS", 2)
    pieces = {form: (await got(client, f"/sessions/{call.id}/recording?format={form}"))[0] for form in FORMS}

    assert pieces == whole
