"""What the database says, read once, after the daemons are gone."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from chaos.server import ChaosServer
from chaos.trace import Key

FINAL = frozenset({"succeeded", "failed", "stalled", "cancelled"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    id: UUID
    key: Key
    slot: datetime
    state: str
    attempt: int
    records: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A line of the log. One without a job stands for `count` slots that did not run."""

    key: Key
    outcome: str
    job: UUID | None
    slot: datetime
    last_slot: datetime
    count: int
    attempt: int | None
    started_at: float
    logged_at: float

    @property
    def is_final(self) -> bool:
        """Whether it ends a job."""
        return self.job is not None and self.outcome in FINAL


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    jobs: dict[Key, list[Job]]
    log: dict[Key, list[Row]]

    def finishes(self) -> Sequence[float]:
        """When each sync that succeeded was accepted, in order."""
        rows = (row for rows in self.log.values() for row in rows)
        return sorted(row.logged_at for row in rows if row.outcome == "succeeded")


def read(server: ChaosServer, dsn: str) -> Evidence:
    jobs: dict[Key, list[Job]] = defaultdict(list)
    log: dict[Key, list[Row]] = defaultdict(list)
    for id_, studio, frequency, slot, state, attempt, records in server.rows(
        dsn, "SELECT id, studio, frequency, slot_at, state, attempt, records FROM sync_jobs"
    ):
        job = Job(id=id_, key=(studio, frequency), slot=slot, state=state, attempt=attempt, records=records)
        jobs[job.key].append(job)
    for studio, frequency, *values in server.rows(
        dsn,
        "SELECT studio, frequency, outcome, job_id, slot_at, slot_last_at, count, attempt,"
        " coalesce(extract(epoch FROM started_at), 0)::float8, extract(epoch FROM logged_at)::float8"
        " FROM sync_log ORDER BY id",
    ):
        outcome, job_id, slot_at, last_at, count, attempt_number, started_at, logged_at = values
        row = Row(
            key=(studio, frequency),
            outcome=outcome,
            job=job_id,
            slot=slot_at,
            last_slot=last_at,
            count=count,
            attempt=attempt_number,
            started_at=started_at,
            logged_at=logged_at,
        )
        log[row.key].append(row)
    return Evidence(jobs=jobs, log=log)
