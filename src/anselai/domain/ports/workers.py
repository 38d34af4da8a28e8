"""Which scheduler daemons are alive."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """A daemon: where it runs, and when the store last heard of it."""

    id: UUID
    host: str
    pid: int
    started_at: datetime
    last_beat_at: datetime


class Workers(Protocol):
    """Daemons tell that they are alive. All methods raise StoreUnavailable."""

    @abstractmethod
    async def beat(self, worker: UUID, host: str, pid: int) -> None:
        """Say that this daemon is alive now; the first beat makes it known. Forgets daemons silent for a day."""

    @abstractmethod
    async def leave(self, worker: UUID) -> None:
        """Say that this daemon stops in order. Unknown ids are no error."""

    @abstractmethod
    async def alive(self, within: timedelta) -> Sequence[Worker]:
        """The daemons heard of in that time, the longest running first."""
