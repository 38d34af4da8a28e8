"""Where API keys are kept."""

from abc import abstractmethod
from collections.abc import Sequence
from datetime import timedelta
from typing import Protocol
from uuid import UUID

from anselai.domain.access import ApiKey
from anselai.domain.audit import Deed


class ApiKeys(Protocol):
    """The keys of every studio. Each method is one transaction; all raise StoreUnavailable.

    What a change is recorded as is written together with it, or neither is.
    """

    @abstractmethod
    async def add(self, key: ApiKey, deed: Deed) -> None:
        """Store a new key. Raises StudioNotFound."""

    @abstractmethod
    async def find(self, key_id: UUID) -> ApiKey | None:
        """The key, of whichever studio, also when it is expired or revoked."""

    @abstractmethod
    async def list(self, studio: str) -> Sequence[ApiKey]:
        """The studio's keys, expired and revoked ones among them, the oldest first; of the same instant, by id."""

    @abstractmethod
    async def revoke(self, studio: str, key_id: UUID, deed: Deed) -> ApiKey:
        """Let the key open nothing from now on. One that is revoked stays as it is, and is not recorded again.

        Raises ApiKeyNotFound, also for a key of another studio.
        """

    @abstractmethod
    async def note_use(self, key_id: UUID, every: timedelta) -> None:
        """Say that the key is used now, unless that was said within the time of `every`. Unknown ids are no error."""
