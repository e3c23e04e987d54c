"""Time for the tests of services."""

from __future__ import annotations

import pytest
from app.tests.services.fakes import FakeClock


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()
