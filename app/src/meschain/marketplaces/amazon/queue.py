"""Takes Amazon's notifications out of a queue (SQS) and hands them to the inbox; what is stored there is deleted here.

A message that could not be stored comes again by itself once its time-out is over. Knows neither what a notification
means nor where it is stored. aiobotocore, which speaks to AWS, is imported only here: it is the extra `amazon`.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from aiobotocore.config import AioConfig
from aiobotocore.session import get_session
from botocore.exceptions import BotoCoreError, ClientError

from meschain.marketplaces.amazon.notifications import CODE
from meschain.services.ports import Clock
from meschain.services.webhook_ports import InboxUnavailable, WebhookReceiver, WebhookRequest
from meschain.vendor_settings.amazon import AmazonStore

_log = logging.getLogger(__name__)

_MOST_MESSAGES: Final = 10
"""Of one receive: SQS allows no more."""


@dataclass(frozen=True, slots=True)
class QueueOptions:
    """Times of a queue's consumer."""

    wait_seconds: int = 20
    """A receive waits so long for messages: the longest that SQS allows, so the fewest requests that cost money."""
    first_pause_seconds: float = 2.0
    """After a receive that failed, doubled with each until it works again."""
    longest_pause_seconds: float = 120.0


class AmazonQueue:
    """Consumes one store's queue.

    Args:
        store: its name in the settings.
    """

    def __init__(
        self,
        store: str,
        settings: AmazonStore,
        receiver: WebhookReceiver,
        clock: Clock,
        options: QueueOptions | None = None,
    ) -> None:
        self._store = store
        self._settings = settings
        self._receiver = receiver
        self._clock = clock
        self._options = options or QueueOptions()

    async def run(self) -> None:
        """Consume for ever. While AWS, or our own storage, cannot be reached, messages wait in the queue."""
        pause = self._options.first_pause_seconds
        while True:
            try:
                async with self._client() as client:
                    while True:
                        await self.take(client)
                        pause = self._options.first_pause_seconds
            except (BotoCoreError, ClientError) as error:
                # The text of a ClientError is AWS's answer: a code and a sentence, no secret.
                _log.warning("the queue of the amazon store %s cannot be read: %s", self._store, error)
            except InboxUnavailable as error:
                _log.warning("messages of the amazon store %s cannot be stored now: %s", self._store, error)
            await self._clock.sleep(pause)
            pause = min(pause * 2, self._options.longest_pause_seconds)

    async def take(self, client: Any) -> int:
        """Store what the queue gives now and delete it there; returns how many messages.

        Args:
            client: of aiobotocore, which has no types.

        Raises: BotoCoreError, ClientError. InboxUnavailable: what was stored by then is deleted, the rest comes again.
        """
        answer = await client.receive_message(
            QueueUrl=self._settings.queue_url,
            MaxNumberOfMessages=_MOST_MESSAGES,
            WaitTimeSeconds=self._options.wait_seconds,
            VisibilityTimeout=self._settings.visibility_seconds,
        )
        failure: InboxUnavailable | None = None
        stored: list[Any] = []
        for message in answer.get("Messages", ()):
            # What is no text at all is for the dead letters, as everything that cannot be read.
            body = message["Body"].encode("utf-8", "surrogatepass")
            try:
                await self._receiver.keep(
                    CODE, self._store, WebhookRequest("POST", "", {}, {}, body, self._clock.now())
                )
            except InboxUnavailable as error:
                failure = error
                break
            stored.append(message)
        if stored:
            await self._delete(client, stored)
        if failure is not None:
            raise failure
        return len(stored)

    async def _delete(self, client: Any, messages: Sequence[Any]) -> None:
        entries = [
            {"Id": str(number), "ReceiptHandle": message["ReceiptHandle"]} for number, message in enumerate(messages)
        ]
        answer = await client.delete_message_batch(QueueUrl=self._settings.queue_url, Entries=entries)
        if failed := answer.get("Failed"):
            # They come again, and the inbox knows their keys.
            _log.warning("%d messages of the amazon store %s could not be deleted", len(failed), self._store)

    def _client(self) -> AbstractAsyncContextManager[Any]:
        settings = self._settings
        parts = urlsplit(settings.queue_url)
        secret = settings.secret_access_key
        client: AbstractAsyncContextManager[Any] = get_session().create_client(
            "sqs",
            region_name=settings.queue_region,
            endpoint_url=f"{parts.scheme}://{parts.netloc}",
            aws_access_key_id=settings.access_key_id or None,
            aws_secret_access_key=None if secret is None else secret.get_secret_value(),
            config=AioConfig(
                connect_timeout=10, read_timeout=self._options.wait_seconds + 10, retries={"max_attempts": 2}
            ),
        )
        return client
