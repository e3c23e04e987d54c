"""What a publisher promises, in whatever language: the same suite runs on the Python and on the PHP one."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest
from app.tests.deploy.shop_service import ShopService

NOWHERE = "http://127.0.0.1:1"
AWAY: tuple[int, dict[str, Any], dict[str, str]] = (503, {"error": "The events cannot be stored at the moment."}, {})


def stock(number: int, **more: object) -> dict[str, Any]:
    return {"kind": "inventory", "eventId": f"s-{number}", "productId": number + 1, "quantity": 5, **more}


class Refused(Exception):
    """The publisher raised its own error; the text is its message."""


class PublisherUnderTest(Protocol):
    def publish(self, *events: dict[str, Any]) -> bool: ...

    def flush(self) -> bool: ...


Make = Callable[..., PublisherUnderTest]
"""Takes url, spool, and options by keyword: attempts, first_pause, longest_pause, timeout, rest, spool_bytes
(seconds, bytes)."""


class PublisherSpec:
    @pytest.fixture
    def make(self) -> Make:
        raise NotImplementedError

    @pytest.fixture
    def service(self) -> Iterator[ShopService]:
        with ShopService().running() as service:
            yield service

    @pytest.fixture
    def spool(self, tmp_path: Path) -> Path:
        return tmp_path / "meschain.spool"

    def test_events_arrive_with_the_key(self, make: Make, service: ShopService) -> None:
        assert make(service.url).publish(stock(1, name="Çay 🍵"), stock(2))
        ((key, events),) = service.requests
        assert key == "Bearer k3y"
        assert events == [stock(1, name="Çay 🍵"), stock(2)]

    def test_an_event_without_an_id_gets_one_that_stays(self, make: Make, service: ShopService) -> None:
        service.next.append(AWAY)
        nameless = {"kind": "alert", "message": "x"}
        assert make(service.url).publish(nameless, nameless)
        (_, first), (_, again) = service.requests
        assert first == again
        assert len({event["eventId"] for event in first}) == 2

    @pytest.mark.parametrize("status", [0, 429, 500, 503])
    def test_what_may_pass_is_tried_again(self, make: Make, service: ShopService, status: int) -> None:
        service.next.append((status, {"error": "x"}, {}))
        assert make(service.url, attempts=2).publish(stock(1))
        assert len(service.requests) == 2

    def test_it_gives_up_after_its_attempts(self, make: Make, service: ShopService) -> None:
        service.next.extend([AWAY] * 9)
        with pytest.raises(Refused, match="503"):
            make(service.url, attempts=3).publish(stock(1))
        assert len(service.requests) == 3

    def test_a_service_that_asks_for_too_long_a_pause_is_not_waited_for(self, make: Make, service: ShopService) -> None:
        service.next.append((429, {"error": "x"}, {"Retry-After": "60"}))
        with pytest.raises(Refused, match="429"):
            make(service.url, attempts=3).publish(stock(1))
        assert len(service.requests) == 1

    def test_a_service_that_hangs_is_not_waited_for(self, make: Make, service: ShopService, spool: Path) -> None:
        service.hangs.set()
        assert not make(service.url, spool, attempts=1, timeout=0.3).publish(stock(1))

    def test_a_redirect_is_not_followed(self, make: Make, service: ShopService) -> None:
        service.next.append((307, {}, {"Location": f"{service.url}/elsewhere"}))
        with pytest.raises(Refused, match="307"):
            make(service.url, attempts=1).publish(stock(1))
        assert len(service.requests) == 1

    def test_without_a_spool_what_cannot_be_sent_is_said(self, make: Make) -> None:
        with pytest.raises(Refused, match="cannot be reached"):
            make(NOWHERE, attempts=1).publish(stock(1))

    def test_a_refused_event_is_said_with_its_reason(self, make: Make, service: ShopService) -> None:
        service.next.append((400, {"error": "Expected int - at $.productId", "event": 1}, {}))
        with pytest.raises(Refused, match="productId"):
            make(service.url).publish(stock(1), stock(2))
        assert len(service.requests) == 1

    def test_away_it_is_kept_and_sent_later_in_order_under_the_same_ids(
        self, make: Make, service: ShopService, spool: Path
    ) -> None:
        away = make(NOWHERE, spool, attempts=1, rest=0)
        assert not away.publish(stock(1), stock(2))
        assert not away.publish(stock(3))
        assert make(service.url, spool).publish(stock(4))
        assert service.accepted == ["s-1", "s-2", "s-3", "s-4"]
        assert make(service.url, spool).flush()
        assert len(service.accepted) == 4
        assert spool.stat().st_mode & 0o077 == 0

    def test_after_a_failure_nobody_tries_for_a_while(self, make: Make, service: ShopService, spool: Path) -> None:
        service.next.append(AWAY)
        publisher = make(service.url, spool, attempts=1, rest=3600)
        assert not publisher.publish(stock(1))
        assert not publisher.publish(stock(2))
        assert len(service.requests) == 1
        assert publisher.flush()
        assert service.accepted == ["s-1", "s-2"]

    def test_one_that_is_refused_for_good_holds_up_no_others(
        self, make: Make, service: ShopService, spool: Path
    ) -> None:
        service.next.append((400, {"error": "no such field", "event": 1}, {}))
        service.next.append((403, {"error": "not for this key", "event": 0}, {}))
        assert make(service.url, spool).publish(*(stock(n) for n in range(4)))
        assert service.accepted == ["s-2", "s-3"]
        aside = [json.loads(line) for line in Path(f"{spool}.refused").read_text().splitlines()]
        assert [(row["reason"], row["event"]["eventId"]) for row in aside] == [
            ("no such field", "s-1"),
            ("not for this key", "s-0"),
        ]

    def test_a_key_that_was_revoked_keeps_the_events(self, make: Make, service: ShopService, spool: Path) -> None:
        service.next.append((401, {"error": "Send a key that holds."}, {}))
        assert not make(service.url, spool, attempts=1).publish(stock(1))
        assert make(service.url, spool).flush()
        assert service.accepted == ["s-1"]

    def test_many_go_in_requests_that_the_service_takes(self, make: Make, service: ShopService, spool: Path) -> None:
        assert make(service.url, spool).publish(*(stock(n) for n in range(250)))
        assert [len(events) for _, events in service.requests] == [100, 100, 50]
        long = [stock(n, name="x" * 20_000) for n in range(5)]
        assert make(service.url).publish(*long)
        assert [len(events) for _, events in service.requests[3:]] == [2, 2, 1]
        assert service.accepted == [f"s-{n}" for n in (*range(250), *range(5))]

    def test_one_that_fits_no_request_is_refused_at_once(self, make: Make, service: ShopService, spool: Path) -> None:
        with pytest.raises(Refused, match="60000"):
            make(service.url, spool).publish(stock(1), stock(2, name="x" * 60_000))
        assert service.requests == []
        assert make(service.url, spool).flush()
        assert service.requests == []

    def test_what_was_sent_before_a_failure_is_not_kept(self, make: Make, service: ShopService, spool: Path) -> None:
        service.next.extend([(202, {}, {}), AWAY])
        assert not make(service.url, spool, attempts=1).publish(*(stock(n) for n in range(150)))
        assert make(service.url, spool).flush()
        assert service.accepted == [f"s-{n}" for n in range(150)]

    def test_a_full_spool_is_said_and_keeps_what_it_has(self, make: Make, service: ShopService, spool: Path) -> None:
        away = make(NOWHERE, spool, attempts=1, rest=3600, spool_bytes=150)
        assert not away.publish(stock(1))
        with pytest.raises(Refused, match="full"):
            away.publish(stock(2), stock(3))
        assert make(service.url, spool).flush()
        assert service.accepted == ["s-1"]

    def test_a_line_that_was_cut_off_spoils_no_other(self, make: Make, service: ShopService, spool: Path) -> None:
        spool.write_bytes(json.dumps(stock(1)).encode() + b'\n{"kind":"inven')
        assert make(service.url, spool).publish(stock(2))
        assert service.accepted == ["s-1", "s-2"]

    def test_a_folder_that_cannot_be_written_to_is_said(self, make: Make, tmp_path: Path) -> None:
        with pytest.raises(Refused, match="no-such-folder"):
            make(NOWHERE, tmp_path / "no-such-folder" / "spool").publish(stock(1))
