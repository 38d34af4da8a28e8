"""What the witness keeps: the stretches of a schedule's life, what happened to each job, and what people were told."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from anselai.adapters.memory.store import Rhythm
from anselai.domain.frequency import Frequency
from anselai.domain.ports.sync_log import LogEntry
from anselai.domain.sync_job import SyncJob


@dataclass(slots=True, kw_only=True, eq=False)
class Era:
    """A stretch of a schedule's life with one cron in one zone, from its first slot on."""

    rhythm: Rhythm
    cron: str
    timezone: str
    first: datetime
    began_at: datetime
    ended_at: datetime | None = None
    ended_by: str = ""
    planned_to: datetime | None = None  # its next slot when it ended
    rows: list[LogEntry] = field(default_factory=list)
    jobs: dict[datetime, UUID] = field(default_factory=dict)

    def __str__(self) -> str:
        key, frequency = self.rhythm
        end = f"{self.ended_at} by {self.ended_by}, planned to {self.planned_to}" if self.ended_at else "the cut"
        return f"{key.studio}/{key.platform} {frequency} '{self.cron}' {self.timezone} ({self.began_at} to {end})"


@dataclass(slots=True, kw_only=True, eq=False)
class Story:
    """All that happened to one job."""

    era: Era | None
    slot_at: datetime | None
    rows: list[LogEntry] = field(default_factory=list)
    holder: tuple[int, str] | None = None  # the fence of the current lease, and whose it is
    fetches: dict[int, str] = field(default_factory=dict)  # by fence: how the last fetch of that attempt ended
    rate_limited_until: datetime | None = None
    job: SyncJob | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What somebody asked for with an idempotency key, and the job that he was given."""

    request: tuple[str, Frequency | None]
    job_id: UUID
    at: datetime
