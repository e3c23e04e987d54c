"""Programs that run together: what they write, how they end, and one that does not want to."""

from __future__ import annotations

import asyncio
import os
import sys

import pytest

from meschain.entrypoints.parts import LONGEST_LINE_BYTES, Part, PartEnded, running_part

TIMEOUT_SECONDS = 60


class Shown:
    """What was shown, to wait for."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.changed = asyncio.Event()

    def __call__(self, name: str, line: str) -> None:
        self.lines.append(f"{name} {line}")
        self.changed.set()


def python(code: str, **environment: str) -> Part:
    return Part("part", (sys.executable, "-uc", code), environment)


async def test_what_it_writes_is_shown_with_its_name_and_its_end_is_told() -> None:
    shown = Shown()
    code = "import os, sys; print(os.environ['GREETING']); print('oops', file=sys.stderr); sys.exit(3)"
    async with running_part(python(code, GREETING="hello"), shown) as watching:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            with pytest.raises(PartEnded, match="The part ended with status 3"):
                await watching
    assert shown.lines == ["part hello", "part oops"]


async def test_a_line_over_the_limit_is_shown_in_pieces_and_what_follows_it_too() -> None:
    shown = Shown()
    code = f"print('x' * {4 * LONGEST_LINE_BYTES}); print('after'); print('the end', end='')"
    async with running_part(python(code), shown) as watching, asyncio.timeout(TIMEOUT_SECONDS):
        with pytest.raises(PartEnded, match="status 0"):
            await watching
    pieces = [line.removeprefix("part ") for line in shown.lines]
    assert pieces[-2:] == ["after", "the end"]
    assert "".join(pieces[:-2]) == "x" * 4 * LONGEST_LINE_BYTES
    assert max(map(len, pieces)) < 2 * LONGEST_LINE_BYTES


@pytest.mark.parametrize(("handler", "seconds"), [("SIG_DFL", 60.0), ("SIG_IGN", 0.1)])
async def test_it_ends_with_the_block_whether_it_wants_or_not(handler: str, seconds: float) -> None:
    shown = Shown()
    code = f"import os, signal; signal.signal(signal.SIGTERM, signal.{handler}); print(os.getpid()); signal.pause()"
    async with running_part(python(code), shown, stop_seconds=seconds), asyncio.timeout(TIMEOUT_SECONDS):
        await shown.changed.wait()
    process_id = int(shown.lines[0].removeprefix("part "))
    with pytest.raises(ProcessLookupError):
        os.kill(process_id, 0)
