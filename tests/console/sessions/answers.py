"""What the console answers about a session: a part of a page, or a file."""

from tests.console.conftest import Client


async def part(client: Client, path: str, start: str, end: str) -> str:
    async with client.get(path) as response:
        text = await response.text()
        assert response.status == 200, text
        return text.partition(start)[2].partition(end)[0]


async def got(client: Client, path: str, status: int = 200) -> tuple[bytes, str, str]:
    """What was answered, its type, and the name of the file."""
    async with client.get(path) as response:
        body = await response.read()
        assert response.status == status, body
        name = response.headers.get("Content-Disposition", "").removeprefix('attachment; filename="').rstrip('"')
        return body, response.headers["Content-Type"], name
