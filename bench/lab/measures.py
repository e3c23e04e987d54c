"""What is measured: each measure runs the generator against one started stack and takes one value out of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from lab.generator import Outcome, RunFailed, Times, generate
from lab.machine import cores
from lab.processes import free_port, running
from lab.scenario import Scenario
from lab.stacks import Dialect, Stack

_KIBIBYTE = 1024
_MEBIBYTE = 1024 * 1024
_FILL_BYTES = 100_000


@dataclass(frozen=True, slots=True)
class Sample:
    """One stack in one round."""

    value: float
    details: dict[str, float] = field(default_factory=dict)


def measure(scenario: Scenario, stack: Stack) -> Sample:
    """Start the stack, measure, stop it. Raises: RunFailed."""
    return _MEASURES[scenario.measure](scenario, stack)


# How a scenario is told to the generator


def _kind(dialect: Dialect, count: int, *options: str, first: str | None = None) -> list[str]:
    words = ["--kind", str(count), "--path", dialect.path]
    if first or dialect.first:
        words += ["--first", first or dialect.first or ""]
    if dialect.greeting:
        words.append("--greeting")
    return [*words, *options]


def _kinds(scenario: Scenario, dialect: Dialect) -> Iterator[list[str]]:
    """The connections that stay. Plain C knows neither groups nor codecs: there they are as many receivers."""
    if scenario.receivers == "half_group" and dialect.join is not None:
        member, excluded = dialect.join
        yield _kind(dialect, scenario.receiver_count, "--then", member)
        if scenario.excluded:
            yield _kind(dialect, scenario.excluded, "--then", excluded, "--bystander")
        yield _kind(dialect, scenario.connections - scenario.connections // 2, "--bystander")
    elif scenario.messagepack_count and dialect.first_messagepack is not None:
        yield _kind(dialect, scenario.connections - scenario.messagepack_count)
        yield _kind(dialect, scenario.messagepack_count, first=dialect.first_messagepack)
    else:
        yield _kind(dialect, scenario.receiver_count)
    if scenario.churn_per_second:
        places = round(scenario.churn_per_second * 3)  # each stays for a second, and may need one to connect
        yield _kind(dialect, places, "--churn", str(scenario.churn_per_second))
    if scenario.slow_bytes_per_second:
        joining = ["--then", dialect.fill[0]] if dialect.fill is not None and scenario.slow_fill_bytes else []
        yield _kind(dialect, 1, "--slow", str(scenario.slow_bytes_per_second), *joining)


def _words(scenario: Scenario, dialect: Dialect, mode: str, port: int, pid: int) -> list[str]:
    words = [mode, "--port", str(port), "--pid", str(pid), "--seconds", str(scenario.seconds)]
    words += ["--warm", str(scenario.warm_seconds), "--connecting", str(scenario.connecting)]
    words += ["--rate", str(scenario.rate)]
    if cores()[1] is not None:
        words.append("--spin")
    if dialect.negotiate is not None:
        words += ["--negotiate", dialect.negotiate]
    if dialect.ping is not None:
        words += ["--ping", dialect.ping[0], "--pong", dialect.ping[1]]
    return words


def _run(scenario: Scenario, stack: Stack, mode: str, options: Sequence[str] = ()) -> Outcome:
    server_core, generator_core = cores()
    port = free_port()
    started = stack.start(port, scenario)
    with running(started.command, port, server_core) as pid:
        words = [*_words(scenario, stack.dialect, mode, port, pid), *options]
        for kind in _kinds(scenario, stack.dialect):
            words += kind
        return generate(words, tokens=started.tokens, core=generator_core, seconds=scenario.seconds)


def _trigger(scenario: Scenario, dialect: Dialect) -> list[str]:
    text = dialect.broadcast
    if scenario.receivers == "half_group" and dialect.broadcast_group is not None:
        text = dialect.broadcast_group
    # Not `format`: the texts are full of braces.
    return ["--trigger", text.replace("{size}", str(scenario.payload_bytes))]


def _milliseconds(times: Times, prefix: str = "") -> dict[str, float]:
    """Raises: RunFailed without samples."""
    if not times.samples:
        raise RunFailed("no times were taken")
    named = {"p50": times.p50_us, "p99": times.p99_us, "max": times.max_us}
    return {f"{prefix}{name}_ms": round(value / 1000, 3) for name, value in named.items()}


def _cpu(outcome: Outcome) -> dict[str, float]:
    return {
        "user_us": outcome.run.user_us,
        "system_us": outcome.run.system_us,
        "server_share": outcome.run.server_share,
        "generator_share": outcome.run.generator_share,
    }


def _per_cpu_second(user_us: float, system_us: float) -> dict[str, float]:
    """What one full core would do: steadier than the clock where others use the machine. CPU comes in 10 ms ticks."""
    return {"per_cpu_second": round(1e6 / (user_us + system_us))} if user_us + system_us else {"per_cpu_second": 0}


# The measures


def _broadcast(scenario: Scenario, stack: Stack) -> Sample:
    """CPU of the server per delivered frame; the next broadcast begins when everybody has the last one."""
    outcome = _run(scenario, stack, "broadcast", _trigger(scenario, stack.dialect))
    if not outcome.run.units:
        raise RunFailed("no broadcast was measured")
    details = {**_cpu(outcome), "frames_per_second": outcome.run.per_second}
    return Sample(outcome.run.cpu_us, {**details, **_milliseconds(outcome.run.time, "to_everybody_")})


def _echo(scenario: Scenario, stack: Stack) -> Sample:
    """Calls answered in a second, each connection with as many in flight."""
    dialect = stack.dialect
    options = ["--echo", dialect.echo, "--expect", dialect.echo_expects, "--in-flight", str(scenario.in_flight)]
    outcome = _run(scenario, stack, "echo", options)
    details = {**_cpu(outcome), **_per_cpu_second(outcome.run.user_us, outcome.run.system_us)}
    return Sample(outcome.run.per_second, {**details, **_milliseconds(outcome.run.time)})


def _setup(scenario: Scenario, stack: Stack) -> Sample:
    """Connections made ready in a second, from the first to the last."""
    outcome = _run(scenario, stack, "hold")
    user_us, system_us = outcome.setup.user_us, outcome.setup.system_us
    details = {"user_us": user_us, "system_us": system_us, **_per_cpu_second(user_us, system_us)}
    return Sample(outcome.setup.per_second, {**details, **_milliseconds(outcome.setup.time)})


def _idle(scenario: Scenario, stack: Stack) -> Sample:
    """KiB of the server's resident memory for each connection that is held and silent."""
    outcome = _run(scenario, stack, "hold")
    grown = outcome.memory.after_bytes - outcome.memory.before_bytes
    details = {
        "resident_mib": round(outcome.memory.after_bytes / _MEBIBYTE, 1),
        "setups_per_second": outcome.setup.per_second,
    }
    return Sample(grown / scenario.connections / _KIBIBYTE, details)


def _latency(scenario: Scenario, stack: Stack) -> Sample:
    """p99 in ms from when a broadcast was due to each arrival, at a fixed rate, beside those who come and go."""
    outcome = _run(scenario, stack, "paced", _trigger(scenario, stack.dialect))
    details = {
        **_milliseconds(outcome.run.time),
        "generator_late_max_ms": round(outcome.run.late_max_us / 1000, 3),
        "server_share": outcome.run.server_share,
    }
    if scenario.churn_per_second:
        details |= {"came_and_went": outcome.churn.ready, **_milliseconds(outcome.churn.time, "connect_")}
    return Sample(details["p99_ms"], details)


def _storm(scenario: Scenario, stack: Stack) -> Sample:
    """p99 in ms until a client is connected, all of them due at once."""
    outcome = _run(scenario, stack, "hold", ["--storm"])
    details = _milliseconds(outcome.setup.time)
    return Sample(details["p99_ms"], {**details, "setups_per_second": outcome.setup.per_second})


def _slow_reader(scenario: Scenario, stack: Stack) -> Sample:
    """p99 in ms of the others with one that hardly reads; the same without it just before, on a fresh server."""
    options = _trigger(scenario, stack.dialect)
    if stack.dialect.fill is not None and scenario.slow_fill_bytes:
        text = stack.dialect.fill[1].replace("{size}", str(_FILL_BYTES))
        options += ["--fill", text, "--fill-count", str(scenario.slow_fill_bytes // _FILL_BYTES)]
    without = _run(replace(scenario, slow_bytes_per_second=0.0), stack, "paced", options)
    outcome = _run(scenario, stack, "paced", options)
    # Cut off in the measured time is a server's good right, which the others feel; before it, nothing is shown.
    times, before = _milliseconds(outcome.run.time), _milliseconds(without.run.time)
    details = {
        **times,
        "without_p50_ms": before["p50_ms"],
        "without_p99_ms": before["p99_ms"],
        "without_max_ms": before["max_ms"],
        "allowed_ms": round(max(before["p99_ms"] * 1.1, before["p99_ms"] + 2), 3),
        "memory_growth_mib": round((outcome.memory.peak_bytes - without.memory.peak_bytes) / _MEBIBYTE, 2),
        "slow_readers_cut_off": outcome.slow_lost,
        "cut_off_before_measuring": outcome.slow_lost_early,
        "generator_late_max_ms": round(outcome.run.late_max_us / 1000, 3),
    }
    return Sample(times["p99_ms"], details)


_MEASURES: dict[str, Callable[[Scenario, Stack], Sample]] = {
    "broadcast": _broadcast,
    "echo": _echo,
    "setup": _setup,
    "idle": _idle,
    "latency": _latency,
    "storm": _storm,
    "slow_reader": _slow_reader,
}
