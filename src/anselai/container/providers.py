"""Which adapter stands behind which port. Reads as the diagram of the architecture."""

import os
import socket
from typing import Any

from dependency_injector.containers import DeclarativeContainer
from dependency_injector.providers import DependenciesContainer, Dependency, Singleton

from anselai.adapters.cron import CroniterTimetable
from anselai.adapters.crypto.aes_gcm import AesGcmCipher
from anselai.adapters.crypto.keyring import derive_key
from anselai.adapters.memory.connections import MemoryConnections
from anselai.adapters.memory.health import MemoryHealth
from anselai.adapters.memory.jobs import MemorySyncJobs
from anselai.adapters.memory.records import MemoryRecords
from anselai.adapters.memory.schedules import MemorySchedules
from anselai.adapters.memory.store import MemoryStore
from anselai.adapters.memory.sync_log import MemorySyncLog
from anselai.adapters.memory.workers import MemoryWorkers
from anselai.adapters.platforms.registry import InstalledPlatforms
from anselai.adapters.postgres.connections import PostgresConnections
from anselai.adapters.postgres.database import Database
from anselai.adapters.postgres.health import PostgresHealth
from anselai.adapters.postgres.jobs import PostgresSyncJobs
from anselai.adapters.postgres.records import PostgresRecords
from anselai.adapters.postgres.schedules import PostgresSchedules
from anselai.adapters.postgres.sync_log import PostgresSyncLog
from anselai.adapters.postgres.workers import PostgresWorkers
from anselai.adapters.prometheus import PrometheusTelemetry
from anselai.adapters.system import RandomIds
from anselai.application.ansel import Ansel
from anselai.application.connection_manager import ConnectionManager
from anselai.application.insights import Insights
from anselai.application.monitoring import Monitoring
from anselai.application.platform_catalog import PlatformCatalog
from anselai.application.running_jobs import WorkerLimits
from anselai.application.slot_planner import SlotPlanner
from anselai.application.sync_runner import SyncRunner
from anselai.application.sync_scheduler import SyncScheduler
from anselai.application.sync_worker import SyncWorker
from anselai.application.token_refresh import TokenRefresher
from anselai.application.token_vault import TokenVault
from anselai.domain.ports.clock import Clock
from anselai.domain.secret import Secret


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
    vault = Singleton(TokenVault, cipher=cipher, other_secrets=platforms.provided.secrets)

    telemetry = Singleton(PrometheusTelemetry, platforms=platforms.provided.clients)

    refresher = Singleton(
        TokenRefresher,
        connections=stores.connections,
        platforms=platforms,
        vault=vault,
        clock=clock,
        ids=ids,
        telemetry=telemetry,
    )
    planner = Singleton(SlotPlanner, schedules=stores.schedules, timetable=timetable, clock=clock, ids=ids)
    connection_manager = Singleton(
        ConnectionManager,
        connections=stores.connections,
        platforms=platforms,
        vault=vault,
        refresher=refresher,
        timetable=timetable,
        planner=planner,
        clock=clock,
        ids=ids,
    )
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
        telemetry=telemetry,
        limits=limits,
    )
    monitoring = Singleton(Monitoring, jobs=stores.jobs, workers=stores.workers, telemetry=telemetry)
    insights = Singleton(Insights, records=stores.records, platforms=platforms, clock=clock)
    catalog = Singleton(PlatformCatalog, platforms=platforms, connections=stores.connections)
    ansel = Singleton(
        Ansel,
        connections=connection_manager,
        scheduler=scheduler,
        insights=insights,
        platforms=catalog,
        worker=worker,
        monitoring=monitoring,
        sync_log=stores.sync_log,
        health=stores.health,
        clock=clock,
    )
