"""What a session says of Twilio's signature: on its page, in the API, in the filter and beside the list."""

from relayproxy.connection import SignatureCheck
from relayproxy.store.write.archive import Archive
from tests.console import samples
from tests.console.conftest import Client

URL = "wss://relay.example.com/ws"
VALID = SignatureCheck("valid", f"{URL}?b=<redacted>", "query as sorted parameters", "env:TWILIO_AUTH_TOKEN")
WRONG = SignatureCheck(
    "wrong", URL, problem="it is for another URL, with a / at the end of its path", signed_url=f"{URL}/"
)
FOUND = [VALID, WRONG, SignatureCheck("missing"), SignatureCheck("unchecked"), None]


async def test_every_session_says_whether_twilio_signed_it(client: Client, archive: Archive) -> None:
    calls = [
        samples.Call(archive, samples.ago(100 + at), opening={"signature": found}).setup().commit().id
        for at, found in enumerate(FOUND)
    ]

    pages, connections, alarmed = [], [], []
    for call in calls:
        async with client.get(f"/sessions/{call}") as response:
            page = await response.text()
            pages.append(page.partition("<dt>Signature</dt><dd>")[2].partition("</dd>")[0])
            alarmed.append("Wrong signature</span>" in page.partition('data-part="head"')[2].partition("</header>")[0])
        async with client.get(f"/api/sessions/{call}") as response:
            body = await response.json()
            connections.append((body["signature"], body["connections"][0]["signature"]))

    says = ["signed by Twilio", "wrong signature", "not signed", "not checked", "not checked"]
    assert all(f"{words}</span>" in page for words, page in zip(says, pages, strict=True))
    assert "wss://relay.example.com/ws?b=&lt;redacted&gt;</bdi></code> (query as sorted parameters)" in pages[0]
    assert f"it is for another URL, with a / at the end of its path: <code><bdi>{URL}/</bdi>" in pages[1]
    assert alarmed == [False, True, False, False, False]
    assert connections[0] == (
        "valid",
        {
            "state": "valid",
            "url": f"{URL}?b=<redacted>",
            "form": "query as sorted parameters",
            "key": "env:TWILIO_AUTH_TOKEN",
            "problem": None,
            "signed_url": None,
        },
    )
    assert [state for state, _ in connections] == ["valid", "wrong", "missing", "unchecked", "unchecked"]

    async with client.get("/api/sessions?q=signature:wrong,missing") as response:
        assert {item["id"] for item in (await response.json())["items"]} == set(calls[1:3])
    async with client.get("/sessions?facets=1") as response:
        page = await response.text()
        facet = page.partition('data-value="signature:')[2]
        assert page.count("</svg>wrong signature</span>") == 1
    assert all(f">{words}</bdi>" in facet for words in says)
