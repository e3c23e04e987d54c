"""How much longer this machine may take than most."""

from __future__ import annotations

import os

SLOWNESS = float(os.environ.get("TEST_SLOWNESS", "1"))
"""Multiplies the time-outs of what waits for programs and browsers."""
