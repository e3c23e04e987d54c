"""Sockets to listen on, with a word on what to do where one cannot be had. Knows nothing of what is served."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager

from meschain.entrypoints.cli.reporting import CommandFailed
from meschain.settings import LoadedSettings, Settings


def listen(settings: Settings) -> socket.socket:
    """A listening socket for the address of the settings. Raises: CommandFailed."""
    listening = bound_socket(settings.host, settings.port, "host", "--port")
    try:
        # Two processes may bind one port as long as neither listens; this finds the other one now, not after the build.
        listening.listen()
    except OSError as error:
        listening.close()
        raise _cannot_listen(settings.host, settings.port, "--port", error) from None
    return listening


def bound_socket(host: str, port: int, host_setting: str, port_setting: str) -> socket.socket:
    """A socket at that address; errors name these settings. Raises: CommandFailed."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        bound = socket.socket(family, kind, protocol)
    except OSError as error:
        raise CommandFailed(f"{host!r} is no address to listen on ({error}); correct {host_setting}.") from None
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
    except OSError as error:
        bound.close()
        raise _cannot_listen(host, port, port_setting, error) from None
    return bound


def _cannot_listen(host: str, port: int, setting: str, error: OSError) -> CommandFailed:
    if error.errno == errno.EADDRINUSE:
        return CommandFailed(f"Port {port} of {host} is in use; stop what uses it, or choose another with {setting}.")
    return CommandFailed(f"Cannot listen on {host} port {port}: {error.strerror}.")


def listen_for_metrics(settings: Settings, number: int = 0) -> socket.socket | None:
    """A bound socket by which one process is asked, whatever the others do; None: none is wanted.

    Args:
        number: of this process on its machine, from 0 on.

    Raises: CommandFailed.
    """
    if not settings.metrics_port:
        return None
    return bound_socket(settings.internal_host, settings.metrics_port + number, "internal_host", "metrics_port")


@contextmanager
def metrics_socket(settings: Settings, number: int = 0) -> Iterator[Sequence[socket.socket]]:
    """What `listen_for_metrics` gives, closed at the end of the block. Raises: CommandFailed."""
    bound = listen_for_metrics(settings, number)
    if bound is None:
        yield ()
        return
    with closing(bound):
        yield (bound,)


def with_actual_port(loaded: LoadedSettings, port: int) -> Settings:
    """The settings with the port that was bound; a public address that nobody gave follows it."""
    settings = loaded.settings
    if settings.port == port:
        return settings
    changed: dict[str, object] = {"port": port}
    if "public_url" not in loaded.sources:
        changed["public_url"] = f"{'https' if settings.tls_certificate else 'http'}://localhost:{port}"
    return settings.model_copy(update=changed)
