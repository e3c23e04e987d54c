"""Publishes what happens in a shop to MesChain-Sync: one file to copy, nothing but Python's standard library.

    publisher = Publisher("https://live.example.com", os.environ["MESCHAIN_KEY"], spool="/var/lib/shop/meschain.spool")
    publisher.publish({"kind": "inventory", "eventId": "stock-42-1718445600", "productId": 42, "quantity": 7})

`publish` tries a few times and then, where there is a spool, keeps the events in that file: the next `publish`, or
`flush` from a timer, sends them first and in their order. Each event keeps its id, so one that arrived although the
answer was lost is told once. What the service refuses for good goes into `<spool>.refused`, with the reason.
Several processes may use one spool; one of them sends, the others only add. For systems with flock: Linux, macOS, BSD.
Fields of events: docs/reference/publishing.md.
"""

from __future__ import annotations

import fcntl
import http.client
import json
import math
import os
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

MOST_EVENTS = 100
"""In one request; the service takes no more."""
MOST_BYTES = 60_000
"""Of events in one request; the service takes 65,536 bytes."""


@dataclass(frozen=True)
class Options:
    """How patient the publisher is."""

    timeout_seconds: float = 5.0
    """For one request; the service answers within milliseconds."""
    attempts: int = 3
    """Of one request, where it may help to try again."""
    first_pause_seconds: float = 0.5
    """Before the second attempt; doubled each time, or as long as the service asks for."""
    longest_pause_seconds: float = 10.0
    """A service that asks for more is not waited for."""
    rest_seconds: float = 10.0
    """After a failure events go into the spool at once, so that a service that is away holds nobody up."""
    publish_seconds: float = 10.0
    """After that `publish` leaves what the spool still has to the next one, or to `flush`."""
    spool_bytes: int = 16 * 1024 * 1024
    """The most that is kept; some 40,000 orders."""


class PublishFailed(Exception):
    """The events did not get there and are not kept; the text says what to do."""


class EventRefused(PublishFailed):
    """The service refuses an event for good."""

    def __init__(self, event: Mapping[str, Any], reason: str) -> None:
        self.event = event
        super().__init__(f"{event.get('eventId')}: {reason}")


class _Unreachable(Exception):
    """It may help to try again."""

    def __init__(self, reason: str, retry_after_seconds: float | None = None) -> None:
        self.retry_after_seconds = retry_after_seconds
        super().__init__(reason)


class _Refused(Exception):
    def __init__(self, index: int, reason: str) -> None:
        self.index = index
        super().__init__(reason)


class Publisher:
    """Sends events by `POST /api/publish`.

    Args:
        url: the service's public address.
        key: what `meschain key create` printed.
        spool: path of a file that only this shop's programs can read; None: nothing is kept.
    """

    def __init__(
        self,
        url: str,
        key: str,
        spool: str | None = None,
        options: Options | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._url = f"{url.rstrip('/')}/api/publish"
        self._key = key
        self._spool = spool
        self._options = options or Options()
        self._sleep = sleep

    def publish(self, *events: Mapping[str, Any]) -> bool:
        """Send events behind what the spool has; True: they arrived, False: they are in the spool.

        Raises: EventRefused; PublishFailed where there is no spool, or it is full.
        """
        named = [{"eventId": uuid.uuid4().hex, **event} for event in events]
        for event in named:
            if len(_line(event)) > MOST_BYTES:
                raise EventRefused(event, f"an event has at most {MOST_BYTES} bytes")
        if self._spool is None:
            for batch in _batches(named):
                self._send_all(batch)
            return True
        with _locked(self._spool):
            self._keep(self._spool, named)
        return not self._rests() and self._drain(self._spool, time.monotonic() + self._options.publish_seconds)

    def flush(self) -> bool:
        """Send what the spool has, however long it takes; True: it is empty."""
        return self._spool is None or self._drain(self._spool, math.inf)

    def _keep(self, path: str, events: Sequence[Mapping[str, Any]]) -> None:
        lines = b"".join(_line(event) + b"\n" for event in events)
        with open(path, "a+b", opener=_private) as spool:
            end = spool.seek(0, os.SEEK_END)
            if end + len(lines) > self._options.spool_bytes:
                raise PublishFailed(
                    f"The spool {path} is full; see why {self._url} takes nothing, or raise spool_bytes."
                )
            if end:
                spool.seek(end - 1)
                if spool.read(1) != b"\n":  # cut off by a stop of the machine; that line was never said to be kept
                    lines = b"\n" + lines
            spool.write(lines)
            spool.flush()
            os.fsync(spool.fileno())

    def _drain(self, path: str, deadline: float) -> bool:
        sending = open(f"{path}.sending", "ab", opener=_private)  # noqa: SIM115 - closed within the other lock
        try:
            try:
                fcntl.flock(sending, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False  # whoever sends looks for more before it ends, so ours are not forgotten
            while True:
                with _locked(path):
                    waiting = _waiting(path)
                    if not waiting:
                        sending.close()  # within the lock: whoever adds after this look finds that nobody sends
                        return True
                sent = self._send_in_turn(path, waiting, deadline)
                with _locked(path):
                    # Others have only added meanwhile. Until it is done the old file stays: what was sent is sent
                    # again then, and told once.
                    _replace(path, _waiting(path)[sent:])
                if sent < len(waiting):
                    return False
        finally:
            sending.close()

    def _send_in_turn(self, path: str, waiting: Sequence[dict[str, Any]], deadline: float) -> int:
        sent = 0
        try:
            for batch in _batches(waiting):
                if time.monotonic() > deadline:
                    break
                self._send_or_put_aside(batch)
                sent += len(batch)
            _forget(f"{path}.failed")
        except _Unreachable:
            _touch(f"{path}.failed")
        return sent

    def _send_or_put_aside(self, batch: list[dict[str, Any]]) -> None:
        while batch:
            try:
                self._attempts(batch)
                return
            except _Refused as refused:
                _put_aside(f"{self._spool}.refused", batch[refused.index], str(refused))
                batch = batch[: refused.index] + batch[refused.index + 1 :]

    def _send_all(self, batch: list[dict[str, Any]]) -> None:
        try:
            self._attempts(batch)
        except _Refused as refused:
            raise EventRefused(batch[refused.index], str(refused)) from None
        except _Unreachable as error:
            raise PublishFailed(f"{self._url}: {error}; send the events again, or give a spool.") from None

    def _attempts(self, batch: Sequence[Mapping[str, Any]]) -> None:
        pause = self._options.first_pause_seconds
        for left in range(self._options.attempts - 1, -1, -1):
            try:
                self._request(batch)
                return
            except _Unreachable as error:
                wait = max(pause, error.retry_after_seconds or 0)
                if not left or wait > self._options.longest_pause_seconds:
                    raise
                self._sleep(wait)
                pause *= 2

    def _request(self, batch: Sequence[Mapping[str, Any]]) -> None:
        body = b'{"events":[' + b",".join(_line(event) for event in batch) + b"]}"
        headers = {"Authorization": f"Bearer {self._key}", "Content-Type": "application/json"}
        request = urllib.request.Request(self._url, body, headers, method="POST")
        try:
            with _opener.open(request, timeout=self._options.timeout_seconds) as answer:
                if answer.status != 202:
                    raise _Unreachable(f"it answered {answer.status}, which is not the service; check the address")
        except urllib.error.HTTPError as error:
            with error:
                raise _judged(error.code, error.read(65_536), error.headers.get("Retry-After", "")) from None
        except (OSError, http.client.HTTPException) as error:
            raise _Unreachable(f"it cannot be reached ({error})") from None

    def _rests(self) -> bool:
        try:
            since = time.time() - os.stat(f"{self._spool}.failed").st_mtime
        except OSError:
            return False
        return 0 <= since < self._options.rest_seconds


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A redirect would carry the key to an address that nobody configured."""

    def redirect_request(self, *_: object) -> None:
        return None


_opener = urllib.request.build_opener(_NoRedirects)


def _judged(status: int, body: bytes, retry_after: str) -> Exception:
    try:
        answer = json.loads(body)
    except ValueError:
        answer = {}
    answer = answer if isinstance(answer, dict) else {}
    reason, index = str(answer.get("error", f"status {status}")), answer.get("event")
    if status in (400, 403) and isinstance(index, int):
        return _Refused(index, reason)
    return _Unreachable(f"{status}: {reason}", float(retry_after) if retry_after.isdecimal() else None)


def _batches(events: Sequence[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    batch: list[dict[str, Any]] = []
    size = 0
    for event in events:
        length = len(_line(event)) + 1
        if batch and (len(batch) == MOST_EVENTS or size + length > MOST_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(event)
        size += length
    if batch:
        yield batch


def _line(event: Mapping[str, Any]) -> bytes:
    return json.dumps(event, ensure_ascii=False, separators=(",", ":"), default=_plain).encode()


def _plain(value: object) -> str:
    """Money and moments as the service reads them."""
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} cannot be published; send text, numbers, Decimal or datetime.")


def _read(line: bytes) -> dict[str, Any] | None:
    """The event of a line; None: it was being written when the machine stopped."""
    try:
        event = json.loads(line)
    except ValueError:
        return None
    return event if isinstance(event, dict) else None


@contextmanager
def _locked(path: str) -> Iterator[None]:
    with open(f"{path}.lock", "ab", opener=_private) as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _waiting(path: str) -> list[dict[str, Any]]:
    try:
        with open(path, "rb") as spool:
            return [event for event in map(_read, spool.read().splitlines()) if event is not None]
    except FileNotFoundError:
        return []


def _replace(path: str, events: Sequence[Mapping[str, Any]]) -> None:
    with open(f"{path}.new", "wb", opener=_private) as spool:
        spool.write(b"".join(_line(event) + b"\n" for event in events))
        spool.flush()
        os.fsync(spool.fileno())
    os.replace(f"{path}.new", path)


def _put_aside(path: str, event: Mapping[str, Any], reason: str) -> None:
    with open(path, "ab", opener=_private) as aside:
        aside.write(_line({"reason": reason, "event": event}) + b"\n")


def _touch(path: str) -> None:
    with open(path, "ab", opener=_private):
        os.utime(path)


def _forget(path: str) -> None:
    with suppress(FileNotFoundError):
        os.unlink(path)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
