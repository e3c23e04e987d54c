"""Fixtures of the hub tests."""

from __future__ import annotations

import pytest
from app.tests.hubs.harness import Hubs


@pytest.fixture
def hubs() -> Hubs:
    return Hubs()
