"""Fixtures of the vendors' tests."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from app.tests.marketplaces.requests import NOW
from app.tests.marketplaces.vendor_server import VendorServer, running_vendor
from app.tests.services.fakes import FakeClock


@pytest.fixture
async def vendor_server() -> AsyncIterator[VendorServer]:
    async with running_vendor() as server:
        yield server


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(NOW)
