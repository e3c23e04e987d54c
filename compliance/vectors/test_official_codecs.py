"""The vectors against the codecs of the official JavaScript client: what they read and write, byte by byte."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from compliance.javascript import node

FOLDER = Path(__file__).parent

CLIENT_TO_SERVER = "skipped"
"""Messages that only servers get: a client passes over them."""

EXPECTED = {
    ("messagepack", "stream invocation", CLIENT_TO_SERVER),
    ("messagepack", "stream invocation of five elements", CLIENT_TO_SERVER),
    ("messagepack", "stream invocation with an upload and headers", CLIENT_TO_SERVER),
    ("messagepack", "cancel", CLIENT_TO_SERVER),
    ("messagepack", "cancel with headers", CLIENT_TO_SERVER),
    ("messagepack", "an element more: cancel", CLIENT_TO_SERVER),
    ("json", "stream invocation", CLIENT_TO_SERVER),
    ("json", "stream invocation with an upload and headers", CLIENT_TO_SERVER),
    ("json", "cancel", CLIENT_TO_SERVER),
    ("json", "cancel with headers", CLIENT_TO_SERVER),
    # Where we are more lenient than the client, or hold what it cannot.
    ("messagepack", "keys that are no text", "throws The type of key must be string or number but object"),
    ("messagepack", "an array as a key", "throws The type of key must be string or number but object"),
    (
        "messagepack",
        "a type of tomorrow with keys that we cannot hold",
        "throws The type of key must be string or number but object",
    ),
    (
        "messagepack",
        "a timestamp of an unknown size",
        "throws Unrecognized data size for timestamp (expected 4, 8, or 12): 1",
    ),
    ("messagepack", "a header nil", "headers"),
    ("json", "a header null", "headers"),
    ("json", "a null id means none", "throws Invalid payload for Invocation message."),
    ("json", "an empty id means none", "throws Invalid payload for Invocation message."),
}


@pytest.mark.parametrize("client", ["signalr-10", "signalr-8"])
def test_the_official_codecs_see_the_same_messages(client: str) -> None:
    completed = subprocess.run(
        [node(), "official.js", f"../clients/{client}"],
        cwd=FOLDER,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert completed.returncode == 0, completed.stderr
    assert {tuple(difference) for difference in json.loads(completed.stdout)} == EXPECTED
