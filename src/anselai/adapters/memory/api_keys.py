"""API keys in memory."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import UUID

from anselai.adapters.memory.store import MemoryStore
from anselai.domain.access import ApiKey
from anselai.domain.audit import Deed
from anselai.domain.errors import ApiKeyNotFound, StudioNotFound
from anselai.domain.ports.api_keys import ApiKeys
from anselai.domain.text import refuse_unstorable


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryApiKeys(ApiKeys):
    store: MemoryStore

    async def add(self, key: ApiKey, deed: Deed) -> None:
        refuse_unstorable(key.studio, key.name)
        if key.studio not in self.store.studios:
            raise StudioNotFound(key.studio)
        self.store.api_keys[key.id] = key
        self.store.write_down(deed)

    async def find(self, key_id: UUID) -> ApiKey | None:
        return self.store.api_keys.get(key_id)

    async def list(self, studio: str) -> Sequence[ApiKey]:
        refuse_unstorable(studio)
        found = (key for key in self.store.api_keys.values() if key.studio == studio)
        return sorted(found, key=lambda key: (key.created_at, key.id))

    async def revoke(self, studio: str, key_id: UUID, deed: Deed) -> ApiKey:
        refuse_unstorable(studio)
        key = self.store.api_keys.get(key_id)
        if key is None or key.studio != studio:
            raise ApiKeyNotFound
        if key.revoked_at is None:
            key = self.store.api_keys[key_id] = replace(key, revoked_at=self.store.clock.now())
            self.store.write_down(deed)
        return key

    async def note_use(self, key_id: UUID, every: timedelta) -> None:
        key, now = self.store.api_keys.get(key_id), self.store.clock.now()
        if key is not None and (key.last_used_at is None or key.last_used_at <= now - every):
            self.store.api_keys[key_id] = replace(key, last_used_at=now)
