"""Fixtures for tests that run on a real PostgreSQL."""

from collections.abc import AsyncIterator

import pytest

from anselai.adapters.postgres.database import Database
from anselai.domain.secret import Secret


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """An open pool on a database of this test's own."""
    async with Database(Secret(database_url)) as database:
        yield database
