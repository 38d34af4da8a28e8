"""The composition root: which adapter stands behind which port. Reads as the diagram of the architecture."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

from dependency_injector.containers import DeclarativeContainer
from dependency_injector.providers import DependenciesContainer, Dependency, Object, Singleton

from anselai.adapters.cron import CroniterTimetable
from anselai.adapters.crypto.aes_gcm import AesGcmCipher
from anselai.adapters.crypto.key_file import FILE_NAME as KEY_FILE
from anselai.adapters.crypto.key_file import read_or_make_key
from anselai.adapters.crypto.keyring import derive_key, generate_secret
from anselai.adapters.memory.connections import MemoryConnections
from anselai.adapters.memory.health import MemoryHealth
from anselai.adapters.memory.jobs import MemorySyncJobs
from anselai.adapters.memory.records import MemoryRecords
from anselai.adapters.memory.schedules import MemorySchedules
from anselai.adapters.memory.store import MemoryStore
from anselai.adapters.memory.sync_log import MemorySyncLog
from anselai.adapters.memory.workers import MemoryWorkers
from anselai.adapters.platforms.registry import InstalledPlatforms
from anselai.adapters.platforms.stub import StubClient
from anselai.adapters.postgres import migrate
from anselai.adapters.postgres.connections import PostgresConnections
from anselai.adapters.postgres.database import Database
from anselai.adapters.postgres.embedded import start_embedded
from anselai.adapters.postgres.health import PostgresHealth
from anselai.adapters.postgres.jobs import PostgresSyncJobs
from anselai.adapters.postgres.records import PostgresRecords
from anselai.adapters.postgres.rehearsal import Rehearsal
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
from anselai.domain.errors import InvalidSettings, SchemaBehind, SchemaUnknown
from anselai.domain.ports.clock import Clock
from anselai.domain.ports.platform_client import PlatformPlugin
from anselai.domain.secret import Secret
from anselai.settings import Settings, load_settings

Report = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyInUse:
    """Where the encryption key comes from, and its id, which every token sealed with it names."""

    source: str
    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaState:
    """The revision that a database is at, None before the first, and all that this version knows, oldest first."""

    current: str | None
    revisions: tuple[str, ...]

    def check(self) -> None:
        """Return if it is current. Raises SchemaBehind, SchemaUnknown."""
        if self.current is not None and self.current not in self.revisions:
            raise SchemaUnknown(self.current)
        if self.current != self.revisions[-1]:
            raise SchemaBehind(self.current, self.revisions[-1])


class MemoryStores(DeclarativeContainer):
    """Every store port over one object in memory."""

    clock: Dependency[Clock] = Dependency()
    store = Singleton(MemoryStore, clock=clock)
    connections = Singleton(MemoryConnections, store=store)
    schedules = Singleton(MemorySchedules, store=store)
    jobs = Singleton(MemorySyncJobs, store=store)
    sync_log = Singleton(MemorySyncLog, store=store)
    records = Singleton(MemoryRecords, memory=store)
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
    _check_key(settings)
    async with open_database(settings, report=report) as dsn:
        if settings.database_url is None:
            await asyncio.to_thread(migrate.upgrade, dsn, report=report)
        async with open_on(dsn, settings, limits=limits) as ansel:
            await ansel.health.check_schema()
            yield ansel


@asynccontextmanager
async def open_database(settings: Settings, *, report: Report = silent) -> AsyncIterator[Secret]:
    """The address of the settings' database; the embedded one runs for as long as this is open.

    Raises EmbeddedDatabaseFailed. Cancelled while the server starts, it waits for that and stops the server again.
    """
    if settings.database_url is not None:
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
    stores = PostgresStores(dsn=dsn)
    container = Container(
        stores=stores,
        encryption_key=_key(settings),
        platforms=InstalledPlatforms.discover(settings.platform_values),
        clock=SystemClock(),
        limits=limits or WorkerLimits(),
    )
    container.sealing_key()  # a bad key stops the start, not the first connection
    async with stores.database():
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
async def open_rehearsal(dsn: Secret, settings: Settings) -> AsyncIterator[Ansel]:
    """Everything over tables of its own in this database, seen by nobody else and gone at the end, with one stub.

    Raises InvalidSettings, StoreUnavailable.
    """
    rehearsal = Rehearsal(dsn)
    container = Container(
        stores=PostgresStores(database=Object(rehearsal)),
        encryption_key=_key(settings),
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


def has_database(settings: Settings) -> bool:
    """Whether there is one to open; an embedded one that was never started would be made by that."""
    return settings.database_url is not None or (settings.data_dir / "postgres").exists()


def generate_key() -> Secret:
    """A good ENCRYPTION_KEY."""
    return generate_secret()


def key_in_use(settings: Settings) -> KeyInUse:
    """Which key these settings lead to. Raises InvalidSettings when it is missing, or bad."""
    _check_key(settings)
    path = settings.data_dir / KEY_FILE
    if settings.encryption_key is None and not path.exists():
        raise InvalidSettings(f"There is no key yet. The first `anselai serve` makes one and keeps it in {path}.")
    source = str(path) if settings.encryption_key is None else "ENCRYPTION_KEY"
    return KeyInUse(source=source, id=derive_key(_key(settings)).id)


def _check_key(settings: Settings) -> None:
    """Refuse a bad or missing key before anything is started."""
    if settings.encryption_key is not None:
        derive_key(settings.encryption_key)
    elif settings.database_url is not None:
        raise InvalidSettings("ENCRYPTION_KEY must be set where DATABASE_URL is. Make a key with: anselai key generate")


def _key(settings: Settings) -> Secret:
    return settings.encryption_key or read_or_make_key(settings.data_dir)


async def schema_state(settings: Settings, *, report: Report = silent) -> SchemaState:
    """Where the schema of the settings' database is. Raises StoreUnavailable, EmbeddedDatabaseFailed."""
    async with open_database(settings, report=report) as dsn:
        return SchemaState(current=await asyncio.to_thread(migrate.current, dsn), revisions=migrate.revisions())


async def move_schema(settings: Settings, *, down_to: str | None = None, report: Report = silent) -> None:
    """Bring the schema to what this version needs, or down to a revision (`base`: to nothing).

    Raises SchemaUnknown, StoreUnavailable, EmbeddedDatabaseFailed.
    """
    async with open_database(settings, report=report) as dsn:
        if down_to is None:
            await asyncio.to_thread(migrate.upgrade, dsn, report=report)
        else:
            await asyncio.to_thread(migrate.downgrade, dsn, down_to, report=report)


def schema_revisions() -> tuple[str, ...]:
    """Every revision that this version knows, oldest first."""
    return migrate.revisions()


def schema_sql(since: str | None = None) -> str:
    """The SQL that leads from a revision, or from an empty database, to what this version needs."""
    return migrate.sql(since)
