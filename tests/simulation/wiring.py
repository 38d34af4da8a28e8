"""The product, wired by its own container, over ports that a simulated process can be killed in."""

from typing import Any

from dependency_injector.containers import DeclarativeContainer
from dependency_injector.providers import Dependency, Object

from anselai.adapters.memory.connections import MemoryConnections
from anselai.adapters.memory.health import MemoryHealth
from anselai.adapters.memory.jobs import MemorySyncJobs
from anselai.adapters.memory.records import MemoryRecords
from anselai.adapters.memory.schedules import MemorySchedules
from anselai.adapters.memory.sync_log import MemorySyncLog
from anselai.adapters.memory.workers import MemoryWorkers
from anselai.adapters.platforms.registry import InstalledPlatforms
from anselai.application.ansel import Ansel
from anselai.application.running_jobs import WorkerLimits
from anselai.container.providers import Container
from anselai.domain.secret import Secret
from tests.simulation.cipher import PlainCipher
from tests.simulation.ports import Port
from tests.simulation.process import Process
from tests.simulation.timetable import RememberingTimetable


class StorePorts(DeclarativeContainer):
    """The stores, as the product's container wants them; each is given when a process is made."""

    connections: Any = Dependency()
    schedules: Any = Dependency()
    jobs: Any = Dependency()
    sync_log: Any = Dependency()
    records: Any = Dependency()
    workers: Any = Dependency()
    health: Any = Dependency()


def ansel_in(process: Process, platforms: InstalledPlatforms, limits: WorkerLimits) -> Ansel:
    """Everything, as this process has it."""
    store = process.world.store
    stores = StorePorts(
        connections=Object(Port(process, MemoryConnections(store=store))),
        schedules=Object(Port(process, MemorySchedules(store=store))),
        jobs=Object(Port(process, MemorySyncJobs(store=store))),
        sync_log=Object(Port(process, MemorySyncLog(store=store))),
        records=Object(Port(process, MemoryRecords(memory=store))),
        workers=Object(Port(process, MemoryWorkers(store=store))),
        health=Object(Port(process, MemoryHealth(store=store))),
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
