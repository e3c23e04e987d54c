"""The page "Test hubs" is true: its tests pass, as a reader would run them, and its server starts."""

from __future__ import annotations

import asyncio
import re
import signal
import sys
import urllib.request
from pathlib import Path

from engine.tests.docs.pages import HOW_TO, program

PAGE = HOW_TO / "testing-hubs.md"
TIMEOUT_SECONDS = 60


async def output_of(*arguments: str, folder: Path) -> tuple[int | None, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", *arguments),
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(TIMEOUT_SECONDS):
        printed, _ = await process.communicate()
    return process.returncode, printed.decode()


async def test_the_tests_of_the_page_pass(tmp_path: Path) -> None:
    text = program(PAGE)
    (tmp_path / "test_page.py").write_text(text, encoding="utf-8")
    (tmp_path / "pytest.ini").write_text(
        "[pytest]\nasyncio_mode = auto\nasyncio_default_fixture_loop_scope = function\n", encoding="utf-8"
    )
    status, printed = await output_of("pytest", "-q", "-p", "no:cacheprovider", folder=tmp_path)
    assert status == 0, printed
    passed = re.search(r"(\d+) passed", printed)
    assert passed is not None
    assert int(passed[1]) > len(re.findall(r"^async def test_", text, re.MULTILINE))  # those of the suite too


async def test_the_server_for_clients_says_where_it_is() -> None:
    (command,) = re.findall(r"^```sh\n(.*?)\n```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    _, *arguments = command.split()
    process = await asyncio.create_subprocess_exec(sys.executable, *arguments, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            line = (await process.stdout.readline()).decode()
            found = re.fullmatch(r"Listening on (http://127\.0\.0\.1:\d+)\n", line)
            assert found is not None, line
            await asyncio.to_thread(check_token, found[1])
    finally:
        process.send_signal(signal.SIGTERM)
        await process.wait()


def check_token(address: str) -> None:
    with urllib.request.urlopen(f"{address}/token?user=ann", timeout=TIMEOUT_SECONDS) as answer:
        assert answer.read().count(b".") == 2
