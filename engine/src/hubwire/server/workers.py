"""Several processes on one port: a parent that starts them, starts those that die again, and stops them all.

The parent forks, so it has neither threads nor an event loop, and serves nobody itself. Each worker binds the port by a
socket of its own (SO_REUSEPORT); the kernel spreads connections over those that listen. The parent holds the port by a
socket that never listens. A worker has a second listener that its peers use (`forwarder`). What is done once, such as
migrations, is done before. Knows no hub: what a worker serves is its caller's.
"""

from __future__ import annotations

import errno
import ipaddress
import logging
import os
import secrets
import select
import signal
import socket
import struct
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from types import FrameType

from hubwire.clock import SystemClock
from hubwire.errors import CannotListen, WorkersUnavailable
from hubwire.options import ClusterOptions
from hubwire.plane.nodes import Figures
from hubwire.ports import Broker
from hubwire.server.cluster import Cluster, OnRestored
from hubwire.server.descriptors import raise_descriptor_limit
from hubwire.server.tokens import KEY_BYTES, new_node_id

STOP_SECONDS = 60.0
"""How long workers may take to stop before they are killed. 60 s: twice what draining, hub code and requests take."""

_SAME_STOP_SECONDS = 1.0
"""Signals that come together are one: some programs tell a process and then its group, which it is in."""

_HEALTHY_SECONDS = 10.0
"""A worker that lived as long is started again at once."""
_FIRST_DELAY_SECONDS = 0.5
_LONGEST_DELAY_SECONDS = 30.0
"""Others wait, twice as long each time: one that cannot start must not keep the machine busy."""

_DID_NOT_START = 3
"""Exit status, as uvicorn's."""
_FAILED = 1

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_NUMBER = struct.Struct(">I")

_log = logging.getLogger("hubwire.workers")


@dataclass(frozen=True, slots=True, eq=False)
class Worker:
    """What one of them is given."""

    number: int
    """From 0. A worker that died and its successor have the same."""
    public: socket.socket = field(repr=False)
    """Bound to the port that clients use; listen on it."""
    internal: socket.socket = field(repr=False)
    """Bound to an address that peers use; listen on it by `make_server(..., internal=...)`."""
    internal_address: str
    """Of that, as `http://host:port`."""
    node_id: str
    """Names this process among its peers; a successor has another."""
    key: bytes = field(repr=False)
    """Of the cluster: the same for all workers."""
    ready: Callable[[], None] = field(repr=False)
    """To be called once it listens."""

    def cluster(
        self,
        broker: Broker,
        options: ClusterOptions | None = None,
        *,
        figures: Figures = dict,
        on_restored: OnRestored | None = None,
    ) -> Cluster:
        """Return what makes a `HubServer` one of these workers. The arguments are those of `Cluster`."""
        return Cluster(
            broker,
            options,
            node_id=self.node_id,
            address=self.internal_address,
            key=self.key,
            figures=figures,
            on_restored=on_restored,
        )


def run_workers(
    serve: Callable[[Worker], None],
    count: int,
    host: str = "127.0.0.1",
    port: int = 8000,
    *,
    internal_host: str = "127.0.0.1",
    key: bytes | None = None,
    on_ready: Callable[[int], None] | None = None,
) -> None:
    """Run so many workers until SIGINT or SIGTERM, which stops all of them; another one, a second later
    or more, kills those that are left.

    Call it in the main thread of a process without threads and without a running event loop.

    Args:
        serve: builds everything and serves, in the worker's process. What it raises ends the worker.
        host: one address that clients use, or a name that has one.
        port: 0: any that is free.
        internal_host: where peers are listened to. Loopback reaches all workers of one machine; with several machines
            give this one's address in a network that clients cannot reach.
        key: of the cluster, at least 16 random bytes; machines that serve one address need the same. None: a random
            one for the workers of this call.
        on_ready: called in the parent with the port, once all workers serve for the first time.

    Raises:
        WorkersUnavailable: this system cannot share a port in that way.
        CannotListen: the address is in use or no address of this machine, or peers could not dial `internal_host`.
        SystemExit: a worker did not start (status 3), or had to be killed at the stop (1).
    """
    if count < 1:
        raise ValueError(f"count is {count!r}: give a whole number from 1.")
    if not sys.platform.startswith("linux"):
        # Elsewhere the option exists in part, and one listener gets all connections.
        raise WorkersUnavailable(sys.platform)
    raise_descriptor_limit()
    _check_internal_host(internal_host)
    with reserve_port(host, port) as reserved:
        address = reserved.getsockname()
        supervisor = _Supervisor(
            serve, count, reserved, internal_host, key or secrets.token_bytes(KEY_BYTES), on_ready, address[1]
        )
        status = supervisor.run()
    if status:
        raise SystemExit(status)


def reserve_port(host: str, port: int) -> socket.socket:
    """Bind an address for workers without listening. Raises: CannotListen, also when another program has the port."""
    with _bound(host, port, is_shared=False) as probe:
        # A shared port can be bound beside another program that shares it; this finds that out, before the workers do.
        try:
            probe.listen()
        except OSError as error:
            raise CannotListen(host, port, error.strerror or str(error)) from None
        port = probe.getsockname()[1]
    try:
        return _bound(host, port, is_shared=True, is_reusing=False)
    except CannotListen:
        # Left over from before are sockets of connections that have ended (TIME_WAIT), which keep nobody else out.
        return _bound(host, port, is_shared=True)


def restart_delay(failures: int) -> float:
    """Return how long a worker waits that died so many times in a row soon after its start, in seconds."""
    if failures == 0:
        return 0.0
    return min(_FIRST_DELAY_SECONDS * 2.0 ** min(failures - 1, 30), _LONGEST_DELAY_SECONDS)


def _check_internal_host(host: str) -> None:
    """See that workers can listen there, and tell others a single address. Raises: CannotListen."""
    with _bound(host, 0, is_shared=False) as probe:
        if ipaddress.ip_address(probe.getsockname()[0]).is_unspecified:
            raise CannotListen(
                host,
                0,
                "it stands for all addresses of this machine, and none that other processes could dial",
                "Give internal_host the one address at which they reach this machine",
            )


def _bound(host: str, port: int, *, is_shared: bool, is_reusing: bool = True) -> socket.socket:
    """Bind an address.

    Args:
        is_shared: beside others that share it in the same way.
        is_reusing: also beside a socket that does not listen and is as generous.

    Raises: CannotListen.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        bound = socket.socket(family, kind, protocol)
    except OSError as error:
        raise CannotListen(host, port, error.strerror or str(error)) from None
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, is_reusing)
        if family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if is_shared:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        # asyncio leaves Nagle's algorithm on for accepted sockets; they inherit what the listener has.
        bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        bound.bind(address)
    except OSError as error:
        bound.close()
        reason = "it is in use" if error.errno == errno.EADDRINUSE else error.strerror or str(error)
        raise CannotListen(host, port, reason) from None
    return bound


@dataclass(slots=True)
class _Place:
    """Where one worker after the other runs."""

    number: int
    pid: int = 0
    """0: none runs."""
    started_at: float = 0.0
    is_ready: bool = False
    failures: int = 0
    """Deaths soon after a start, in a row."""
    due: float = 0.0
    """When the next one starts, while none runs."""


class _Supervisor:
    """The parent, while it runs."""

    def __init__(
        self,
        serve: Callable[[Worker], None],
        count: int,
        reserved: socket.socket,
        internal_host: str,
        key: bytes,
        on_ready: Callable[[int], None] | None,
        port: int,
    ) -> None:
        self._serve = serve
        self._reserved = reserved
        self._internal_host = internal_host
        self._key = key
        self._on_ready = on_ready
        self._port = port
        self._clock = SystemClock()
        self._places = [_Place(number) for number in range(count)]
        self._was_ready = False
        self._is_stopping = False
        self._stopping_since = 0.0
        self._kill_at = 0.0
        self._status = 0
        self._signals = _Signals()
        self._ready_reader, self._ready_writer = os.pipe()
        # Nobody writes to it: workers see its end when the parent is gone, however it went.
        self._life_reader, self._life_writer = os.pipe()

    def run(self) -> int:
        """Supervise until all is over; returns the exit status."""
        try:
            with self._signals:
                while not self._is_stopping or self._running:
                    self._start_due()
                    self._wait()
                    self._reap()
                    if self._is_stopping and self._clock.monotonic() >= self._kill_at:
                        self._kill()
        finally:
            self._kill()  # after an error of ours
            for each in self._running:
                os.waitpid(each.pid, 0)
            for descriptor in (self._ready_reader, self._ready_writer, self._life_reader, self._life_writer):
                os.close(descriptor)
        return self._status

    @property
    def _running(self) -> list[_Place]:
        return [place for place in self._places if place.pid]

    def _start_due(self) -> None:
        for place in self._places:
            if not place.pid and not self._is_stopping and self._clock.monotonic() >= place.due:
                self._start(place)

    def _start(self, place: _Place) -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        place.started_at = self._clock.monotonic()
        place.is_ready = False
        with self._signals.held():
            place.pid = os.fork()
            if place.pid == 0:
                self._be_worker(place.number)

    def _wait(self) -> None:
        now = self._clock.monotonic()
        if self._is_stopping:
            due = self._kill_at
        else:
            due = min((place.due for place in self._places if not place.pid), default=now + 3600)
        ready, _, _ = select.select((self._signals.reader, self._ready_reader), (), (), max(due - now, 0.0))
        if self._ready_reader in ready:
            data = os.read(self._ready_reader, _NUMBER.size * 256)
            for (number,) in _NUMBER.iter_unpack(data):
                self._places[number].is_ready = True
            self._tell_ready()
        for number in self._signals.read():
            if number in _SIGNALS:
                self._stop()

    def _tell_ready(self) -> None:
        if not self._was_ready and all(place.is_ready for place in self._places):
            self._was_ready = True
            if self._on_ready is not None:
                self._on_ready(self._port)

    def _stop(self) -> None:
        now = self._clock.monotonic()
        if self._is_stopping:
            if now - self._stopping_since >= _SAME_STOP_SECONDS:
                _log.warning("Told to stop again: workers that are left are killed")
                self._kill()
            return
        self._is_stopping = True
        self._stopping_since = now
        self._kill_at = now + STOP_SECONDS
        for place in self._running:
            os.kill(place.pid, signal.SIGTERM)

    def _kill(self) -> None:
        for place in self._running:
            self._status = self._status or _FAILED
            os.kill(place.pid, signal.SIGKILL)
        self._kill_at = self._clock.monotonic() + STOP_SECONDS

    def _reap(self) -> None:
        for place in self._running:
            pid, status = os.waitpid(place.pid, os.WNOHANG)
            if pid:
                self._died(place, os.waitstatus_to_exitcode(status))

    def _died(self, place: _Place, status: int) -> None:
        pid, place.pid = place.pid, 0
        if self._is_stopping:
            if status not in (0, -signal.SIGTERM):
                self._status = self._status or _FAILED
            return
        how = f"was ended by {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"
        if not self._was_ready and not place.is_ready:
            _log.error("Worker %d (process %d) %s before it served; all are stopped", place.number, pid, how)
            self._status = _DID_NOT_START
            self._stop()
            return
        now = self._clock.monotonic()
        place.failures = 0 if now - place.started_at >= _HEALTHY_SECONDS else place.failures + 1
        delay = restart_delay(place.failures)
        place.due = now + delay
        _log.warning("Worker %d (process %d) %s; another one starts in %g s", place.number, pid, how, delay)

    # In the worker's process

    def _be_worker(self, number: int) -> None:
        """Never returns."""
        status = _FAILED
        try:
            self._signals.forget()
            os.setpgid(0, 0)  # Ctrl-C is for the parent, which tells us
            os.close(self._life_writer)
            os.close(self._ready_reader)
            host, port = self._reserved.getsockname()[:2]
            self._reserved.close()
            _end_with(self._life_reader)
            with (
                _bound(host, port, is_shared=True) as public,
                _bound(self._internal_host, 0, is_shared=False) as internal,
            ):
                self._serve(self._worker(number, public, internal))
            status = 0
        except SystemExit as error:
            status = error.code if isinstance(error.code, int) else int(error.code is not None)
        except BaseException:  # noqa: BLE001 - the end of a process: nobody else can tell
            _log.exception("Worker %d failed", number)
        finally:
            with suppress(Exception):
                logging.shutdown()
                sys.stdout.flush()
                sys.stderr.flush()
            os._exit(status)

    def _worker(self, number: int, public: socket.socket, internal: socket.socket) -> Worker:
        host, port = internal.getsockname()[:2]
        address = f"http://[{host}]:{port}" if internal.family == socket.AF_INET6 else f"http://{host}:{port}"

        def ready() -> None:
            os.write(self._ready_writer, _NUMBER.pack(number))

        return Worker(number, public, internal, address, new_node_id(), self._key, ready)


class _Signals:
    """Signals of the parent as bytes to read, so that none is lost between two looks."""

    def __init__(self) -> None:
        self._reading, self._writing = socket.socketpair()
        self._reading.setblocking(False)
        self._writing.setblocking(False)
        self._before: dict[int, object] = {}

    @property
    def reader(self) -> int:
        """A descriptor, readable when some have come."""
        return self._reading.fileno()

    def __enter__(self) -> None:
        signal.set_wakeup_fd(self._writing.fileno(), warn_on_full_buffer=False)
        for number in (*_SIGNALS, signal.SIGCHLD):
            self._before[number] = signal.signal(number, _nothing)

    def __exit__(self, *_: object) -> None:
        signal.set_wakeup_fd(-1)
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type] # what `signal.signal` has returned
        self._reading.close()
        self._writing.close()

    def read(self) -> bytes:
        """Those that have come, a byte each."""
        try:
            return self._reading.recv(4096)
        except BlockingIOError:
            return b""

    def held(self) -> _Held:
        """While inside, none comes."""
        return _Held()

    def forget(self) -> None:
        """In a new worker: have the handlers that any process begins with, and take what comes from now on."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        for number in (signal.SIGTERM, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        self._reading.close()
        self._writing.close()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, (*_SIGNALS, signal.SIGCHLD))


class _Held:
    def __enter__(self) -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, (*_SIGNALS, signal.SIGCHLD))

    def __exit__(self, *_: object) -> None:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, (*_SIGNALS, signal.SIGCHLD))


def _nothing(number: int, frame: FrameType | None) -> None:
    """The byte in the socket says it all."""


def _end_with(life: int) -> None:
    """Stop this process when the parent is gone, which nobody else would tell it."""

    def watch() -> None:
        os.read(life, 1)
        os.kill(os.getpid(), signal.SIGTERM)
        threading.Event().wait(STOP_SECONDS)
        os._exit(_FAILED)

    threading.Thread(target=watch, name="hubwire-parent", daemon=True).start()
