"""Two pages of the old WebSocket clients, served from an origin of their own, and a server that lets them in."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from app.tests.program import free_port
from web.e2e.server import Server

PAGES = Path(__file__).parent / "old_pages"


class _Silent(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        """Say nothing."""


@contextmanager
def served_pages(folder: Path = PAGES) -> Iterator[str]:
    """Their origin, while the block is open."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Silent, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def moved(folder: Path, server: str) -> None:
    """Write the pages into the folder as they are after their move: one script tag is another."""
    for page, script, asset in (
        ("role", "role-client.js", "meschain-websocket.js"),
        ("panel", "panel-client.js", "websocket-client.js"),
    ):
        source = (PAGES / f"{page}.html").read_text(encoding="utf-8")
        assert f'src="{script}"' in source
        after = source.replace(f'src="{script}"', f'src="{server}/assets/{asset}"')
        (folder / f"{page}.html").write_text(after, encoding="utf-8")


@dataclass
class OldServer(Server):
    """`meschain serve` with a listener that trusts these pages."""

    origin: str
    legacy_port: int = field(default_factory=free_port)

    @property
    def environment(self) -> Mapping[str, str]:
        listener = "MESCHAIN_LEGACY_LISTENERS__OLD__"
        return {
            f"{listener}PORT": str(self.legacy_port),
            f"{listener}ROLE": "admin",
            f"{listener}SYNC_WITHOUT_LINK": "true",
            f"{listener}ALLOWED_ORIGINS": f'["{self.origin}"]',
            "MESCHAIN_ALLOWED_ORIGINS": self.origin,
        }

    def page(self, name: str, path: str) -> str:
        """The address of one of the pages, which dials this path of the listener."""
        return f"{self.origin}/{name}.html?server=ws://localhost:{self.legacy_port}{path}"
