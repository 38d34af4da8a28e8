"""A platform that does in each fetch what its next script says, and what the tests of syncs ask of it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from anselai.application.ansel import Ansel
from anselai.domain.connection import ConnectionKey, Credentials
from anselai.domain.ports.platform_client import Batch, FetchRequest, PlatformClient, PlatformInfo, Verification
from anselai.domain.ports.sync_log import LogEntry
from anselai.domain.records import Metric
from anselai.domain.secret import Secret

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
Step = Batch | Exception | Callable[[], Awaitable[None]]


def metric(value: int) -> Metric:
    return Metric(account_id="a", metric="views", metric_date=date(2026, 11, value), value=Decimal(value), as_of=NOW)


@dataclass(slots=True)
class Flickr(PlatformClient):
    """Each fetch takes the next script: batches to give, errors to raise, things to do in between."""

    scripts: list[list[Step]] = field(default_factory=list)
    cursors: list[str | None] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)
    refusal: Exception | None = None
    info = PlatformInfo(name="flickr", label="Flickr", refresh_margin=timedelta(minutes=5), simulated=True)

    def __call__(self, config: object) -> PlatformClient:
        return self

    async def verify(self, key: ConnectionKey, credentials: Credentials, now: datetime) -> Verification:
        return Verification(ok=True)

    async def refresh(self, key: ConnectionKey, credentials: Credentials, now: datetime) -> Credentials:
        if self.refusal is not None:
            raise self.refusal
        return replace(credentials, access_token=Secret("renewed"), expires_at=now + HOUR)

    async def fetch(self, request: FetchRequest) -> AsyncIterator[Batch]:
        self.cursors.append(request.cursor)
        self.tokens.append(request.credentials.access_token.reveal())
        for step in self.scripts.pop(0) if self.scripts else [Batch(simulated=True)]:
            if isinstance(step, Exception):
                raise step
            if callable(step):
                await step()
                continue
            yield step


async def rows(ansel: Ansel) -> list[LogEntry]:
    """The log, oldest first."""
    return list(reversed((await ansel.scheduler.log()).entries))
