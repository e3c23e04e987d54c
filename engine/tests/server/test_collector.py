"""The calmed collector, in a process of its own: this one's is not to be changed."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import gc
from hubwire.server import collector

collector.calm()
print(gc.get_threshold()[0] > 700, gc.get_freeze_count() > 1000, gc.isenabled())
"""


def test_what_exists_is_not_looked_at_again_and_cycles_are_still_freed() -> None:
    output = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, timeout=60)
    assert output.stdout.split() == ["True", "True", "True"]
