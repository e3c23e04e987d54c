"""A service of one process: it may tell, and nobody hears."""

from __future__ import annotations

import pytest
from app.tests.services.neighbour_specs import TOPIC, NeighboursSpec, Talk

from meschain.services.neighbours import NoNeighbours


class TestNoNeighbours(NeighboursSpec):
    @pytest.fixture
    def talk(self) -> Talk:
        talk = Talk(alone := NoNeighbours())
        alone.hear(TOPIC, talk.heard_here.append)
        return talk
