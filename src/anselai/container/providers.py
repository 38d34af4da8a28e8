"""Which adapter stands behind which port. Reads as the diagram of the architecture."""

import os
import socket
from typing import Any

from dependency_injector.containers import DeclarativeContainer
from dependency_injector.providers import DependenciesContainer, Dependency, Object, Singleton

from anselai.adapters.cron import CroniterTimetable
from anselai.adapters.crypto.aes_gcm import AesGcmCipher
from anselai.adapters.crypto.hmac_signer import HmacSigner
from anselai.adapters.crypto.keyring import derive_ring
from anselai.adapters.memory.api_keys import MemoryApiKeys
from anselai.adapters.memory.audit_log import MemoryAuditLog
from anselai.adapters.memory.connections import MemoryConnections
from anselai.adapters.memory.ended_sessions import MemoryEndedSessions
from anselai.adapters.memory.health import MemoryHealth
from anselai.adapters.memory.jobs import MemorySyncJobs
from anselai.adapters.memory.records import MemoryRecords
from anselai.adapters.memory.schedules import MemorySchedules
from anselai.adapters.memory.sealed_tokens import MemorySealedTokens
from anselai.adapters.memory.store import MemoryStore
from anselai.adapters.memory.studios import MemoryStudios
from anselai.adapters.memory.sync_log import MemorySyncLog
from anselai.adapters.memory.workers import MemoryWorkers
from anselai.adapters.platforms.registry import InstalledPlatforms
from anselai.adapters.postgres.api_keys import PostgresApiKeys
from anselai.adapters.postgres.audit_log import PostgresAuditLog
from anselai.adapters.postgres.connections import PostgresConnections
from anselai.adapters.postgres.database import Database
from anselai.adapters.postgres.ended_sessions import PostgresEndedSessions
from anselai.adapters.postgres.health import PostgresHealth
from anselai.adapters.postgres.jobs import PostgresSyncJobs
from anselai.adapters.postgres.records import PostgresRecords
from anselai.adapters.postgres.schedules import PostgresSchedules
from anselai.adapters.postgres.sealed_tokens import PostgresSealedTokens
from anselai.adapters.postgres.studios import PostgresStudios
from anselai.adapters.postgres.sync_log import PostgresSyncLog
from anselai.adapters.postgres.workers import PostgresWorkers
from anselai.adapters.prometheus import PrometheusTelemetry
from anselai.adapters.system import RandomIds, RandomSecretTexts
from anselai.application.access import AccessManager
from anselai.application.ansel import Ansel
from anselai.application.audit import Audit
from anselai.application.authentication import Authenticator
from anselai.application.connection_manager import ConnectionManager
from anselai.application.insights import Insights
from anselai.application.key_rotation import KeyRotation
from anselai.application.monitoring import Monitoring
from anselai.application.platform_catalog import PlatformCatalog
from anselai.application.refresh_keeper import RefreshKeeper
from anselai.application.running_jobs import WorkerLimits
from anselai.application.seal_ledger import SealLedger
from anselai.application.sealing_keys import SealingKeys
from anselai.application.slot_planner import SlotPlanner
from anselai.application.sync_runner import SyncRunner
from anselai.application.sync_scheduler import SyncScheduler
from anselai.application.sync_worker import SyncWorker
from anselai.application.token_refresh import TokenRefresher
from anselai.application.token_vault import TokenVault
from anselai.domain.ports.clock import Clock
from anselai.domain.seal_tally import SealTally
from anselai.domain.secret import Secret


class MemoryStores(DeclarativeContainer):
    """Every store port over one object in memory."""

    clock: Dependency[Clock] = Dependency()
    store = Singleton(MemoryStore, clock=clock)
    tally = Singleton(SealTally)
    sealed_tokens = Singleton(MemorySealedTokens, store=store)
    ledger = Singleton(SealLedger, tally=tally, sealed_tokens=sealed_tokens)
    connections = Singleton(MemoryConnections, store=store, before_storing=ledger.provided.settle)
    schedules = Singleton(MemorySchedules, store=store)
    jobs = Singleton(MemorySyncJobs, store=store)
    sync_log = Singleton(MemorySyncLog, store=store)
    records = Singleton(MemoryRecords, memory=store)
    workers = Singleton(MemoryWorkers, store=store)
    health = Singleton(MemoryHealth, store=store)
    studios = Singleton(MemoryStudios, store=store)
    api_keys = Singleton(MemoryApiKeys, store=store)
    audit_log = Singleton(MemoryAuditLog, store=store)
    ended_sessions = Singleton(MemoryEndedSessions, store=store)


class PostgresStores(DeclarativeContainer):
    """Every store port over one pool of PostgreSQL connections."""

    dsn: Dependency[Secret] = Dependency(instance_of=Secret)
    key_ids: Any = Object(())
    database = Singleton(Database, dsn=dsn, key_ids=key_ids)
    tally = Singleton(SealTally)
    sealed_tokens = Singleton(PostgresSealedTokens, database=database)
    ledger = Singleton(SealLedger, tally=tally, sealed_tokens=sealed_tokens)
    connections = Singleton(PostgresConnections, database=database, before_storing=ledger.provided.settle)
    schedules = Singleton(PostgresSchedules, database=database)
    jobs = Singleton(PostgresSyncJobs, database=database)
    sync_log = Singleton(PostgresSyncLog, database=database)
    records = Singleton(PostgresRecords, database=database)
    workers = Singleton(PostgresWorkers, database=database)
    health = Singleton(PostgresHealth, database=database)
    studios = Singleton(PostgresStudios, database=database)
    api_keys = Singleton(PostgresApiKeys, database=database)
    audit_log = Singleton(PostgresAuditLog, database=database)
    ended_sessions = Singleton(PostgresEndedSessions, database=database)


class Container(DeclarativeContainer):
    """The use cases over the stores. Nothing is built until it is asked for."""

    stores: Any = DependenciesContainer()
    encryption_key: Dependency[Secret] = Dependency(instance_of=Secret)
    platforms: Dependency[InstalledPlatforms] = Dependency(instance_of=InstalledPlatforms)
    clock: Dependency[Clock] = Dependency()
    limits: Dependency[WorkerLimits] = Dependency(instance_of=WorkerLimits)

    api_key: Any = Object(None)
    older_keys: Any = Object(())
    renewed_ring: Any = Object(None)
    keys_in_files: Any = Object(False)

    ids = Singleton(RandomIds)
    secret_texts = Singleton(RandomSecretTexts)
    timetable = Singleton(CroniterTimetable)
    ring = Singleton(derive_ring, encryption_key, older_keys)
    cipher = Singleton(AesGcmCipher, ring, tally=stores.tally, renewed=renewed_ring)
    signer = Singleton(HmacSigner, secret=encryption_key)
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
    audit = Singleton(Audit, audit_log=stores.audit_log)
    connection_manager = Singleton(
        ConnectionManager,
        connections=stores.connections,
        platforms=platforms,
        vault=vault,
        refresher=refresher,
        timetable=timetable,
        planner=planner,
        audit=audit,
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
        audit=audit,
        clock=clock,
        ids=ids,
    )
    runner = Singleton(
        SyncRunner, platforms=platforms, records=stores.records, refresher=refresher, vault=vault, clock=clock
    )
    keeper = Singleton(
        RefreshKeeper, connections=stores.connections, platforms=platforms, refresher=refresher, clock=clock
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
        keeper=keeper,
        clock=clock,
        telemetry=telemetry,
        limits=limits,
    )
    monitoring = Singleton(
        Monitoring, jobs=stores.jobs, workers=stores.workers, sealed_tokens=stores.sealed_tokens, telemetry=telemetry
    )
    insights = Singleton(Insights, records=stores.records, platforms=platforms, clock=clock)
    authenticator = Singleton(Authenticator, api_keys=stores.api_keys, clock=clock, configured_key=api_key)
    access = Singleton(
        AccessManager,
        authenticator=authenticator,
        api_keys=stores.api_keys,
        studios=stores.studios,
        audit_log=stores.audit_log,
        connections=connection_manager,
        clock=clock,
        ids=ids,
        secret_texts=secret_texts,
    )
    keys = Singleton(
        SealingKeys, cipher=cipher, sealed_tokens=stores.sealed_tokens, audit=audit, keys_in_files=keys_in_files
    )
    rotation = Singleton(
        KeyRotation,
        cipher=cipher,
        sealed_tokens=stores.sealed_tokens,
        connections=stores.connections,
        ledger=stores.ledger,
        audit=audit,
        clock=clock,
        keys_in_files=keys_in_files,
    )
    catalog = Singleton(PlatformCatalog, platforms=platforms, connections=stores.connections)
    ansel = Singleton(
        Ansel,
        connections=connection_manager,
        scheduler=scheduler,
        insights=insights,
        platforms=catalog,
        worker=worker,
        monitoring=monitoring,
        access=access,
        keys=keys,
        rotation=rotation,
        signer=signer,
        ended_sessions=stores.ended_sessions,
        sync_log=stores.sync_log,
        health=stores.health,
        clock=clock,
    )
