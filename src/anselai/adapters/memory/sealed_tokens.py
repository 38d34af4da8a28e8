"""Sealed tokens and the use of keys in memory."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from anselai.adapters.memory.store import MemoryStore
from anselai.domain.connection import PlatformConnection
from anselai.domain.ports.cipher import key_id_of
from anselai.domain.ports.sealed_tokens import KeyUse, Resealed, SealedRow, SealedTokens


@dataclass(frozen=True, slots=True, kw_only=True)
class MemorySealedTokens(SealedTokens):
    store: MemoryStore

    async def rows_per_key(self) -> Mapping[str, int]:
        return Counter(key_id for each in self.store.connections.values() for key_id in _keys_of(each))

    async def not_sealed_with(self, key_ids: Sequence[str], after: UUID | None, limit: int) -> Sequence[SealedRow]:
        by_id = sorted(self.store.connections.values(), key=lambda each: each.id)
        found = [
            each for each in by_id if (after is None or each.id > after) and not _keys_of(each).issubset(set(key_ids))
        ]
        return [
            SealedRow(id=each.id, key=each.key, access_token=each.access_token, refresh_token=each.refresh_token)
            for each in found[:limit]
        ]

    async def number_not_sealed_with(self, key_ids: Sequence[str]) -> int:
        return len(await MemorySealedTokens.not_sealed_with(self, key_ids, None, len(self.store.connections)))

    async def reseal(self, rows: Sequence[Resealed]) -> int:
        return sum(self._reseal(each) for each in rows)

    async def count_seals(self, key_id: str, seals: int) -> int:
        now = self.store.clock.now()
        use = self.store.key_uses.get(key_id, KeyUse(seals=0, first_used_at=now, last_used_at=now))
        counted = self.store.key_uses[key_id] = replace(use, seals=use.seals + seals, last_used_at=now)
        return counted.seals

    async def uses(self) -> Mapping[str, KeyUse]:
        return dict(self.store.key_uses)

    async def living_rings(self) -> Sequence[Sequence[str]]:
        return []  # nobody else shares this store

    def _reseal(self, row: Resealed) -> bool:
        stored = self.store.connections.get(row.before.key)
        before = (row.before.id, row.before.access_token, row.before.refresh_token)
        if stored is None or (stored.id, stored.access_token, stored.refresh_token) != before:
            return False
        self.store.connections[row.before.key] = replace(
            stored,
            access_token=row.access_token,
            refresh_token=row.refresh_token,
            version=stored.version + 1,
        )
        return True


def _keys_of(connection: PlatformConnection) -> set[str]:
    tokens = (connection.access_token, connection.refresh_token)
    return {key_id_of(each) for each in tokens if each is not None}
