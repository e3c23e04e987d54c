"""The Python publisher (`deploy/publishers/meschain_publisher.py`)."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from app.tests.deploy.publisher_specs import NOWHERE, Make, PublisherSpec, Refused, stock
from app.tests.deploy.shop_service import ShopService
from deploy.publishers.meschain_publisher import Options, Publisher, PublishFailed


@dataclass
class Python:
    """The publisher, whose own errors become those of the suite."""

    publisher: Publisher

    def publish(self, *events: dict[str, Any]) -> bool:
        return self._call(lambda: self.publisher.publish(*events))

    def flush(self) -> bool:
        return self._call(self.publisher.flush)

    def _call(self, work: Callable[[], bool]) -> bool:
        try:
            return work()
        except (PublishFailed, OSError) as error:
            raise Refused(str(error)) from error


def make_python(
    url: str,
    spool: Path | None = None,
    *,
    attempts: int = 2,
    timeout: float = 5,
    rest: float = 0,
    spool_bytes: int = 1 << 20,
) -> Python:
    options = Options(
        timeout_seconds=timeout,
        attempts=attempts,
        first_pause_seconds=0.001,
        longest_pause_seconds=1,
        rest_seconds=rest,
        spool_bytes=spool_bytes,
    )
    return Python(Publisher(url, "k3y", None if spool is None else str(spool), options))


class TestPythonPublisher(PublisherSpec):
    @pytest.fixture
    def make(self) -> Make:
        return make_python

    def test_pauses_double_and_follow_the_service(self, service: ShopService) -> None:
        pauses: list[float] = []
        service.next.extend([(503, {}, {}), (503, {}, {}), (503, {}, {"Retry-After": "7"})])
        Publisher(service.url, "k3y", options=Options(attempts=4), sleep=pauses.append).publish(stock(1))
        assert pauses == [0.5, 1.0, 7.0]

    def test_money_and_moments_travel_as_text(self, service: ShopService) -> None:
        moment = datetime(2026, 6, 15, tzinfo=UTC)
        Publisher(service.url, "k3y").publish(stock(1, total=Decimal("149.90"), occurredAt=moment))
        (event,) = service.taken
        assert (event["total"], event["occurredAt"]) == ("149.90", "2026-06-15T00:00:00+00:00")

    def test_one_sends_and_others_add_and_nothing_is_forgotten(self, service: ShopService, spool: Path) -> None:
        def work(worker: int) -> None:
            for number in range(20):
                make_python(service.url, spool).publish(stock(worker * 100 + number))

        threads = [threading.Thread(target=work, args=(worker,)) for worker in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(service.accepted) == sorted(f"s-{w * 100 + n}" for w in range(4) for n in range(20))
        assert spool.read_bytes() == b""

    def test_it_does_not_show_its_key(self) -> None:
        assert "k3y" not in repr(Publisher(NOWHERE, "k3y"))
