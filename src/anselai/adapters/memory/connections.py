"""Connections in memory."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import UUID

from anselai.adapters.memory.refreshes import Refreshes
from anselai.adapters.memory.store import MemoryStore
from anselai.domain.connection import ConnectionKey, PlatformConnection, SealedToken
from anselai.domain.errors import ConnectionChanged, ConnectionExists, InvalidInput
from anselai.domain.frequency import Frequency
from anselai.domain.ports.connections import Connections, RefreshTurn
from anselai.domain.schedule import SyncSchedule
from anselai.domain.seal_tally import nobody_counts
from anselai.domain.sync_job import JobState, SyncJob

REMOVED = "The connection was removed."


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryConnections(Connections):
    store: MemoryStore
    before_storing: Callable[[], Awaitable[None]] = nobody_counts  # so that no seal is stored uncounted

    async def add(self, connection: PlatformConnection, schedules: Sequence[SyncSchedule]) -> None:
        await self.before_storing()
        if connection.key.studio not in self.store.studios:
            raise InvalidInput.of("studio", f"there is no studio {connection.key.studio!r}")
        if connection.key in self.store.connections:
            raise ConnectionExists(connection.key.platform)
        self.store.connections[connection.key] = connection
        for schedule in schedules:
            self.store.put_schedule(schedule)
        self.store.wakeups.wake()

    async def get(self, key: ConnectionKey) -> PlatformConnection:
        return self.store.connection(key)

    async def list(self, studio: str) -> Sequence[PlatformConnection]:
        found = (each for each in self.store.connections.values() if each.key.studio == studio)
        return sorted(found, key=lambda each: each.key.platform)

    async def replace(self, connection: PlatformConnection) -> PlatformConnection:
        await self.before_storing()
        stored = self.store.connection(connection.key)
        if stored.version != connection.version:
            raise ConnectionChanged(connection.key.platform)
        return self._put(
            replace(
                connection,
                id=stored.id,
                created_at=stored.created_at,
                last_sync_at=stored.last_sync_at,
                version=stored.version + 1,
                token_version=_next_token_version(stored, connection.access_token, connection.refresh_token),
                refresh=Refreshes(self.store).replaced(stored, connection),
            )
        )

    async def remove(self, key: ConnectionKey) -> None:
        self.store.connection(key)
        schedules = (self.store.schedules.get((key, frequency)) for frequency in Frequency)
        if any(each is not None and each.next_slot_at <= self.store.clock.now() for each in schedules):
            raise ConnectionChanged(key.platform)
        del self.store.connections[key]
        self.store.refresh_rights.pop(key, None)
        self.store.refresh_askers.pop(key, None)
        for rhythm in [(key, frequency) for frequency in Frequency]:
            self.store.drop_schedule(rhythm)
            if rhythm in self.store.active:
                self._cancel(self.store.jobs[self.store.active[rhythm]])

    async def begin_refresh(
        self, key: ConnectionKey, owner: UUID, lease: timedelta, seen: PlatformConnection | None = None
    ) -> RefreshTurn | None:
        return Refreshes(self.store).begin(key, owner, lease, seen)

    async def end_refresh(
        self, owner: UUID, before: PlatformConnection, after: PlatformConnection | None
    ) -> PlatformConnection:
        await self.before_storing()
        return Refreshes(self.store).end(owner, before, after)

    async def due_refreshes(
        self, platform: str, limit: int, hold: timedelta, asked_only: bool = False
    ) -> Sequence[PlatformConnection]:
        return Refreshes(self.store).due(platform, limit, hold, asked_only)

    def _put(self, connection: PlatformConnection) -> PlatformConnection:
        self.store.connections[connection.key] = connection
        return connection

    def _cancel(self, job: SyncJob) -> None:
        """A job that never ran, or waits for its next attempt, is not even kept."""
        self.store.cancel_job(job, REMOVED)
        if job.state is JobState.QUEUED:
            self.store.drop_job(job.id)


def _next_token_version(
    stored: PlatformConnection, access_token: SealedToken, refresh_token: SealedToken | None
) -> int:
    unchanged = (stored.access_token, stored.refresh_token) == (access_token, refresh_token)
    return stored.token_version if unchanged else stored.token_version + 1
