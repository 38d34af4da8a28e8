"""The log on the wire."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from msgspec import Meta

from anselai.application.views import LogPage
from anselai.domain.ports.sync_log import LogEntry
from anselai.domain.sync_job import Outcome, Trigger
from anselai.entrypoints.http.schemas.shape import Input, Moment, Output, Text

PlatformName = Annotated[str, Meta(pattern=r"\A[a-z0-9-]{1,64}\Z", description="must be the name of a platform")]
PageSize = Annotated[str, Meta(pattern=r"\A[0-9]{1,9}\Z", description="must be a number from 1 to 200")]


class LogFilter(Input):
    platform: PlatformName | None = None
    outcome: Outcome | None = None
    trigger: Trigger | None = None
    since: Moment | None = None
    until: Moment | None = None
    limit: PageSize = "50"
    cursor: Text | None = None


class LogRow(Output):
    id: int
    platform: str | None
    trigger: str
    outcome: str
    frequency: str | None
    slot_at: datetime | None
    slot_last_at: datetime | None
    count: int
    attempt: int | None
    started_at: datetime | None
    finished_at: datetime | None
    records: int
    api_calls: int
    simulated: bool
    error_class: str | None
    error_code: str | None
    message: str | None
    route: str | None
    request_id: str | None
    job_id: UUID | None
    logged_at: datetime

    @classmethod
    def of(cls, entry: LogEntry) -> "LogRow":
        return cls(
            id=entry.id,
            platform=entry.platform,
            trigger=entry.trigger,
            outcome=entry.outcome,
            frequency=entry.frequency,
            slot_at=entry.slot_at,
            slot_last_at=entry.slot_last_at,
            count=entry.count,
            attempt=entry.attempt,
            started_at=entry.started_at,
            finished_at=entry.finished_at,
            records=entry.records,
            api_calls=entry.api_calls,
            simulated=entry.simulated,
            error_class=entry.error_class,
            error_code=entry.error_code,
            message=entry.message,
            route=entry.route,
            request_id=entry.request_id,
            job_id=entry.job_id,
            logged_at=entry.logged_at,
        )


class LogJson(Output):
    entries: tuple[LogRow, ...]
    next_cursor: str | None

    @classmethod
    def of(cls, page: LogPage) -> "LogJson":
        return cls(entries=tuple(LogRow.of(each) for each in page.entries), next_cursor=page.next_cursor)
