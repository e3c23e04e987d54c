"""The built pages from the package's data. Knows neither sessions nor roles: the pages ask `/api` for those.

Only files that stood in the folder when it was read are served, so no path of a request reaches the file system.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Final

from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import Route

ASSETS: Final = "assets/"
"""Folder of the files whose names carry a hash of their content."""

STABLE: Final = frozenset({"assets/meschain-signalr.js", "assets/meschain-websocket.js", "assets/websocket-client.js"})
"""Files among them whose names stay: pages of others load them, so they are asked for again each time."""

_FOR_EVER: Final = "public, max-age=31536000, immutable"
_NOT_BUILT: Final = (
    "The pages are not built. In a clone of the repository run `make pages` (it needs Node 20 or newer), "
    "then load this page again. An installed wheel carries them; if it does not, it was built without them.\n"
)


def packaged_pages() -> Path:
    """The folder of the built pages; it does not exist in a clone before `make pages`."""
    return Path(str(files("meschain"))) / "pages"


class Pages:
    """Serves the files of one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: dict[str, Path] = {}

    @property
    def are_built(self) -> bool:
        """Whether there is a start page; reads the folder until there is one."""
        if not self._files:
            self._files = {
                path.relative_to(self._folder).as_posix(): path
                for path in sorted(self._folder.rglob("*"))
                if path.is_file() and not path.is_symlink() and not path.name.startswith(".")
            }
        return "index.html" in self._files

    async def serve(self, request: Request) -> Response:
        """Answer one page or asset: assets may be kept for ever, all else is asked for again each time."""
        if not self.are_built:
            self._files = {}
            return PlainTextResponse(_NOT_BUILT, 503, {"cache-control": "no-store", "retry-after": "30"})
        name = request.path_params["name"] or "index.html"
        path = self._files.get(name)
        if path is None:
            return PlainTextResponse("There is no such page.\n", 404, {"cache-control": "no-cache"})
        caching = _FOR_EVER if name.startswith(ASSETS) and name not in STABLE else "no-cache"
        answer = FileResponse(path, headers={"cache-control": caching}, stat_result=path.stat())
        if request.headers.get("if-none-match") == answer.headers["etag"]:
            return Response(status_code=304, headers={"cache-control": caching, "etag": answer.headers["etag"]})
        return answer

    def routes(self) -> list[Route]:
        """To stand behind all others: it takes every path that is left."""
        return [Route("/{name:path}", self.serve, methods=["GET"], name="pages")]
