"""The composition root: which adapter stands behind which port. Reads as the diagram of the architecture."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import Any

from dependency_injector.containers import DeclarativeContainer
from dependency_injector.providers import DependenciesContainer, Dependency, Singleton

from anselai.adapters.cron import CroniterTimetable
from anselai.adapters.crypto.aes_gcm import AesGcmCipher
from anselai.adapters.crypto.keyring import derive_key, generate_secret
from anselai.adapters.key_file import read_or_make_key
from anselai.adapters.memory.connections import MemoryConnections
from anselai.adapters.memory.health import MemoryHealth
from anselai.adapters.memory.jobs import MemorySyncJobs
from anselai.adapters.memory.records import MemoryRecords
from anselai.adapters.memory.schedules import MemorySchedules
from anselai.adapters.memory.store import MemoryStore
from anselai.adapters.memory.sync_log import MemorySyncLog
from anselai.adapters.memory.workers import MemoryWorkers
from anselai.adapters.platforms.registry import InstalledPlatforms
from anselai.adapters.postgres import migrate
from anselai.adapters.postgres.connections import PostgresConnections
from anselai.adapters.postgres.database import Database
from anselai.adapters.postgres.embedded import start_embedded
from anselai.adapters.postgres.health import PostgresHealth
from anselai.adapters.postgres.jobs import PostgresSyncJobs
from anselai.adapters.postgres.records import PostgresRecords
from anselai.adapters.postgres.schedules import PostgresSchedules
from anselai.adapters.postgres.sync_log import PostgresSyncLog
from anselai.adapters.postgres.workers import PostgresWorkers
from anselai.adapters.system import RandomIds, SystemClock
from anselai.application.ansel import Ansel
from anselai.application.connection_manager import ConnectionManager
from anselai.application.insights import Insights
from anselai.application.platform_catalog import PlatformCatalog
from anselai.application.running_jobs import WorkerLimits
from anselai.application.slot_planner import SlotPlanner
from anselai.application.sync_runner import SyncRunner
from anselai.application.sync_scheduler import SyncScheduler
from anselai.application.sync_worker import SyncWorker
from anselai.application.token_refresh import TokenRefresher
from anselai.application.token_vault import TokenVault
from anselai.domain.errors import InvalidSettings
from anselai.domain.ports.clock import Clock
from anselai.domain.ports.platform_client import PlatformPlugin
from anselai.domain.secret import Secret
from anselai.settings import Settings, load_settings

Report = Callable[[str], None]


class MemoryStores(DeclarativeContainer):
    """Every store port over one object in memory."""

    clock: Dependency[Clock] = Dependency()
    store = Singleton(MemoryStore, clock=clock)
    connections = Singleton(MemoryConnections, store=store)
    schedules = Singleton(MemorySchedules, store=store)
    jobs = Singleton(MemorySyncJobs, store=store)
    sync_log = Singleton(MemorySyncLog, store=store)
    records = Singleton(MemoryRecords, store=store)
    workers = Singleton(MemoryWorkers, store=store)
    health = Singleton(MemoryHealth, store=store)


class PostgresStores(DeclarativeContainer):
    """Every store port over one pool of PostgreSQL connections."""

    dsn: Dependency[Secret] = Dependency(instance_of=Secret)
    database = Singleton(Database, dsn=dsn)
    connections = Singleton(PostgresConnections, database=database)
    schedules = Singleton(PostgresSchedules, database=database)
    jobs = Singleton(PostgresSyncJobs, database=database)
    sync_log = Singleton(PostgresSyncLog, database=database)
    records = Singleton(PostgresRecords, database=database)
    workers = Singleton(PostgresWorkers, database=database)
    health = Singleton(PostgresHealth, database=database)


class Container(DeclarativeContainer):
    """The use cases over the stores. Nothing is built until it is asked for."""

    stores: Any = DependenciesContainer()
    encryption_key: Dependency[Secret] = Dependency(instance_of=Secret)
    platforms: Dependency[InstalledPlatforms] = Dependency(instance_of=InstalledPlatforms)
    clock: Dependency[Clock] = Dependency()
    limits: Dependency[WorkerLimits] = Dependency(instance_of=WorkerLimits)

    ids = Singleton(RandomIds)
    timetable = Singleton(CroniterTimetable)
    sealing_key = Singleton(derive_key, encryption_key)
    cipher = Singleton(AesGcmCipher, key=sealing_key)
    vault = Singleton(TokenVault, cipher=cipher)

    refresher = Singleton(
        TokenRefresher, connections=stores.connections, platforms=platforms, vault=vault, clock=clock, ids=ids
    )
    connection_manager = Singleton(
        ConnectionManager,
        connections=stores.connections,
        platforms=platforms,
        vault=vault,
        refresher=refresher,
        timetable=timetable,
        clock=clock,
        ids=ids,
    )
    planner = Singleton(SlotPlanner, schedules=stores.schedules, timetable=timetable, ids=ids)
    scheduler = Singleton(
        SyncScheduler,
        connections=stores.connections,
        schedules=stores.schedules,
        jobs=stores.jobs,
        sync_log=stores.sync_log,
        workers=stores.workers,
        platforms=platforms,
        timetable=timetable,
        planner=planner,
        clock=clock,
        ids=ids,
    )
    runner = Singleton(
        SyncRunner, platforms=platforms, records=stores.records, refresher=refresher, vault=vault, clock=clock
    )
    worker = Singleton(
        SyncWorker,
        id=ids.provided.new.call(),
        host=Singleton(socket.gethostname),
        pid=Singleton(os.getpid),
        jobs=stores.jobs,
        schedules=stores.schedules,
        workers=stores.workers,
        planner=planner,
        runner=runner,
        clock=clock,
        limits=limits,
    )
    insights = Singleton(Insights, records=stores.records, platforms=platforms, clock=clock)
    catalog = Singleton(PlatformCatalog, platforms=platforms, connections=stores.connections)
    ansel = Singleton(
        Ansel,
        connections=connection_manager,
        scheduler=scheduler,
        insights=insights,
        platforms=catalog,
        worker=worker,
        sync_log=stores.sync_log,
        health=stores.health,
        clock=clock,
    )


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

    Raises InvalidSettings, EmbeddedDatabaseFailed, StoreUnavailable, and SchemaBehind or SchemaUnknown for a database
    of somebody else's that has another schema.
    """
    async with AsyncExitStack() as stack:
        if settings.database_url is not None:
            dsn, key = settings.database_url, settings.encryption_key
            if key is None:
                raise InvalidSettings(
                    "ENCRYPTION_KEY must be set where DATABASE_URL is. Make a key with: anselai key generate"
                )
        else:
            dsn = await stack.enter_async_context(_embedded(settings, report))
            key = settings.encryption_key or read_or_make_key(settings.data_dir)
        stores = PostgresStores(dsn=dsn)
        container = Container(
            stores=stores,
            encryption_key=key,
            platforms=InstalledPlatforms.discover(settings.platform_values),
            clock=SystemClock(),
            limits=limits or WorkerLimits(),
        )
        container.sealing_key()  # a bad key stops the start, not the first connection
        await stack.enter_async_context(stores.database())
        await stores.health().check_schema()
        yield container.ansel()


@asynccontextmanager
async def open_ansel(
    database_url: str | None = None, *, settings: Settings | None = None, limits: WorkerLimits | None = None
) -> AsyncIterator[Ansel]:
    """`open_container` for a program: the settings default to the environment's, the URL to theirs."""
    chosen = load_settings() if settings is None else settings
    if database_url is not None:
        chosen = replace(chosen, database_url=Secret(database_url))
    async with open_container(chosen, limits=limits) as ansel:
        yield ansel


@asynccontextmanager
async def open_in_memory(
    *,
    plugins: Sequence[PlatformPlugin] | None = None,
    clock: Clock | None = None,
    limits: WorkerLimits | None = None,
) -> AsyncIterator[Ansel]:
    """The same system over a store in memory that is gone at the end, with a key of its own.

    `plugins` replaces the installed platforms, `clock` the system's.
    """
    clock = clock or SystemClock()
    container = Container(
        stores=MemoryStores(clock=clock),
        encryption_key=generate_secret(),
        platforms=InstalledPlatforms.discover({}) if plugins is None else InstalledPlatforms(plugins, {}),
        clock=clock,
        limits=limits or WorkerLimits(),
    )
    yield container.ansel()


@asynccontextmanager
async def _embedded(settings: Settings, report: Report) -> AsyncIterator[Secret]:
    server = await asyncio.to_thread(start_embedded, settings.data_dir, report=report)
    try:
        dsn = Secret(server.dsn)
        await asyncio.to_thread(migrate.upgrade, dsn, report=report)
        yield dsn
    finally:
        await asyncio.to_thread(server.stop)
