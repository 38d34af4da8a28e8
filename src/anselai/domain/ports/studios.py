"""Where studios are kept."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Protocol

from anselai.domain.access import Studio
from anselai.domain.audit import Deed


class Studios(Protocol):
    """The studios of this deployment. Each method is one transaction; all raise StoreUnavailable.

    What a change is recorded as is written together with it, or neither is.
    """

    @abstractmethod
    async def add(self, studio: str, name: str, deed: Deed) -> Studio:
        """Add a studio, since now. Raises StudioExists."""

    @abstractmethod
    async def list(self) -> Sequence[Studio]:
        """All studios, sorted by id."""

    @abstractmethod
    async def remove(self, studio: str, deed: Deed) -> None:
        """Remove the studio with everything that is kept of it: keys, jobs, the sync log, records. The audit log stays.

        Raises StudioNotFound, and StudioInUse while it has connections.
        """
