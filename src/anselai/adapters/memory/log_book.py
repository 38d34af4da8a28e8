"""The rows of the log, by studio, with what is asked of them often kept at hand."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import islice
from uuid import UUID

from anselai.domain.frequency import Frequency
from anselai.domain.ports.sync_log import ApiError, LogEntry
from anselai.domain.sync_job import Outcome, Trigger
from anselai.domain.text import storable

RUNS = frozenset({Outcome.SUCCEEDED, Outcome.FAILED, Outcome.STALLED, Outcome.RETRYING})


@dataclass(slots=True)
class LogBook:
    """Rows in the order in which they were added; an `id` of 0 is replaced by the next one."""

    rows: dict[int, LogEntry] = field(default_factory=dict)
    by_studio: defaultdict[str, dict[int, None]] = field(default_factory=lambda: defaultdict(dict))
    by_job: dict[UUID, list[int]] = field(default_factory=dict)
    last_runs: dict[tuple[str, str | None, Frequency | None], int] = field(default_factory=dict)
    api_errors: dict[tuple[str, str, str, datetime], int] = field(default_factory=dict)
    last_id: int = 0

    def add(self, row: LogEntry) -> int:
        self.last_id += 1
        self.rows[self.last_id] = replace(storable(row), id=self.last_id)
        self.by_studio[row.studio][self.last_id] = None
        if row.job_id is not None:
            self.by_job.setdefault(row.job_id, []).append(self.last_id)
        if row.outcome in RUNS:
            self.last_runs[row.studio, row.platform, row.frequency] = self.last_id
        return self.last_id

    def forget(self, studio: str) -> None:
        """Drop every row of the studio."""
        gone = {row_id: self.rows.pop(row_id) for row_id in self.by_studio.pop(studio, {})}
        for row in gone.values():
            if row.job_id is not None:
                self.by_job.pop(row.job_id, None)
        self.last_runs = {place: row_id for place, row_id in self.last_runs.items() if place[0] != studio}
        self.api_errors = {place: row_id for place, row_id in self.api_errors.items() if place[0] != studio}

    def count_api_error(self, error: ApiError, now: datetime) -> None:
        key = (error.studio, error.route, error.code, now.replace(second=0, microsecond=0))
        known = self.api_errors.get(key)
        if known is not None:
            self.rows[known] = replace(self.rows[known], count=self.rows[known].count + error.count)
            return
        self.api_errors[key] = self.add(
            LogEntry(
                id=0,
                studio=error.studio,
                platform=None,
                trigger=Trigger.API,
                outcome=Outcome.API_ERROR,
                logged_at=now,
                count=error.count,
                error_code=error.code,
                message=error.message,
                route=error.route,
                request_id=error.request_id,
            )
        )

    def newest_first(self, studio: str) -> Iterator[LogEntry]:
        return (self.rows[row_id] for row_id in reversed(self.by_studio[studio]))

    def of_job(self, job_id: UUID) -> Sequence[LogEntry]:
        return [self.rows[row_id] for row_id in self.by_job.get(job_id, ())]

    def runs(self, studio: str) -> Sequence[LogEntry]:
        return [self.rows[row_id] for key, row_id in self.last_runs.items() if key[0] == studio]

    def prune(self, before: datetime, limit: int) -> int:
        """Delete the oldest rows that were logged before then."""
        old = [row for row in islice(self.rows.values(), limit) if row.logged_at < before]
        for row in old:
            self._delete(row)
        return len(old)

    def _delete(self, row: LogEntry) -> None:
        del self.rows[row.id], self.by_studio[row.studio][row.id]
        if row.job_id is not None:
            self.by_job[row.job_id].remove(row.id)
            if not self.by_job[row.job_id]:
                del self.by_job[row.job_id]
        if self.last_runs.get((row.studio, row.platform, row.frequency)) == row.id:
            del self.last_runs[row.studio, row.platform, row.frequency]
        minute = row.logged_at.replace(second=0, microsecond=0)
        self.api_errors.pop((row.studio, row.route or "", row.error_code or "", minute), None)
