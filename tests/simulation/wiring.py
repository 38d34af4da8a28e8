"""The product, wired by its own container, over ports that a simulated process can be killed in."""

from typing import Any

from dependency_injector.containers import DeclarativeContainer
from dependency_injector.providers import Dependency, Object

from anselai.adapters.memory.api_keys import MemoryApiKeys
from anselai.adapters.memory.audit_log import MemoryAuditLog
from anselai.adapters.memory.connections import MemoryConnections
from anselai.adapters.memory.ended_sessions import MemoryEndedSessions
from anselai.adapters.memory.health import MemoryHealth
from anselai.adapters.memory.jobs import MemorySyncJobs
from anselai.adapters.memory.records import MemoryRecords
from anselai.adapters.memory.schedules import MemorySchedules
from anselai.adapters.memory.sealed_tokens import MemorySealedTokens
from anselai.adapters.memory.studios import MemoryStudios
from anselai.adapters.memory.sync_log import MemorySyncLog
from anselai.adapters.memory.workers import MemoryWorkers
from anselai.adapters.platforms.registry import InstalledPlatforms
from anselai.application.ansel import Ansel
from anselai.application.running_jobs import WorkerLimits
from anselai.application.seal_ledger import SealLedger
from anselai.container.providers import Container
from anselai.domain.seal_tally import SealTally
from anselai.domain.secret import Secret
from tests.simulation.cipher import PlainCipher
from tests.simulation.ports import Port
from tests.simulation.process import Process
from tests.simulation.timetable import RememberingTimetable


class StorePorts(DeclarativeContainer):
    """The stores, as the product's container wants them; each is given when a process is made."""

    tally: Any = Dependency()
    sealed_tokens: Any = Dependency()
    ledger: Any = Dependency()
    connections: Any = Dependency()
    schedules: Any = Dependency()
    jobs: Any = Dependency()
    sync_log: Any = Dependency()
    records: Any = Dependency()
    workers: Any = Dependency()
    health: Any = Dependency()
    studios: Any = Dependency()
    api_keys: Any = Dependency()
    audit_log: Any = Dependency()
    ended_sessions: Any = Dependency()


def ansel_in(process: Process, platforms: InstalledPlatforms, limits: WorkerLimits) -> Ansel:
    """Everything, as this process has it."""
    store = process.world.store
    tally = SealTally()
    sealed_tokens = Port(process, MemorySealedTokens(store=store))
    stores = StorePorts(
        tally=Object(tally),
        sealed_tokens=Object(sealed_tokens),
        ledger=Object(SealLedger(tally=tally, sealed_tokens=sealed_tokens)),
        connections=Object(Port(process, MemoryConnections(store=store))),
        schedules=Object(Port(process, MemorySchedules(store=store))),
        jobs=Object(Port(process, MemorySyncJobs(store=store))),
        sync_log=Object(Port(process, MemorySyncLog(store=store))),
        records=Object(Port(process, MemoryRecords(memory=store))),
        workers=Object(Port(process, MemoryWorkers(store=store))),
        health=Object(Port(process, MemoryHealth(store=store))),
        studios=Object(Port(process, MemoryStudios(store=store))),
        api_keys=Object(Port(process, MemoryApiKeys(store=store))),
        audit_log=Object(Port(process, MemoryAuditLog(store=store))),
        ended_sessions=Object(Port(process, MemoryEndedSessions(store=store))),
    )
    container = Container(
        stores=stores,
        encryption_key=Secret("0" * 64),
        platforms=platforms,
        clock=Object(process.clock),
        limits=limits,
    )
    container.ids.override(Object(process.world.ids))
    container.timetable.override(Object(RememberingTimetable()))
    container.cipher.override(Object(PlainCipher()))
    ansel: Ansel = container.ansel()
    return ansel
