"""`hubwire bench`: from its arguments to its exit code. Puts the parts together, measures nothing itself."""

from __future__ import annotations

import argparse
import importlib.util
import sys
from datetime import UTC, datetime

from hubwire.cli.bench.options import add_options, read_options
from hubwire.cli.failures import UsageFailed

DESCRIPTION = """\
Put load on any SignalR server (this one, ASP.NET Core's, Azure's); report how fast it connects and delivers, and what
is lost.

Latency counts from when a message was due by its schedule, so a server that falls behind cannot hide it.
"""
EPILOG = """\
examples:
  hubwire bench-hub --port 8000                     a hub to try it on
  hubwire bench http://127.0.0.1:8000/bench         one broadcast a second to 100 connections, for 30 s
  hubwire bench URL --load echo --connections 500 --rate 20 --limit 'latency.p99<50ms' --limit lost==0
  hubwire bench URL --load group --groups 50 --connections 20000 --ramp 1000 --processes 4 --html report.html
  hubwire bench URL --load idle --connections 10000 --transport websockets,sse --duration 5m
  hubwire bench --connection-string @azure.txt --hub chat --load user --users 1000 --connections 1000
  hubwire bench --config nightly.toml --json result.json

figures for --limit:
{figures}

exit codes: 0 done, every limit holds; 1 a limit does not hold; 2 the command line, its file or a limit of this machine;
3 no connection came about or was left for the load, or a process was lost; 130 interrupted, with the report of what was
measured until then.
How to read a report, and the hub for ASP.NET Core: docs/how-to/load-test.md.
"""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the subcommand."""
    from hubwire.cli.bench.limits import FIGURES

    figures = "\n".join(f"  {name:<18} {meaning}".rstrip() for name, (_, meaning) in FIGURES.items())
    parser = commands.add_parser(
        "bench",
        help="put load on any SignalR server, with a report",
        description=DESCRIPTION,
        epilog=EPILOG.replace("{figures}", figures),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        usage="hubwire bench URL [options]",
        allow_abbrev=False,
    )
    add_options(parser)
    parser.set_defaults(run=bench)


def bench(arguments: argparse.Namespace) -> int:
    """Run a load test, write its reports and return the exit code.

    Raises: UsageFailed.
    """
    if importlib.util.find_spec("aiohttp") is None:
        raise UsageFailed("hubwire bench needs the client; install it with: pip install 'hubwire[client]'")
    # Only now: these need aiohttp.
    from hubwire.cli.bench.descriptors import check_descriptors
    from hubwire.cli.bench.page import page
    from hubwire.cli.bench.report import build
    from hubwire.cli.bench.run import Interruption, Run
    from hubwire.cli.bench.target import Tokens, tls_context
    from hubwire.cli.bench.terminal import Progress, result_lines

    scenario, outputs = read_options(arguments)
    check_descriptors(scenario)
    Tokens(scenario)  # what is wrong with them is wrong in every process
    tls_context(scenario)
    started_at = datetime.now(UTC)
    progress = Progress(scenario, sys.stderr, is_quiet=outputs.is_quiet)
    interruption = Interruption()
    with interruption.listening():
        measurement = Run(scenario, progress.show, interruption).run()
        progress.end()
        report = build(scenario, measurement, started_at)
        if outputs.json is not None:
            outputs.json.write_bytes(report.to_json())
        if outputs.html is not None:
            outputs.html.write_text(page(report), encoding="utf-8")
    sys.stdout.write("\n".join(result_lines(report)) + "\n")
    sys.stdout.flush()
    return report.exit_code
