"""The book and the outbox in memory keep the promises that the services rely on."""

from __future__ import annotations

import pytest
from app.tests.services.alert_fakes import FakeChannel, MemoryAlertBook, MemoryAlertOutbox
from app.tests.services.alert_specs import AlertBookSpec, AlertChannelSpec, AlertOutboxSpec


class TestMemoryAlertBook(AlertBookSpec):
    @pytest.fixture
    def outbox(self) -> MemoryAlertOutbox:
        return MemoryAlertOutbox(self.MOST_MESSAGES)

    @pytest.fixture
    def book(self, outbox: MemoryAlertOutbox) -> MemoryAlertBook:
        return MemoryAlertBook(outbox)


class TestMemoryAlertOutbox(AlertOutboxSpec):
    @pytest.fixture
    def outbox(self) -> MemoryAlertOutbox:
        return MemoryAlertOutbox()

    @pytest.fixture
    def book(self, outbox: MemoryAlertOutbox) -> MemoryAlertBook:
        return MemoryAlertBook(outbox)


class Fake(FakeChannel):
    """The channel, and its other side."""

    def refuse(self, is_refusing: bool) -> None:
        self.failures = 1_000 if is_refusing else 0

    def taken(self) -> int:
        return sum(len(ids) for ids in self.sent)


class TestFakeChannel(AlertChannelSpec):
    @pytest.fixture
    def receiver(self) -> Fake:
        return Fake()

    @pytest.fixture
    def channel(self, receiver: Fake) -> Fake:
        return receiver
