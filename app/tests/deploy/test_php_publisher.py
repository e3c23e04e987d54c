"""The PHP publisher (`deploy/opencart/library/meschain_publisher.php`), under PHP's command line."""

from __future__ import annotations

import json
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from app.tests.deploy.php import LIBRARY, php_command, run_php
from app.tests.deploy.publisher_specs import Make, PublisherSpec, Refused, stock
from app.tests.deploy.shop_service import ShopService

SCRIPT = Path(__file__).parent / "publish.php"
PUBLISHER = LIBRARY / "meschain_publisher.php"


@dataclass
class Php:
    """The publisher, a process of PHP for each call, as each page of a shop is one."""

    given: dict[str, Any]

    def publish(self, *events: dict[str, Any]) -> bool:
        return self._call("publish", list(events))

    def flush(self) -> bool:
        return self._call("flush", [])

    def _call(self, call: str, events: list[dict[str, Any]]) -> bool:
        outcome = run_php(SCRIPT, str(PUBLISHER), given={**self.given, "call": call, "events": events})
        if "refused" in outcome:
            raise Refused(outcome["refused"])
        return bool(outcome["done"])


def make_php(
    url: str,
    spool: Path | None = None,
    *,
    attempts: int = 2,
    timeout: float = 5,
    rest: float = 0,
    spool_bytes: int = 1 << 20,
) -> Php:
    options = {
        "timeout_milliseconds": int(timeout * 1000),
        "attempts": attempts,
        "first_pause_milliseconds": 1,
        "longest_pause_milliseconds": 1000,
        "rest_seconds": rest,
        "spool_bytes": spool_bytes,
        "publish_seconds": 30,
    }
    return Php({"url": url, "key": "k3y", "spool": None if spool is None else str(spool), "options": options})


class TestPhpPublisher(PublisherSpec):
    @pytest.fixture
    def make(self) -> Make:
        return make_php

    def test_one_sends_and_others_add_and_nothing_is_forgotten(self, service: ShopService, spool: Path) -> None:
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda number: make_php(service.url, spool).publish(stock(number)), range(24)))
        assert sorted(service.accepted) == sorted(f"s-{number}" for number in range(24))
        assert spool.read_bytes() == b""

    def test_a_page_that_is_killed_while_it_sends_loses_nothing(self, service: ShopService, spool: Path) -> None:
        service.hangs.set()
        given = {**make_php(service.url, spool).given, "call": "publish", "events": [stock(1), stock(2)]}
        command = php_command(SCRIPT, str(PUBLISHER))
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as page:
            assert page.stdin is not None
            page.stdin.write(json.dumps(given))
            page.stdin.close()
            assert service.arrived.wait(30)
            page.kill()
        service.hangs.clear()
        assert make_php(service.url, spool).publish(stock(3))
        assert service.accepted == ["s-1", "s-2", "s-3"]

    def test_options_that_are_not_there_are_refused(self, service: ShopService) -> None:
        wrong = Php({"url": service.url, "key": "k3y", "spool": None, "options": {"retries": 3}})
        with pytest.raises(AssertionError, match="No such option: retries"):
            wrong.publish(stock(1))
