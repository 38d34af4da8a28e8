"""Health in memory: always well."""

from dataclasses import dataclass

from anselai.adapters.memory.store import MemoryStore
from anselai.domain.ports.health import StoreHealth


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryHealth(StoreHealth):
    store: MemoryStore

    async def ping(self) -> None:
        return

    async def check_schema(self) -> None:
        return
