"""One process that searches one harness for findings; `run` starts it, watches it and reads what it writes.

With atheris the search is guided by coverage. Where atheris is not installed the same inputs are changed at random;
that finds less, but nothing is left out.
"""

from __future__ import annotations

import argparse
import gc
import hashlib
import json
import random
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from engine.fuzz.changes import MAXIMUM_INPUT_BYTES, Changer
from engine.fuzz.harnesses import NAMES, load

try:
    import atheris
except ImportError:
    atheris = None

CRASH = 77
"""Exit code of a finding, as libFuzzer's."""
_SAMPLE_SECONDS = 0.5
_INSTRUMENTED = [
    "hubwire.wire",
    "hubwire.session",
    "hubwire.server.requests",
    "hubwire.client",
    "hubwire.azure",
    "engine.fuzz",
]


class Watched:
    """A harness that writes down every now and then how many inputs it saw and what memory it holds."""

    def __init__(self, check: Callable[[bytes], None], samples: Path) -> None:
        self._check = check
        self._samples = samples
        self._start = self._last = time.monotonic()
        self.executions = 0

    def __call__(self, data: bytes) -> None:
        self._check(data)
        self.executions += 1
        if not self.executions % 50 and time.monotonic() - self._last > _SAMPLE_SECONDS:
            self.sample()

    def sample(self) -> None:
        """Write one line: seconds, inputs, resident KiB, blocks that Python holds."""
        gc.collect()
        self._last = time.monotonic()
        seconds = self._last - self._start
        sample = [round(seconds, 2), self.executions, resident_kib(), sys.getallocatedblocks()]
        with self._samples.open("a", encoding="utf-8") as file:
            file.write(json.dumps(sample) + "\n")


def resident_kib() -> int:
    """Return what this process holds now; 0 where the system does not tell."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return 0
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))


def search_blindly(watched: Watched, changer: Changer, seconds: float, timeout_seconds: int, findings: Path) -> int:
    """Try changed inputs until the time is over; the exit code says whether one failed."""
    choose = random.Random(0)  # noqa: S311 (a search that can be repeated)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        data = changer.any(choose)
        signal.alarm(timeout_seconds)
        try:
            watched(data)
        except Exception as error:  # noqa: BLE001 - whatever a harness raises is what we are looking for
            name = findings / f"crash-{hashlib.sha256(data).hexdigest()[:16]}"
            name.write_bytes(data)
            print(f"{type(error).__name__}: {error}\ninput: {name}", file=sys.stderr)
            return CRASH
        finally:
            signal.alarm(0)
    return 0


def dictionary_line(token: bytes) -> str:
    """Return the token as libFuzzer's dictionaries have it."""
    return '"' + "".join(rf"\x{byte:02x}" for byte in token) + '"\n'


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=NAMES)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--timeout-seconds", type=int, default=5, help="for one input")
    parser.add_argument("--memory-mib", type=int, default=512)
    parser.add_argument("--folder", type=Path, required=True, help="for the corpus and the samples")
    parser.add_argument("--findings", type=Path, required=True)
    arguments = parser.parse_args()

    if atheris is not None:
        with atheris.instrument_imports(include=_INSTRUMENTED):
            harness = load(arguments.name)
    else:
        harness = load(arguments.name)
    changer = Changer(harness)
    watched = Watched(harness.check, arguments.folder / "samples")
    for seed in changer.seeds:
        watched(seed)
    watched.sample()
    if atheris is None:
        code = search_blindly(watched, changer, arguments.seconds, arguments.timeout_seconds, arguments.findings)
        watched.sample()
        return code

    def change(data: bytes, size: int, seed: int) -> bytes:
        choose = random.Random(seed)  # noqa: S311 (a search, not a secret)
        changed = changer.change_tree(data, choose) if seed & 1 else None
        return atheris.Mutate(data, size) if changed is None or len(changed) > size else changed

    corpus = arguments.folder / "corpus"
    corpus.mkdir()
    for number, seed in enumerate(changer.seeds):
        (corpus / f"seed-{number:04}").write_bytes(seed)
    tokens = arguments.folder / "tokens"
    tokens.write_text("".join(map(dictionary_line, harness.TOKENS)))
    atheris.Setup(
        [
            sys.argv[0],
            f"-max_total_time={max(1, round(arguments.seconds))}",
            f"-timeout={arguments.timeout_seconds}",
            f"-rss_limit_mb={arguments.memory_mib}",
            f"-max_len={MAXIMUM_INPUT_BYTES}",
            f"-artifact_prefix={arguments.findings}/",
            f"-dict={tokens}",
            "-use_value_profile=1",
            "-print_final_stats=1",
            str(corpus),
        ],
        watched,
        custom_mutator=change,
    )
    atheris.Fuzz()  # leaves the process
    return 0


if __name__ == "__main__":
    sys.exit(main())
