"""Opening AnselAI over PostgreSQL or in memory: every entrypoint, the library user and the tests share this."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace

from dependency_injector.providers import Object

from anselai.adapters.crypto.keyring import generate_secret
from anselai.adapters.platforms.registry import InstalledPlatforms
from anselai.adapters.postgres import migrate
from anselai.adapters.postgres.embedded import let_serve, start_embedded
from anselai.adapters.postgres.first_contact import check_opens
from anselai.adapters.system import SystemClock
from anselai.application.ansel import Ansel
from anselai.application.running_jobs import WorkerLimits
from anselai.container.keys import check_key, keeps_keys_in_files, key_ids_told, key_of, older_keys_of, renewed_ring
from anselai.container.providers import Container, MemoryStores, PostgresStores
from anselai.domain.errors import StoreUnavailable
from anselai.domain.ports.clock import Clock
from anselai.domain.ports.platform_client import PlatformPlugin
from anselai.domain.secret import Secret
from anselai.settings import Settings, database_place, load_settings

Report = Callable[[str], None]


def silent(sentence: str) -> None:
    """A report that nobody reads."""


@asynccontextmanager
async def open_container(
    settings: Settings,
    *,
    limits: WorkerLimits | None = None,
    report: Report = silent,
) -> AsyncIterator[Ansel]:
    """Everything over the PostgreSQL of the settings; the embedded one is started, migrated, and stopped at the end.

    Raises InvalidSettings, EmbeddedDatabaseFailed, StoreUnavailable, and RightsMissing, SchemaBehind or SchemaUnknown
    for a database of somebody else's that has other rights or another schema.
    """
    check_key(settings)
    async with open_database(settings, report=report) as dsn:
        if settings.database_url is None:
            await asyncio.to_thread(migrate.upgrade, dsn, report=report)
            dsn = await asyncio.to_thread(let_serve, dsn)
        async with open_on(dsn, settings, limits=limits) as ansel:
            await ansel.health.check_schema()
            try:
                yield ansel
            finally:
                with suppress(StoreUnavailable):
                    await ansel.rotation.ledger.settle()  # what was sealed and never stored here


@asynccontextmanager
async def open_database(settings: Settings, *, report: Report = silent) -> AsyncIterator[Secret]:
    """The address of the settings' database, the owner's for the embedded one, which runs for as long as this is open.

    Raises EmbeddedDatabaseFailed, and StoreUnavailable for one of somebody else's that cannot be opened, with the
    reason. Cancelled while the server starts, it waits for that and stops the server again.
    """
    if settings.database_url is not None:
        host, name = database_place(settings.database_url)
        await check_opens(settings.database_url, f"The database {name or 'of its user'} on {host or 'this machine'}")
        yield settings.database_url
        return
    starting = asyncio.create_task(asyncio.to_thread(start_embedded, settings.data_dir, report=report))
    try:
        yield Secret((await asyncio.shield(starting)).dsn)
    finally:
        await asyncio.wait({starting})
        if starting.exception() is None:
            await asyncio.to_thread(starting.result().stop)


@asynccontextmanager
async def open_on(dsn: Secret, settings: Settings, *, limits: WorkerLimits | None = None) -> AsyncIterator[Ansel]:
    """Everything over the database at this address, whatever its schema. Raises InvalidSettings."""
    renewed = renewed_ring(settings)  # before any key is read: one that is replaced from here on is noticed
    stores = PostgresStores(dsn=dsn, key_ids=Object(key_ids_told(settings)))
    container = Container(
        stores=stores,
        encryption_key=key_of(settings),
        platforms=InstalledPlatforms.discover(settings.platform_values),
        clock=SystemClock(),
        limits=limits
        or WorkerLimits(runs_per_process=settings.runs_per_process, runs_per_fleet=settings.runs_per_fleet),
        api_key=Object(settings.api_key),
        older_keys=Object(older_keys_of(settings)),
        renewed_ring=Object(renewed),
        keys_in_files=Object(keeps_keys_in_files(settings)),
    )
    container.ring()  # a bad key stops the start, not the first connection
    async with stores.database():
        try:
            yield container.ansel()
        finally:
            await container.refresher().settle()


@asynccontextmanager
async def open_ansel(
    database_url: str | None = None, *, settings: Settings | None = None, limits: WorkerLimits | None = None
) -> AsyncIterator[Ansel]:
    """`open_container` for a program: the settings default to the environment's, the URL to theirs.

    Raises KeysMissing too, when a stored token needs a key that the settings do not have.
    """
    chosen = load_settings() if settings is None else settings
    if database_url is not None:
        chosen = replace(chosen, database_url=Secret(database_url))
    async with open_container(chosen, limits=limits) as ansel:
        await ansel.keys.check()
        yield ansel


@asynccontextmanager
async def open_in_memory(
    *,
    plugins: Sequence[PlatformPlugin] | None = None,
    clock: Clock | None = None,
    limits: WorkerLimits | None = None,
    api_key: Secret | None = None,
) -> AsyncIterator[Ansel]:
    """The same system over a store in memory that is gone at the end, with an encryption key of its own.

    `plugins` replaces the installed platforms, `clock` the system's; `api_key` is what ANSELAI_API_KEY is elsewhere.
    """
    clock = clock or SystemClock()
    container = Container(
        stores=MemoryStores(clock=clock),
        encryption_key=generate_secret(),
        platforms=InstalledPlatforms.discover({}) if plugins is None else InstalledPlatforms(plugins, {}),
        clock=clock,
        limits=limits or WorkerLimits(),
        api_key=Object(api_key),
    )
    yield container.ansel()
