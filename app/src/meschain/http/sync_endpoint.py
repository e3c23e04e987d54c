"""Asks the shop's own program to sync a marketplace, and follows the progress that it reports back.

The request is signed with the endpoint's secret, so that the shop can tell it from others:

```text
POST <url>
Content-Type: application/json
X-MesChain-Timestamp: <unix seconds>
X-MesChain-Signature: sha256=<hex HMAC-SHA256 of "<timestamp>.<body>">

{"jobId": …, "marketplace": …, "reportUrl": …, "reportToken": …}
```

The shop answers 2xx at once and then posts its progress to `reportUrl` with `Authorization: Bearer <reportToken>`. It
may get the same job id again after a restart of this server, with another token. Knows no route and no store.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

import aiohttp
import msgspec

from meschain.services.ports import Clock, SyncFailed, SyncJob, SyncStep
from meschain.services.signed_requests import SIGNATURE_HEADER, TIMESTAMP_HEADER, signature
from meschain.services.sync_reports import ERROR, SyncReports
from meschain.services.waiting import within


@dataclass(frozen=True, slots=True)
class SyncEndpointOptions:
    """How long the shop may take."""

    request_timeout_seconds: float = 15.0
    """For the shop to accept the job; the work itself comes afterwards."""
    report_timeout_seconds: float = 120.0
    """Between two reports; a shop that works through a slow API says so at least every two minutes."""


class SyncEndpoint:
    """A `SyncRunner` by HTTP.

    Args:
        url: of the shop's program.
        secret: shared with it; signs our request.
        report_base: our public address, to which `/api/sync-jobs/<id>/progress` is added.
        session: of the whole application; its owner closes it.
    """

    def __init__(
        self,
        *,
        url: str,
        secret: bytes,
        report_base: str,
        session: aiohttp.ClientSession,
        reports: SyncReports,
        clock: Clock,
        options: SyncEndpointOptions | None = None,
    ) -> None:
        self._url = url
        self._secret = secret
        self._report_base = report_base.rstrip("/")
        self._session = session
        self._reports = reports
        self._clock = clock
        self._options = options or SyncEndpointOptions()

    async def run(self, job: SyncJob, report_token: str) -> AsyncIterator[SyncStep]:
        """Ask, then yield each report until the final one.

        Raises: SyncFailed when the shop refuses, cannot be reached, stops reporting, or reports an error.
        """
        # Opened before the request: a quick shop reports before it has answered.
        with self._reports.expected(job.id) as mailbox:
            await self._ask(job, report_token)
            while True:
                try:
                    report = await within(self._clock, self._options.report_timeout_seconds, mailbox.take())
                except TimeoutError:
                    raise SyncFailed(
                        f"The shop reported nothing for {self._options.report_timeout_seconds:g} seconds."
                    ) from None
                yield SyncStep(report.processed, report.failed, report.total, report.message)
                if report.status == ERROR:
                    raise SyncFailed(report.message or "The shop reported an error without a text.")
                if report.is_final:
                    return

    async def _ask(self, job: SyncJob, report_token: str) -> None:
        body = msgspec.json.encode(
            {
                "jobId": job.id,
                "marketplace": job.marketplace,
                "reportUrl": f"{self._report_base}/api/sync-jobs/{job.id}/progress",
                "reportToken": report_token,
            }
        )
        timestamp = str(int(self._clock.now().timestamp()))
        headers = {
            "Content-Type": "application/json",
            TIMESTAMP_HEADER: timestamp,
            SIGNATURE_HEADER: signature(self._secret, timestamp, body),
        }
        try:
            # A redirect would carry the report token to an address that nobody configured.
            async with self._session.post(
                self._url,
                data=body,
                headers=headers,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=self._options.request_timeout_seconds),
            ) as answer:
                status = answer.status
        except TimeoutError:
            raise SyncFailed(
                f"The shop's sync endpoint did not answer within {self._options.request_timeout_seconds:g} seconds."
            ) from None
        except aiohttp.ClientError as error:
            raise SyncFailed(f"The shop's sync endpoint cannot be reached ({type(error).__name__}).") from error
        if not 200 <= status < 300:
            raise SyncFailed(f"The shop's sync endpoint refused the job with status {status}.")
