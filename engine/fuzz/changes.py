"""Makes new inputs of a harness' first ones: changes of their bytes, and of what they mean (`trees`)."""

from __future__ import annotations

import random

from engine.fuzz import trees
from engine.fuzz.harnesses import Harness

MAXIMUM_INPUT_BYTES = 4096


class Changer:
    """Changes inputs of one harness."""

    def __init__(self, harness: Harness) -> None:
        self.seeds = list(dict.fromkeys(harness.seeds()))
        self._pieces = [*self.seeds, *harness.TOKENS]
        self._trees = harness.TREES

    def change_tree(self, data: bytes, choose: random.Random) -> bytes | None:
        """Change what the input means; None where it means nothing."""
        if self._trees is None:
            return None
        changed = trees.mutated(self._trees, data, self.seeds, choose)
        return None if changed is None or len(changed) > MAXIMUM_INPUT_BYTES else changed

    def change_bytes(self, data: bytes, choose: random.Random) -> bytes:
        """Replace bytes, drop or double pieces, or take some from another input."""
        changed = bytearray(data)
        for _ in range(choose.randint(0, 4)):
            at = choose.randint(0, len(changed))
            size = choose.choice((1, 1, 2, 4, 16))
            match choose.randint(0, 4):
                case 0:
                    changed[at : at + size] = choose.randbytes(size)
                case 1:
                    del changed[at : at + size]
                case 2:
                    changed[at:at] = changed[at : at + 8 * size]
                case 3:
                    other = choose.choice(self._pieces)
                    start = choose.randint(0, len(other))
                    changed[at : at + size] = other[start : start + 4 * size]
                case _:
                    changed[at : at + 1] = bytes([choose.choice((0, 0x1E, 0x7F, 0x80, 0xC0, 0xFF, *b'"[]{}'))])
        return bytes(changed[:MAXIMUM_INPUT_BYTES])

    def change(self, data: bytes, choose: random.Random) -> bytes:
        """Change the input in one of the two ways."""
        changed = self.change_tree(data, choose) if choose.random() < 0.5 else None
        return self.change_bytes(data, choose) if changed is None else changed

    def any(self, choose: random.Random) -> bytes:
        """Return one of the first inputs, changed."""
        return self.change(choose.choice(self.seeds), choose)
