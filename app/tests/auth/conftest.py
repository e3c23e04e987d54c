"""A fresh log-in for each test."""

from __future__ import annotations

import pytest
from app.tests.auth.rig import Rig

from meschain.state.database import Database


@pytest.fixture
def rig(database: Database) -> Rig:
    return Rig(database)
