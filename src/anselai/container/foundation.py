"""What the foundation test needs beside an open AnselAI."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from dependency_injector.providers import Object

from anselai.adapters.crypto.keyring import generate_secret
from anselai.adapters.platforms.registry import InstalledPlatforms
from anselai.adapters.platforms.stub import StubClient
from anselai.adapters.postgres.database import Database
from anselai.adapters.postgres.embedded import has_its_rights, serving_address
from anselai.adapters.postgres.rehearsal import Rehearsal
from anselai.adapters.system import RandomIds, SystemClock
from anselai.application.ansel import Ansel
from anselai.application.running_jobs import WorkerLimits
from anselai.container.providers import Container, PostgresStores
from anselai.domain.secret import Secret
from anselai.settings import Settings


@asynccontextmanager
async def open_rehearsal(dsn: Secret) -> AsyncIterator[Ansel]:
    """Everything over tables of its own in this database, seen by nobody else and gone at the end, with one stub.

    So is its key: what it seals is counted in those tables. Raises InvalidSettings, StoreUnavailable.
    """
    rehearsal = Rehearsal(dsn)
    container = Container(
        stores=PostgresStores(database=Object(rehearsal)),
        encryption_key=generate_secret(),
        platforms=InstalledPlatforms([StubClient], {}),
        clock=SystemClock(),
        limits=WorkerLimits(),
    )
    async with rehearsal:
        yield container.ansel()


async def try_every_table(dsn: Secret) -> Sequence[str]:
    """Write, read and delete a row of every table, and take it all back; the tables' names."""
    from anselai.adapters.postgres.round_trip import round_trip  # loads SQLAlchemy, which serving does without

    async with Database(dsn) as database:
        return await round_trip(database, RandomIds().new())


async def address_to_check(settings: Settings, dsn: Secret) -> Secret:
    """Whom to check as: who serves. In the embedded database the owner, where that role is still to get its rights."""
    if settings.database_url is None and await asyncio.to_thread(has_its_rights, dsn):
        return serving_address(dsn)
    return dsn


def has_database(settings: Settings) -> bool:
    """Whether there is one to open; an embedded one that was never started would be made by that."""
    return settings.database_url is not None or (settings.data_dir / "postgres").exists()
