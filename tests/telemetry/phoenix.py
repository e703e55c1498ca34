"""Arize Phoenix, from PyPI in an environment of its own, and what its API says of sessions and spans."""

import asyncio
import json
import os
import sys
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.telemetry.collector import answers, free_port

PYTHON = Path(sys.prefix) / "phoenix/bin/python"
"""Where `make viewer-check` installs it."""
QUERY = """
{ projects { edges { node {
    sessions(first: 10) { edges { node { sessionId numTraces firstInput { value } lastOutput { value } } } }
    spans(first: 1000) { edges { node { name spanKind statusCode parentId spanId attributes } } }
} } } }
"""


class Phoenix:
    def __init__(self, http: str, grpc: str) -> None:
        self.http = http
        self.grpc = grpc

    def found(self) -> tuple[dict[str, dict[str, Any]], list[dict[str, Any]]]:
        """Its sessions by their ids, and its spans with their attributes."""
        body = json.dumps({"query": QUERY}).encode()
        request = urllib.request.Request(f"{self.http}/graphql", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            projects = [edge["node"] for edge in json.load(answer)["data"]["projects"]["edges"]]
        sessions = [edge["node"] for one in projects for edge in one["sessions"]["edges"]]
        spans = [edge["node"] for one in projects for edge in one["spans"]["edges"]]
        for span in spans:
            span["attributes"] = json.loads(span["attributes"])
        return {one["sessionId"]: one for one in sessions}, spans


@asynccontextmanager
async def phoenix(folder: Path) -> AsyncIterator[Phoenix]:
    """A running Phoenix that keeps nothing."""
    http, grpc = free_port(), free_port()
    settings = {
        "PHOENIX_HOST": "127.0.0.1",
        "PHOENIX_PORT": str(http),
        "PHOENIX_GRPC_PORT": str(grpc),
        "PHOENIX_WORKING_DIR": str(folder),
        "PHOENIX_TELEMETRY_ENABLED": "false",
        "PHOENIX_ALLOW_EXTERNAL_RESOURCES": "false",
    }
    with (folder / "phoenix.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            str(PYTHON), "-m", "phoenix.server.main", "serve", env={**os.environ, **settings}, stdout=log, stderr=log
        )
        try:
            await asyncio.gather(answers(http, 180), answers(grpc, 180))
            yield Phoenix(f"http://127.0.0.1:{http}", f"http://127.0.0.1:{grpc}")
        finally:
            process.terminate()
            await process.wait()
