"""The log of who did what."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Protocol

from anselai.domain.audit import AuditEntry, Deed


class AuditLog(Protocol):
    """Append-only. All methods raise StoreUnavailable. What is told is kept as `domain/text.py` says."""

    @abstractmethod
    async def append(self, deed: Deed) -> None:
        """Add a row, whether the studio exists or not. A detail is cut after 1000 characters."""

    @abstractmethod
    async def query(self, studio: str, limit: int, before_id: int | None = None) -> Sequence[AuditEntry]:
        """The studio's rows by descending id, those before the row `before_id`.

        Rows from before the studio was added are those of another, removed one of that name, and not among them.
        """

    @abstractmethod
    async def query_all(self, limit: int, before_id: int | None = None) -> Sequence[AuditEntry]:
        """The rows of every studio there is or was, by descending id: for who runs this deployment."""
