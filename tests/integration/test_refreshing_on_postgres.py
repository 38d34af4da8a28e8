"""Token refreshes over a real PostgreSQL, which several processes share."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest

from anselai.adapters.crypto.keyring import generate_secret
from anselai.application import token_refresh
from anselai.application.ansel import Ansel
from anselai.application.token_refresh import TokenRefresher
from anselai.container.opening import open_on
from anselai.domain.secret import Secret
from anselai.entrypoints import daemon
from anselai.entrypoints.stop_signals import StopSignals
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


async def test_a_daemon_that_waits_for_a_refresh_stops_soon_once_it_is_hurried(
    database_url: str, google: Refreshed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(token_refresh, "HURRIED", timedelta(seconds=0.1))
    monkeypatch.setattr(daemon, "spare_the_collector", lambda: None)
    callers = list[asyncio.Task[object]]()

    async def work(ansel: Ansel, stop: StopSignals) -> bool:
        await ansel.connections.save_connection("google", access_token="access-0", refresh_token="refresh-0")
        refresher = ansel.connections.refresher
        mine = replace(refresher, platforms=InstalledPlatforms([google]), running=refresher.running)
        callers.append(asyncio.create_task(mine.refresh(GOOGLE)))
        await asked(google)
        asyncio.get_running_loop().call_later(0.2, stop.hurried.set)
        return True

    settings = Settings(database_url=Secret(database_url), encryption_key=generate_secret(), data_dir=tmp_path)
    async with asyncio.timeout(10):
        assert await daemon.run_daemon(settings, work, lambda _: None)
    await asyncio.wait(callers)
    assert callers[0].cancelled()
