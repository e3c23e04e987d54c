"""The inbox on a real database, with a vendor that does what a test says."""

from __future__ import annotations

import pytest
from app.tests.services.fakes import FakeClock
from app.tests.webhooks.example_vendor import ExampleVendor, Rig

from meschain.state.database import Database


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def vendor() -> ExampleVendor:
    return ExampleVendor()


@pytest.fixture
def rig(database: Database, clock: FakeClock, vendor: ExampleVendor) -> Rig:
    return Rig(database, clock, {("etsy", "main"): vendor})
