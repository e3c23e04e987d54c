"""The stores behind publishing and sign-in, on real databases."""

from __future__ import annotations

import pytest
from app.tests.services import publishing_specs

from meschain.state.api_keys import SqlApiKeyStore
from meschain.state.database import Database
from meschain.state.publications import SqlPublicationStore
from meschain.state.sign_in_tickets import SqlTicketStore


class TestSqlApiKeys(publishing_specs.ApiKeyStoreSpec):
    @pytest.fixture
    def store(self, opened: Database) -> SqlApiKeyStore:
        return SqlApiKeyStore(opened)


class TestSqlPublications(publishing_specs.PublicationStoreSpec):
    @pytest.fixture
    def store(self, opened: Database) -> SqlPublicationStore:
        return SqlPublicationStore(opened)


class TestSqlTickets(publishing_specs.TicketStoreSpec):
    @pytest.fixture
    def store(self, opened: Database) -> SqlTicketStore:
        return SqlTicketStore(opened)
