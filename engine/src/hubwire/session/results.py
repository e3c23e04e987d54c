"""What a server has asked its client for and not been told yet (signalr-protocol 4.7). Knows no bytes and no clock."""

from __future__ import annotations

import math


class Questions:
    """The open questions of one connection, each with the time until which it is worth an answer."""

    __slots__ = ("_deadlines", "_number", "deadline")

    def __init__(self) -> None:
        self._deadlines: dict[str, float] = {}
        self._number = 0
        self.deadline = math.inf
        """No question is overdue before; it may be earlier than the earliest of them, which saves a search each."""

    def add(self, deadline: float) -> str:
        """Return the id of a new question. Its letter keeps it apart from the stream ids that clients choose."""
        self._number += 1
        question_id = f"s{self._number}"
        self._deadlines[question_id] = deadline
        self.deadline = min(self.deadline, deadline)
        return question_id

    def remove(self, question_id: str) -> bool:
        """The question is settled or forgotten; False: it was before, or never asked."""
        if self._deadlines.pop(question_id, None) is None:
            return False
        if not self._deadlines:
            self.deadline = math.inf
        return True

    def overdue(self, now: float) -> list[str]:
        """Remove and return the questions whose time is over."""
        if now < self.deadline:
            return []
        overdue = [question_id for question_id, deadline in self._deadlines.items() if now >= deadline]
        for question_id in overdue:
            del self._deadlines[question_id]
        self.deadline = min(self._deadlines.values(), default=math.inf)
        return overdue
