"""Runs every harness in a process of its own for its share of the time, and writes down what was found.

    python -m engine.fuzz.run --seconds 1200 --results engine/fuzz/results/latest.json

A finding is: an input that raises what the harness does not allow (its file is named), an input that takes longer than
the time-out, a process that holds more memory than the limit, or whose memory grows. The exit code is 1 then.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.metadata
import json
import os
import platform
import re
import shlex
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from engine.fuzz.harnesses import NAMES
from engine.fuzz.target import CRASH

ROOT = Path(__file__).resolve().parents[2]
FINDINGS = Path(__file__).parent / "findings"
GROWTH_LIMIT_MIB = 48
"""What the resident memory of a harness may grow by from a quarter of its time to the end. The corpus and the coverage
tables of the search itself are in it: 5 to 25 MiB in ten minutes."""
CACHED_BLOCKS = 5_000
"""Python objects that caches of fixed size may hold at the end: urllib remembers the addresses that it has split."""

BLOCKS_PER_INPUT_LIMIT = 0.05
"""Python objects that may stay behind for one input on average, in the same time. Something that is kept of each input
would be 1 or more."""
_GRACE_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Finding:
    """Why a harness failed."""

    kind: str
    """crash, hang, memory limit, memory growth, or broken: the harness itself did not run."""
    detail: str


@dataclass(frozen=True, slots=True)
class Report:
    """What one harness did."""

    name: str
    seconds: float
    inputs: int
    inputs_per_second: int
    coverage: int | None
    """Edges of the code that inputs reached; None: not guided by coverage."""
    corpus: int | None
    """Inputs that reached something new."""
    memory_at_start_mib: float
    """Before the search has begun to build its own tables."""
    memory_at_quarter_mib: float
    memory_at_end_mib: float
    memory_peak_mib: float
    slowest_input_seconds: int | None
    findings: list[Finding]

    @property
    def verdict(self) -> str:
        return ", ".join(finding.kind for finding in self.findings) or "ok"


@dataclass(frozen=True, slots=True)
class Limits:
    """What a harness may take."""

    seconds: float
    input_seconds: int
    memory_mib: int


async def run_harness(name: str, limits: Limits, findings: Path) -> Report:
    """Run one harness to its end, or end it when it does not."""
    with tempfile.TemporaryDirectory(prefix=f"fuzz-{name}-") as folder:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "engine.fuzz.target", name),
            *("--seconds", str(limits.seconds), "--timeout-seconds", str(limits.input_seconds)),
            *("--memory-mib", str(limits.memory_mib), "--folder", folder, "--findings", str(findings)),
            cwd=ROOT,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        started = time.monotonic()
        has_hung = False
        try:
            async with asyncio.timeout(limits.seconds + limits.input_seconds + _GRACE_SECONDS):
                _, output = await process.communicate()
        except TimeoutError:
            has_hung = True
            process.kill()
            _, output = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        samples_file = Path(folder) / "samples"
        lines = samples_file.read_text().splitlines() if samples_file.exists() else []
    samples = [(float(line[0]), int(line[1]), int(line[2]), int(line[3])) for line in map(json.loads, lines)]
    text = output.decode(errors="replace")
    return judge(name, time.monotonic() - started, samples, text, process.returncode or 0, has_hung)


def judge(
    name: str,
    seconds: float,
    samples: list[tuple[float, int, int, int]],
    output: str,
    code: int,
    has_hung: bool,
) -> Report:
    """Read what a harness has left behind. `samples`: seconds, inputs, resident KiB, blocks of Python."""
    findings: list[Finding] = []
    told = [line for line in output.splitlines() if line.strip() and not line.startswith(("#", "INFO:", "stat::"))]
    last_words = "\n  ".join(told[-30:])
    if has_hung or "ALARM: working on the last Unit" in output or code == -14:
        findings.append(Finding("hang", last_words))
    elif "out-of-memory" in output:
        findings.append(Finding("memory limit", last_words))
    elif code == CRASH:
        findings.append(Finding("crash", last_words))
    elif code or not samples:
        findings.append(Finding("broken", f"exit code {code}: {last_words}"))
    samples = samples or [(0.0, 0, 0, 0)]
    # Growth is judged behind the first quarter: before that caches and the interpreter's own tables fill.
    early = samples[len(samples) // 4]
    end = samples[-1]
    grown_mib = (end[2] - early[2]) / 1024
    if grown_mib > GROWTH_LIMIT_MIB:
        findings.append(Finding("memory growth", f"{grown_mib:.0f} MiB since {early[0]:.0f} s"))
    statistics = dict(re.findall(r"^stat::(\w+):\s+(\d+)", output, re.MULTILINE))
    progress = re.findall(r"cov: (\d+) ft: \d+ corp: (\d+)/", output)
    peak_mib = float(statistics.get("peak_rss_mb", 0))
    inputs = int(statistics.get("number_of_executed_units", end[1]))
    blocks = end[3] - early[3]
    new_inputs = int(progress[-1][1]) if progress else 0
    # An input that the search keeps is some objects of ours as well, and caches of fixed size fill in a short run too.
    allowed = BLOCKS_PER_INPUT_LIMIT * (end[1] - early[1]) + 10 * new_inputs + CACHED_BLOCKS
    if end[1] > early[1] + 10_000 and blocks > allowed:
        findings.append(Finding("memory growth", f"{blocks} objects for {end[1] - early[1]} inputs"))
    return Report(
        name=name,
        seconds=round(seconds, 1),
        inputs=inputs,
        inputs_per_second=round(inputs / max(end[0], 0.1)),
        coverage=int(progress[-1][0]) if progress else None,
        corpus=int(progress[-1][1]) if progress else None,
        memory_at_start_mib=round(samples[0][2] / 1024, 1),
        memory_at_quarter_mib=round(early[2] / 1024, 1),
        memory_at_end_mib=round(end[2] / 1024, 1),
        memory_peak_mib=max(peak_mib, *(round(sample[2] / 1024, 1) for sample in samples)),
        slowest_input_seconds=int(statistics["slowest_unit_time_sec"])
        if "slowest_unit_time_sec" in statistics
        else None,
        findings=findings,
    )


async def run(names: list[str], limits: Limits, jobs: int, findings: Path) -> list[Report]:
    """Run the harnesses, so many at once."""
    slots = asyncio.Semaphore(jobs)

    async def one(name: str) -> Report:
        async with slots:
            print(f"{name}: {limits.seconds:.0f} s", flush=True)
            report = await run_harness(name, limits, findings)
            print(line_of(report), flush=True)
            return report

    return list(await asyncio.gather(*map(one, names)))


def line_of(report: Report) -> str:
    """One harness as one line."""
    found = "unguided" if report.coverage is None else f"{report.coverage} edges, corpus {report.corpus}"
    return (
        f"{report.name}: {report.verdict}; {report.inputs:,} inputs in {report.seconds:.0f} s "
        f"({report.inputs_per_second:,}/s), {found}, memory {report.memory_at_quarter_mib:.1f} MiB after a quarter, "
        f"{report.memory_at_end_mib:.1f} MiB at the end"
    )


def version_of(distribution: str) -> str:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def write(reports: list[Report], results: Path, seconds: float, command: str) -> None:
    """Write the result as JSON, and beside it as a text."""
    versions = {"python": platform.python_version()}
    versions |= {name: version_of(name) for name in ("atheris", "msgspec", "hubwire")}
    facts = {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "command": command,
        "seconds": f"{seconds:g}",
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "verdict": "ok" if all(report.verdict == "ok" for report in reports) else "findings",
    }
    harnesses = [{"verdict": report.verdict, **asdict(report)} for report in reports]
    results.parent.mkdir(parents=True, exist_ok=True)
    content = {**facts, "versions": versions, "harnesses": harnesses}
    results.write_text(json.dumps(content, indent=2) + "\n", "utf-8")
    lines = [f"{key}: {value}" for key, value in (facts | versions).items()]
    lines += ["", *map(line_of, reports)]
    lines += [f"{report.name}: {item.kind}: {item.detail}" for report in reports for item in report.findings]
    results.with_suffix(".txt").write_text("\n".join(lines) + "\n", "utf-8")


def main(arguments_given: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=1200, help="for all harnesses together")
    parser.add_argument("--jobs", type=int, default=min(os.cpu_count() or 1, len(NAMES)), help="harnesses at once")
    parser.add_argument("--results", type=Path, help="JSON file; a text goes beside it")
    parser.add_argument("--only", nargs="+", choices=NAMES, default=list(NAMES))
    parser.add_argument("--timeout-seconds", type=int, default=5, help="for one input")
    parser.add_argument("--memory-mib", type=int, default=512, help="for one harness")
    parser.add_argument("--findings", type=Path, default=FINDINGS, help="where inputs go that fail")
    given = sys.argv[1:] if arguments_given is None else arguments_given
    arguments = parser.parse_args(given)
    share = arguments.seconds * arguments.jobs / len(arguments.only)
    limits = Limits(share, arguments.timeout_seconds, arguments.memory_mib)
    arguments.findings.mkdir(parents=True, exist_ok=True)
    reports = asyncio.run(run(arguments.only, limits, arguments.jobs, arguments.findings.resolve()))
    if arguments.results is not None:
        write(reports, arguments.results, arguments.seconds, shlex.join(["python", "-m", "engine.fuzz.run", *given]))
    return 0 if all(report.verdict == "ok" for report in reports) else 1


if __name__ == "__main__":
    sys.exit(main())
