"""The conformance server's pages around its hubs, as a test asks for them. Blocks its thread."""

from __future__ import annotations

import json
import urllib.request
from typing import Any

from compliance.server import SLOWNESS

PAGE_SECONDS = 40 * SLOWNESS
"""Longer than the server waits for an event that a page asks for."""


def page(url: str) -> Any:
    """What a page answers: parsed JSON, or text."""
    with urllib.request.urlopen(url, timeout=PAGE_SECONDS) as answer:
        body = answer.read().decode()
        return json.loads(body) if "json" in answer.headers["content-type"] else body
