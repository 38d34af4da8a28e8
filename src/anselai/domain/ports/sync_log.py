"""The log of every attempt, every slot that did not run, and every API error."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from anselai.domain.frequency import Frequency
from anselai.domain.sync_job import Outcome, Trigger


@dataclass(frozen=True, slots=True, kw_only=True)
class LogEntry:
    """One row. `id` grows with time. `count` slots from `slot_at` to `slot_last_at`, or `count` equal API errors."""

    id: int
    studio: str
    platform: str | None
    trigger: Trigger
    outcome: Outcome
    logged_at: datetime
    frequency: Frequency | None = None
    job_id: UUID | None = None
    slot_at: datetime | None = None
    slot_last_at: datetime | None = None
    count: int = 1
    attempt: int | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    records: int = 0
    api_calls: int = 0
    simulated: bool = False
    error_class: str | None = None
    error_code: str | None = None
    message: str | None = None
    route: str | None = None
    request_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LogQuery:
    """Which rows: newest first, at most `limit`, those before the row `before_id`. `since` <= logged_at < `until`."""

    studio: str
    limit: int
    platform: str | None = None
    frequency: Frequency | None = None
    outcome: Outcome | None = None
    trigger: Trigger | None = None
    since: datetime | None = None
    until: datetime | None = None
    before_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiError:
    """`count` equal errors that the API answered with. `route` is the route's pattern, never the path asked for."""

    studio: str
    route: str
    code: str
    message: str
    request_id: str
    count: int = 1


class SyncLog(Protocol):
    """Append-only, but for the counter of equal API errors. All methods raise StoreUnavailable.

    What is told is kept as `domain/text.py` says; asking for a name that could not be kept raises InvalidInput.
    """

    @abstractmethod
    async def query(self, query: LogQuery) -> Sequence[LogEntry]:
        """Rows by descending id."""

    @abstractmethod
    async def attempts(self, studio: str, job_id: UUID) -> Sequence[LogEntry]:
        """The attempts of one job, oldest first."""

    @abstractmethod
    async def last_runs(self, studio: str) -> Sequence[LogEntry]:
        """The newest finished attempt (succeeded, failed, stalled or retrying) of each platform and frequency."""

    @abstractmethod
    async def record_api_error(self, error: ApiError) -> None:
        """Add a row, or raise the count of the row of the same studio, route and code in the same minute by `count`."""
