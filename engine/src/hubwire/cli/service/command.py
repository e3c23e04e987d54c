"""`hubwire service`: from its arguments to its exit code. Puts the parts together, serves nothing itself."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import functools
import importlib.util
import logging
import signal
import socket
import ssl
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hubwire.cli.failures import UsageFailed
from hubwire.cli.service.key_file import make_key_file, read_key_file
from hubwire.cli.service.options import Settings, add_options, connection_string, read_settings
from hubwire.cli.service.watched_file import WatchedFile
from hubwire.cli.values import read_file
from hubwire.errors import CannotListen, TooFewDescriptors, WorkersUnavailable

if TYPE_CHECKING:  # they need the extra `azure`
    from hubwire.azure.upstream_templates import UpstreamTemplates
    from hubwire.clock import Clock
    from hubwire.options import ServiceOptions
    from hubwire.ports import MembershipStore
    from hubwire.server.cluster import Cluster
    from hubwire.server.service import SignalRService
    from hubwire.server.workers import Worker

DESCRIPTION = """\
Serve a SignalR service of your own that is compatible with Azure SignalR Service in Serverless mode: applications keep
their tokens, REST calls and upstream handlers, and change one connection string.
"""
EPILOG = """\
examples:
  hubwire service                                             on this machine, keys made at random, no upstream
  hubwire service --upstream http://localhost:7071/runtime/webhooks/signalr
  hubwire service --settings settings.json --data groups.db   the official emulator's settings, groups that stay
  hubwire service --host 0.0.0.0 --public-url https://rt.example.com --access-key-file /etc/hubwire/keys \\
                  --redis-url redis://cache:6379 --workers 4
  hubwire service --config service.toml                       the same options in a file, with _ in names

It prints the connection string for applications once it serves. SIGHUP reads keys and settings again; SIGTERM delivers
what was accepted, tells clients to come again, and ends. Figures for Prometheus: /metrics. Operations: /openapi.

exit codes: 0, or the signal that stopped it; 2 the command line, a file or an address cannot be used; 3 it could not
start, because what keeps users' groups, or Redis, is away.
How to run it, keys, several machines, and what differs from the emulator: docs/how-to/run-your-own-service.md.
"""
LISTENING = "Listening on "
"""Begins the line that is printed when the service is ready; its public address follows."""

_BACKLOG = 4096


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the subcommand."""
    parser = commands.add_parser(
        "service",
        help="serve what Azure SignalR Service serves, by yourself",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        usage="hubwire service [options]",
        allow_abbrev=False,
    )
    add_options(parser)
    parser.set_defaults(run=serve)


def serve(arguments: argparse.Namespace) -> int:
    """Serve until SIGINT or SIGTERM.

    Raises: UsageFailed.
    """
    settings = read_settings(arguments)
    for module, extra in (("aiohttp", "azure"), ("redis", "cluster")):
        if (module == "aiohttp" or settings.redis_url is not None) and importlib.util.find_spec(module) is None:
            raise UsageFailed(f"hubwire service needs {module}; install it with: pip install 'hubwire[{extra}]'")
    # All of it before anything is served: processes that are started later could tell nobody.
    _options(settings)
    _check_certificate(settings)
    _check_redis(settings)
    _templates(settings)
    is_made = make_key_file(settings.access_key_file)
    read_key_file(settings.access_key_file)
    try:
        if settings.redis_url is None:
            _serve_alone(settings, is_made)
        else:
            _serve_workers(settings, is_made)
    except (CannotListen, TooFewDescriptors, WorkersUnavailable) as error:
        raise UsageFailed(str(error)) from None
    return 0


def _serve_alone(settings: Settings, is_made: bool) -> None:
    from hubwire.server import collector
    from hubwire.server.run import make_server, server_config

    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        listener = socket.create_server((settings.host, settings.port), family=family, backlog=_BACKLOG)
    except OSError as error:
        place = f"{settings.host}:{settings.port}"
        raise UsageFailed(f"{place} cannot be listened on: {error.strerror}; give another --host or --port.") from None
    with listener:
        port = listener.getsockname()[1]
        service = _service(settings, port)
        _begin_log(settings)
        collector.calm()
        config = server_config(service, service.hubs, **_server_settings(settings))
        announce = functools.partial(_announce, settings, port, is_made)
        make_server(config, service.hubs, on_listening=announce).run(sockets=[listener])


def _serve_workers(settings: Settings, is_made: bool) -> None:
    from hubwire.server.workers import run_workers

    # The processes that serve read the files again by themselves; the one that starts them only must not end.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    _begin_log(settings)
    key = None
    if settings.cluster_key_file is not None:
        key = read_file("--cluster-key-file", str(settings.cluster_key_file)).strip().encode()
    try:
        run_workers(
            functools.partial(_serve_worker, settings),
            settings.workers,
            settings.host,
            settings.port,
            internal_host=settings.internal_host,
            key=key,
            on_ready=lambda port: _announce(settings, port, is_made),
        )
    except ValueError as error:
        raise UsageFailed(str(error)) from None


def _serve_worker(settings: Settings, worker: Worker) -> None:
    from hubwire.server import collector
    from hubwire.server.run import make_server, server_config

    service = _service(settings, worker.public.getsockname()[1], worker)
    _begin_log(settings)
    collector.calm()
    config = server_config(service, service.hubs, **_server_settings(settings))
    make_server(config, service.hubs, internal=worker.internal, on_listening=worker.ready).run(sockets=[worker.public])


def _begin_log(settings: Settings) -> None:
    logging.basicConfig(level=settings.log_level.upper(), format="%(levelname)s %(name)s: %(message)s")


def _options(settings: Settings) -> ServiceOptions:
    """Raises: UsageFailed."""
    from hubwire.options import ServiceOptions

    defaults = ServiceOptions()
    try:
        return replace(
            defaults,
            server=replace(
                defaults.server,
                allowed_origins=frozenset(settings.allowed_origin) or None,
                trusted_proxies=settings.trusted_proxy,
                maximum_connections=settings.maximum_connections,
                connects_per_second=settings.connects_per_second,
                address_connects_per_second=settings.address_connects_per_second,
            ),
            upstream=replace(defaults.upstream, closes_refused=settings.close_refused),
            maximum_hubs=settings.maximum_hubs,
            metrics_networks=settings.metrics_network,
        )
    except ValueError as error:
        raise UsageFailed(str(error)) from None


def _check_certificate(settings: Settings) -> None:
    """Raises: UsageFailed."""
    if settings.certificate is None:
        return
    try:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(settings.certificate, settings.private_key, password="")  # asks nobody for one
    except OSError as error:  # those of `ssl` among them
        raise UsageFailed(
            f"--certificate and --private-key cannot be used: {error.strerror or error}; give a certificate chain and "
            "its key, without a password, in PEM files."
        ) from None


def _check_redis(settings: Settings) -> None:
    """Raises: UsageFailed."""
    if settings.redis_url is None:
        return
    from hubwire.brokers.redis import RedisBroker
    from hubwire.options import ClusterOptions

    try:
        RedisBroker(settings.redis_url)
        ClusterOptions(namespace=settings.namespace)
    except ValueError as error:
        raise UsageFailed(str(error)) from None


def _service(settings: Settings, port: int, worker: Worker | None = None) -> SignalRService:
    from hubwire.options import ClusterOptions
    from hubwire.server.service import SignalRService
    from hubwire.server.service_figures import ServiceFigures
    from hubwire.stores.sqlite import SqliteMembershipStore

    # Looked at before they are read: what changes meanwhile is read again.
    files = [WatchedFile(settings.access_key_file, lambda path: service.replace_keys(read_key_file(path)))]
    if settings.settings is not None:
        files.append(WatchedFile(settings.settings, lambda path: service.replace_upstream(_read_templates(path))))
    try:
        figures = ServiceFigures(maximum_connections=settings.maximum_connections)
        cluster: Cluster | None = None
        store: MembershipStore = SqliteMembershipStore(settings.data)
        if worker is not None and settings.redis_url is not None:
            from hubwire.brokers.redis import RedisBroker
            from hubwire.stores.redis import RedisMembershipStore

            cluster = worker.cluster(
                RedisBroker(settings.redis_url), ClusterOptions(namespace=settings.namespace), figures=figures.numbers
            )
            store = RedisMembershipStore(settings.redis_url, namespace=settings.namespace)
        service = SignalRService(
            read_key_file(settings.access_key_file),
            settings.base_urls(port),
            upstream=_templates(settings),
            store=store,
            options=_options(settings),
            cluster=cluster,
            figures=figures,
        )
    except ValueError as error:
        raise UsageFailed(str(error)) from None
    service.around = lambda: _watching(files, service.clock)
    return service


@contextlib.asynccontextmanager
async def _watching(files: Sequence[WatchedFile], clock: Clock) -> AsyncIterator[None]:
    """Read the files again when they change, or at SIGHUP."""

    def read_again() -> None:
        for file in files:
            file.read_again()

    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGHUP, read_again)
    watching = [asyncio.create_task(file.watch(clock)) for file in files]
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGHUP)
        for task in watching:
            task.cancel()
        await asyncio.gather(*watching, return_exceptions=True)


def _templates(settings: Settings) -> UpstreamTemplates:
    """Raises: UsageFailed."""
    from hubwire.azure.upstream_templates import UpstreamTemplate, UpstreamTemplates

    if settings.settings is not None:
        return _read_templates(settings.settings)
    if settings.upstream is None:
        return UpstreamTemplates()
    try:
        return UpstreamTemplates([UpstreamTemplate(settings.upstream)])
    except ValueError as error:
        raise UsageFailed(f"--upstream: {error}") from None


def _read_templates(path: Path) -> UpstreamTemplates:
    """Raises: UsageFailed."""
    from hubwire.azure.upstream_templates import read_emulator_settings

    try:
        return read_emulator_settings(read_file("--settings", str(path)).encode())
    except ValueError as error:
        raise UsageFailed(f"--settings: {path}: {error}") from None


def _server_settings(settings: Settings) -> dict[str, Any]:
    return {
        "log_level": settings.log_level,
        "ssl_certfile": settings.certificate,
        "ssl_keyfile": settings.private_key,
    }


def _announce(settings: Settings, port: int, is_made: bool) -> None:
    """Say where the service is. A key is shown once only: when this command has made it."""
    public_url = settings.base_urls(port)[0]
    key = read_key_file(settings.access_key_file)[0] if is_made else f"<the first key in {settings.access_key_file}>"
    sys.stdout.write(f"{LISTENING}{public_url}\n{connection_string(public_url, key)}\n")
    sys.stdout.flush()
