"""The store, with somebody who looks on."""

from anselai.adapters.memory.log_book import LogBook
from anselai.adapters.memory.store import MemoryStore, Rhythm
from anselai.domain.connection import ConnectionKey, PlatformConnection
from anselai.domain.ports.sync_log import LogEntry
from anselai.domain.schedule import SyncSchedule
from anselai.domain.sync_job import SyncJob
from tests.simulation.witness import Witness


class WatchedLog(LogBook):
    """The log, with somebody who reads each row as it is written."""

    witness: Witness
    store: MemoryStore

    def add(self, row: LogEntry) -> int:
        self.witness.row_added(self.store, row)
        return super().add(row)


class WatchedConnections(dict[ConnectionKey, PlatformConnection]):
    """The connections, with somebody who sees when one expires and when it comes back."""

    witness: Witness

    def __setitem__(self, key: ConnectionKey, connection: PlatformConnection) -> None:
        self.witness.connection_put(self.get(key), connection)
        super().__setitem__(key, connection)


class WatchedStore(MemoryStore):
    witness: Witness

    def put_schedule(self, schedule: SyncSchedule) -> SyncSchedule:
        self.witness.schedule_put(self.schedules.get((schedule.key, schedule.frequency)), schedule)
        return super().put_schedule(schedule)

    def drop_schedule(self, rhythm: Rhythm) -> None:
        self.witness.schedule_dropped(self.schedules.get(rhythm), rhythm, "removed")
        super().drop_schedule(rhythm)

    def put_job(self, job: SyncJob) -> SyncJob:
        self.witness.job_put(self, self.jobs.get(job.id), job)
        return super().put_job(job)
