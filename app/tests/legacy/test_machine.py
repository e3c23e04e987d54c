from __future__ import annotations

from pathlib import Path

from meschain.legacy.machine import Machine


def test_memory_and_processors_as_the_kernel_tells_them(tmp_path: Path) -> None:
    memory, processors = tmp_path / "meminfo", tmp_path / "stat"
    memory.write_text("MemTotal:       1000 kB\nMemFree: 10 kB\nMemAvailable:    250 kB\nHugePages:\n")
    processors.write_text("cpu  100 0 100 700 100 0 0 0 0 0\ncpu0 1 1 1 1 1 1 1 1 1 1\n")
    machine = Machine(memory, processors)
    assert machine.memory_percent() == 75.0
    assert machine.cpu_percent() == 20.0
    processors.write_text("cpu  150 0 150 700 100 0 0 0 0 0\n")
    assert machine.cpu_percent() == 100.0
    assert machine.cpu_percent() == 0.0
    processors.write_text("cpu  160 0 160 700 90 0 0 0 0 0\n")  # some of the waiting for disks is taken back
    assert machine.cpu_percent() == 100.0


def test_where_there_is_no_source_it_is_0(tmp_path: Path) -> None:
    machine = Machine(tmp_path / "none", tmp_path / "none")
    assert (machine.memory_percent(), machine.cpu_percent()) == (0.0, 0.0)


def test_this_machine_has_both() -> None:
    assert 0 < Machine().memory_percent() < 100
    assert 0 <= Machine().cpu_percent() <= 100
