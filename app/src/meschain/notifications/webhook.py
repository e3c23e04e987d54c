"""Alerts by signed requests to an address of the operator's choice, one for each message, in order.

```text
POST <url>
Content-Type: application/json
X-MesChain-Delivery: <id, the same when it is sent again>
X-MesChain-Timestamp: <unix seconds>
X-MesChain-Signature: sha256=<hex HMAC-SHA256 of "<timestamp>.<body>">

{"id": …, "event": "alert.firing" or "alert.resolved", "alert": {…}}
```

Any 2xx takes it; everything else, and silence, is tried again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import aiohttp
import msgspec

from meschain.services.alert_ports import AlertMessage, ChannelUnavailable
from meschain.services.ports import Clock
from meschain.services.signed_requests import SIGNATURE_HEADER, TIMESTAMP_HEADER, signature

DELIVERY_HEADER: Final = "X-MesChain-Delivery"
TIMEOUT_SECONDS: Final = 10.0
"""For the whole request; a receiver that works longer does better to answer first."""


class WebhookChannel:
    """`services.alert_ports.AlertChannel` by HTTP.

    Args:
        session: of the whole application; its owner closes it.
    """

    most_together = 1
    apart_seconds = 0.0

    def __init__(self, name: str, url: str, secret: bytes, session: aiohttp.ClientSession, clock: Clock) -> None:
        self.name = f"webhook:{name}"
        self._url = url
        self._secret = secret
        self._session = session
        self._clock = clock

    async def send(self, messages: Sequence[AlertMessage]) -> None:
        for message in messages:
            await self._post(message)

    async def _post(self, message: AlertMessage) -> None:
        event = f"alert.{message.content.state}"
        body = msgspec.json.encode({"id": message.id, "event": event, "alert": message.content})
        timestamp = str(int(self._clock.now().timestamp()))
        headers = {
            "Content-Type": "application/json",
            DELIVERY_HEADER: message.id,
            TIMESTAMP_HEADER: timestamp,
            SIGNATURE_HEADER: signature(self._secret, timestamp, body),
        }
        try:
            # A redirect would carry the alert to an address that nobody configured.
            async with self._session.post(
                self._url,
                data=body,
                headers=headers,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=TIMEOUT_SECONDS),
            ) as answer:
                status = answer.status
        except TimeoutError:
            raise ChannelUnavailable(f"the receiver did not answer within {TIMEOUT_SECONDS:g} s") from None
        except aiohttp.ClientError as error:
            raise ChannelUnavailable(f"the receiver cannot be reached ({type(error).__name__})") from error
        if not 200 <= status < 300:
            raise ChannelUnavailable(f"the receiver answered {status}")
