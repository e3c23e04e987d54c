"""The server that all suites of this folder judge, over HTTP and over HTTPS."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from compliance.server import ConformanceServer, make_certificate


@dataclass(frozen=True)
class Judged:
    """Addresses of the server under judgement."""

    url: str
    secure_url: str
    certificate: Path | None
    """What clients must trust for the second; None: they do already."""


@contextmanager
def running(server: ConformanceServer) -> Iterator[str]:
    server.start()
    try:
        yield server.url
    finally:
        server.stop()


@pytest.fixture(scope="session")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Judged]:
    """The server at COMPLIANCE_URL and COMPLIANCE_SECURE_URL, or one of our own."""
    url, secure_url = os.environ.get("COMPLIANCE_URL"), os.environ.get("COMPLIANCE_SECURE_URL")
    if url is not None:
        assert secure_url is not None, "Give COMPLIANCE_SECURE_URL as well: the same kind of server over HTTPS."
        yield Judged(url.rstrip("/"), secure_url.rstrip("/"), None)
        return
    folder = tmp_path_factory.mktemp("judged")
    certificate = make_certificate(folder)
    plain = ConformanceServer(folder / "http.log")
    secure = ConformanceServer(folder / "https.log", ("--certificate", str(certificate)))
    with running(plain) as url, running(secure) as secure_url:
        yield Judged(url, secure_url, certificate)
