"""Token refreshes in memory: whose turn it is, and what came of it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from anselai.adapters.memory.store import MemoryStore, RefreshRight
from anselai.domain.connection import ConnectionKey, PlatformConnection
from anselai.domain.errors import ConnectionChanged
from anselai.domain.ports.connections import RefreshTurn
from anselai.domain.refreshing import RefreshState


@dataclass(frozen=True, slots=True)
class Refreshes:
    store: MemoryStore

    def begin(
        self, key: ConnectionKey, owner: UUID, lease: timedelta, seen: PlatformConnection | None
    ) -> RefreshTurn | None:
        stored, now = self.store.connection(key), self.store.clock.now()
        right = self.store.refresh_rights.get(key)
        if right is not None and right.owner != owner and right.expires_at > now:
            return None
        asked_at, not_before = stored.refresh.asked_at, stored.refresh.not_before
        held = (not_before is None or not_before <= now) and (seen is None or stored.has_tokens_of(seen))
        before = stored
        if self.store.refresh_askers.get(key) == owner:
            before = replace(stored, refresh=replace(stored.refresh, asked_at=None))
        if held:
            self.store.refresh_rights[key] = RefreshRight(owner, now + lease)
            self.store.refresh_askers.setdefault(key, owner)
            at = min(stored.refresh.at or now + lease, now + lease)
            self._put(replace(stored, refresh=replace(stored.refresh, at=at, asked_at=asked_at or now)))
        return RefreshTurn(connection=before, now=now, held=held)

    def end(self, owner: UUID, before: PlatformConnection, after: PlatformConnection | None) -> PlatformConnection:
        stored = self.store.connection(before.key)
        stays_open = after is not None and after.refresh.asked_at is not None
        held, is_asker = self._give_back(owner, before.key), self.store.refresh_askers.get(before.key) == owner
        if held and not stays_open and is_asker:
            stored = self._close_question(stored)
        if not stored.has_tokens_of(before):
            if is_asker or stored.refresh_token == before.refresh_token:
                self._replace_used_up(stored, before, after)
            raise ConnectionChanged(before.key.platform)
        if after is not None:
            return self._merge(stored, before, after)
        return self._put(stored.refreshed_at(before.refresh.at)) if held else stored

    def due(self, platform: str, limit: int, hold: timedelta, asked_only: bool) -> Sequence[PlatformConnection]:
        now = self.store.clock.now()
        due = [
            each
            for each in self.store.connections.values()
            if self._is_free_and_due(each, platform, now) and (each.refresh.asked_at is not None or not asked_only)
        ]
        due.sort(key=lambda each: each.refresh.at or now)
        return [self._put(replace(each, refresh=replace(each.refresh, at=now + hold))) for each in due[: max(limit, 0)]]

    def replaced(self, stored: PlatformConnection, given: PlatformConnection) -> RefreshState:
        """What a connection that somebody changes keeps of it."""
        same_refresh = stored.refresh_token == given.refresh_token
        same_access = stored.access_token == given.access_token
        state = stored.refresh if same_refresh and same_access else RefreshState(asked_at=stored.refresh.asked_at)
        if not same_refresh or (stored.refresh_token is None and not same_access):
            self.store.refresh_askers.pop(stored.key, None)
            state = replace(state, asked_at=None)
        look_again_at = stored.refresh.at if state.asked_at is not None else None
        instants = [each for each in (given.refresh.at, look_again_at) if each is not None]
        return replace(state, at=min(instants, default=None))

    def _is_free_and_due(self, connection: PlatformConnection, platform: str, now: datetime) -> bool:
        right = self.store.refresh_rights.get(connection.key)
        is_free = right is None or right.expires_at <= now
        return connection.key.platform == platform and is_free and connection.refresh.is_due(now)

    def _give_back(self, owner: UUID, key: ConnectionKey) -> bool:
        right = self.store.refresh_rights.get(key)
        if right is None or right.owner != owner:
            return False
        del self.store.refresh_rights[key]
        return True

    def _close_question(self, stored: PlatformConnection) -> PlatformConnection:
        self.store.refresh_askers.pop(stored.key, None)
        return self._put(replace(stored, refresh=replace(stored.refresh, asked_at=None)))

    def _replace_used_up(
        self, stored: PlatformConnection, before: PlatformConnection, after: PlatformConnection | None
    ) -> None:
        is_new = after is not None and after.refresh_token != before.refresh_token
        if after is not None and is_new and stored.id == before.id and stored.refresh_token is not None:
            self._put(
                replace(
                    self._close_question(stored),
                    refresh_token=after.refresh_token,
                    version=stored.version + 1,
                    token_version=stored.token_version + 1,
                )
            )

    def _merge(
        self, stored: PlatformConnection, before: PlatformConnection, after: PlatformConnection
    ) -> PlatformConnection:
        new_access, new_refresh = (
            after.access_token != before.access_token,
            after.refresh_token != before.refresh_token,
        )
        new_expiry, new_scopes = after.token_expires_at != before.token_expires_at, after.scopes != before.scopes
        if new_access or new_refresh:
            stored = self._close_question(stored)
        return self._put(
            replace(
                stored,
                access_token=after.access_token if new_access else stored.access_token,
                refresh_token=after.refresh_token if new_refresh else stored.refresh_token,
                token_expires_at=after.token_expires_at if new_expiry else stored.token_expires_at,
                scopes=after.scopes if new_scopes else stored.scopes,
                status=after.status,
                last_error_code=after.last_error_code,
                last_error=after.last_error,
                updated_at=after.updated_at,
                version=stored.version + 1,
                token_version=stored.token_version + (1 if new_access or new_refresh else 0),
                refresh=replace(after.refresh, asked_at=stored.refresh.asked_at),
            )
        )

    def _put(self, connection: PlatformConnection) -> PlatformConnection:
        self.store.connections[connection.key] = connection
        return connection
