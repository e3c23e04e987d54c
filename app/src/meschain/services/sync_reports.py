"""Progress that a shop reports by itself, handed from the HTTP route to the runner that waits for it.

The runner may be in another process than the one that the shop's request came to: `services.sync` passes it on.

One mailbox per running job, which keeps the newest report only: progress replaces progress, and memory stays bounded
however fast a shop reports. A final report is never replaced.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

RUNNING: Final = "running"
SUCCESS: Final = "success"
ERROR: Final = "error"
STATUSES: Final = (RUNNING, SUCCESS, ERROR)


@dataclass(frozen=True, slots=True)
class SyncReport:
    """One report of a shop on its sync."""

    processed: int
    failed: int
    total: int
    message: str
    status: str
    """`running`, or how it ended: `success` or `error`."""

    @property
    def is_final(self) -> bool:
        return self.status != RUNNING


def passed_on(job_id: str, report: SyncReport) -> str:
    """A report as neighbours are told of it."""
    return json.dumps([job_id, report.processed, report.failed, report.total, report.message, report.status])


class Mailbox:
    """The newest report of one job."""

    def __init__(self) -> None:
        self._report: SyncReport | None = None
        self._arrived = asyncio.Event()
        self.has_ended = False
        """A final report has arrived; nothing is taken any more."""

    def put(self, report: SyncReport) -> None:
        """Replace what nobody has taken yet."""
        self._report = report
        self.has_ended = report.is_final
        self._arrived.set()

    async def take(self) -> SyncReport:
        """The newest report, once there is one."""
        while self._report is None:
            self._arrived.clear()
            await self._arrived.wait()
        report, self._report = self._report, None
        return report


class SyncReports:
    """The mailboxes of the jobs that wait for reports, in this process."""

    def __init__(self) -> None:
        self._mailboxes: dict[str, Mailbox] = {}

    @contextmanager
    def expected(self, job_id: str) -> Iterator[Mailbox]:
        """Take reports on that job while the block is open."""
        mailbox = Mailbox()
        self._mailboxes[job_id] = mailbox
        try:
            yield mailbox
        finally:
            del self._mailboxes[job_id]

    def are_expected(self, job_id: str) -> bool:
        """Whether the job runs in this process and takes reports."""
        return job_id in self._mailboxes

    def hear(self, message: str) -> None:
        """Deliver what a neighbour passed on (`passed_on`); a job that does not run here is another process's."""
        job_id, processed, failed, total, text, status = json.loads(message)
        self.deliver(job_id, SyncReport(processed, failed, total, text, status))

    def deliver(self, job_id: str, report: SyncReport) -> bool:
        """Hand a report over; False: nobody waits for one."""
        mailbox = self._mailboxes.get(job_id)
        if mailbox is None or mailbox.has_ended:
            return False
        mailbox.put(report)
        return True
