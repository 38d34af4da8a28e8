"""Connections in memory."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import UUID

from anselai.adapters.memory.store import MemoryStore, RefreshRight
from anselai.domain.connection import ConnectionKey, PlatformConnection
from anselai.domain.errors import ConnectionChanged, ConnectionExists, InvalidInput
from anselai.domain.frequency import Frequency
from anselai.domain.ports.connections import Connections
from anselai.domain.schedule import SyncSchedule
from anselai.domain.sync_job import JobState, SyncJob

REMOVED = "The connection was removed."


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryConnections(Connections):
    store: MemoryStore

    async def add(self, connection: PlatformConnection, schedules: Sequence[SyncSchedule]) -> None:
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
            )
        )

    async def remove(self, key: ConnectionKey) -> None:
        self.store.connection(key)
        schedules = (self.store.schedules.get((key, frequency)) for frequency in Frequency)
        if any(each is not None and each.next_slot_at <= self.store.clock.now() for each in schedules):
            raise ConnectionChanged(key.platform)
        del self.store.connections[key]
        self.store.refresh_rights.pop(key, None)
        for rhythm in [(key, frequency) for frequency in Frequency]:
            self.store.drop_schedule(rhythm)
            if rhythm in self.store.active:
                self._cancel(self.store.jobs[self.store.active[rhythm]])

    async def begin_refresh(self, key: ConnectionKey, owner: UUID, lease: timedelta) -> PlatformConnection | None:
        stored, now = self.store.connection(key), self.store.clock.now()
        right = self.store.refresh_rights.get(key)
        if right is not None and right.owner != owner and right.expires_at > now:
            return None
        self.store.refresh_rights[key] = RefreshRight(owner, now + lease)
        return stored

    async def end_refresh(
        self, owner: UUID, before: PlatformConnection, after: PlatformConnection | None
    ) -> PlatformConnection:
        stored = self.store.connection(before.key)
        right = self.store.refresh_rights.get(before.key)
        if right is not None and right.owner == owner:
            del self.store.refresh_rights[before.key]
        if (stored.access_token, stored.refresh_token) != (before.access_token, before.refresh_token):
            raise ConnectionChanged(before.key.platform)
        if after is None:
            return stored
        new_expiry, new_scopes = after.token_expires_at != before.token_expires_at, after.scopes != before.scopes
        return self._put(
            replace(
                stored,
                access_token=after.access_token,
                refresh_token=after.refresh_token,
                token_expires_at=after.token_expires_at if new_expiry else stored.token_expires_at,
                scopes=after.scopes if new_scopes else stored.scopes,
                status=after.status,
                last_error_code=after.last_error_code,
                last_error=after.last_error,
                updated_at=after.updated_at,
                version=stored.version + 1,
            )
        )

    def _put(self, connection: PlatformConnection) -> PlatformConnection:
        self.store.connections[connection.key] = connection
        return connection

    def _cancel(self, job: SyncJob) -> None:
        """A job that never ran, or waits for its next attempt, is not even kept."""
        self.store.cancel_job(job, REMOVED)
        if job.state is JobState.QUEUED:
            self.store.drop_job(job.id)
