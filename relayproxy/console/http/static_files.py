"""Static files: read once at the start, served under URLs that change with their content.

Knows: media types, entity tags, how long a browser may keep a file.
Must not know: what is in the files.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from aiohttp import ETag, web

_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".woff2": "font/woff2",
}
_FOREVER = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True)
class _File:
    body: bytes
    media_type: str
    etag: str


class StaticFiles:
    """Every file in `folder` and its subfolders with a known suffix, by its path in it: `http/console.css`. What was
    not there at the start is not there."""

    def __init__(self, folder: Path) -> None:
        self._files: dict[str, _File] = {}
        together = hashlib.sha256()
        for path in sorted(folder.rglob("*")):
            if path.suffix in _TYPES:
                name = path.relative_to(folder).as_posix()
                body = path.read_bytes()
                digest = hashlib.sha256(body).hexdigest()[:16]
                self._files[name] = _File(body, _TYPES[path.suffix], digest)
                together.update(f"{name} {digest}\n".encode())
        # One version for all of them, so that scripts import each other by plain relative names.
        self.version = together.hexdigest()[:12]

    def url(self, name: str) -> str:
        """The URL of a file, by its path in the folder. Raises KeyError for one that is not there."""
        self._files[name]
        return f"/static/{self.version}/{name}"

    async def serve(self, request: web.Request) -> web.Response:
        """`GET /static/{version}/{name}`; an outdated version gets the present file, but may not keep it."""
        file = self._files.get(request.match_info["name"])
        if file is None:
            raise web.HTTPNotFound
        current = request.match_info["version"] == self.version
        headers = {"Cache-Control": _FOREVER if current else "no-cache", "Content-Type": file.media_type}
        tag = ETag(file.etag)
        known = request.if_none_match
        response = web.Response(status=304) if known and tag in known else web.Response(body=file.body)
        response.headers.update(headers)
        response.etag = tag
        return response
