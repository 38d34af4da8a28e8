"""Token refreshes over a real PostgreSQL, which several processes share."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from anselai.adapters.crypto.keyring import generate_secret
from anselai.application.token_refresh import TokenRefresher
from anselai.container.opening import open_on
from anselai.domain.secret import Secret
from anselai.settings import Settings
from tests.fakes import InstalledPlatforms
from tests.samples import GOOGLE
from tests.unit.refreshed_platform import Refreshed, platform

PROCESSES = 3


@pytest.fixture
def google() -> Iterator[Refreshed]:
    """Its answers wait for `hold`."""
    google = platform("google")
    google.hold = asyncio.Event()
    yield google
    google.hold.set()


@pytest.fixture
async def refreshers(database_url: str, google: Refreshed, tmp_path: Path) -> AsyncIterator[list[TokenRefresher]]:
    """Those of processes with nothing in common but the database, where one connection is stored."""
    dsn = Secret(database_url)
    settings = Settings(database_url=dsn, encryption_key=generate_secret(), data_dir=tmp_path)
    async with AsyncExitStack() as stack:
        opened = [await stack.enter_async_context(open_on(dsn, settings)) for _ in range(PROCESSES)]
        await opened[0].connections.save_connection("google", access_token="access-0", refresh_token="refresh-0")
        installed = InstalledPlatforms([google])
        yield [replace(each.connections.refresher, platforms=installed) for each in opened]


async def asked(google: Refreshed) -> None:
    async with asyncio.timeout(10):
        while not google.given:  # noqa: ASYNC110  what is waited for happens on the platform
            await asyncio.sleep(0.001)


async def test_while_a_platform_is_asked_no_transaction_is_open_and_nothing_is_locked(
    refreshers: list[TokenRefresher], google: Refreshed, database_url: str
) -> None:
    refreshing = asyncio.create_task(refreshers[0].refresh(GOOGLE))
    await asked(google)
    async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as other:
        in_transactions = await other.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND backend_type = 'client backend' AND pid <> pg_backend_pid() AND xact_start IS NOT NULL"
        )
        assert await in_transactions.fetchone() == (0,)
        await other.execute("SET anselai.studio = 'default'")
        free = await other.execute("SELECT refresh_asked_at IS NOT NULL FROM platform_connections FOR UPDATE NOWAIT")
        assert await free.fetchone() == (True,), "what is about to happen is stored before"
    assert google.hold is not None
    google.hold.set()
    assert (await refreshing).token_version == 2


async def test_of_all_processes_that_ask_at_once_one_asks_the_platform_and_all_get_its_answer(
    refreshers: list[TokenRefresher], google: Refreshed
) -> None:
    seen = await refreshers[0].connections.get(GOOGLE)
    callers = [asyncio.create_task(each.refresh(GOOGLE, seen=seen)) for each in refreshers for _ in range(5)]
    await asked(google)
    assert google.hold is not None
    google.hold.set()
    assert {each.token_version for each in await asyncio.gather(*callers)} == {2}
    assert google.given == ["refresh-0"]
