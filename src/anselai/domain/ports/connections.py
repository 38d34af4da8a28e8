"""Where connections are kept."""

from abc import abstractmethod
from collections.abc import Sequence
from datetime import timedelta
from typing import Protocol
from uuid import UUID

from anselai.domain.connection import ConnectionKey, PlatformConnection
from anselai.domain.schedule import SyncSchedule


class Connections(Protocol):
    """The connections of every studio. Each method is one transaction; all raise StoreUnavailable."""

    @abstractmethod
    async def add(self, connection: PlatformConnection, schedules: Sequence[SyncSchedule]) -> None:
        """Store a new connection and its schedules, together. Raises ConnectionExists if the key is taken."""

    @abstractmethod
    async def get(self, key: ConnectionKey) -> PlatformConnection:
        """Raises ConnectionNotFound."""

    @abstractmethod
    async def list(self, studio: str) -> Sequence[PlatformConnection]:
        """A studio's connections, sorted by platform; empty for a studio that has none."""

    @abstractmethod
    async def replace(self, connection: PlatformConnection) -> PlatformConnection:
        """Store the connection if its stored version is still `connection.version`; the result has the next version.

        Everything but `id`, `key`, `created_at` and `last_sync_at` is replaced. Raises ConnectionChanged when the
        version moved on, ConnectionNotFound when it is gone.
        """

    @abstractmethod
    async def remove(self, key: ConnectionKey) -> None:
        """Remove the connection, its schedules and its queued jobs; end its running jobs as cancelled; keep the log.

        A run that is under way is fenced off by this: none of its later writes is accepted. Every job that ended so
        has a row `cancelled` in the log. Raises ConnectionNotFound, and ConnectionChanged while a slot of it is due:
        nobody would account for it.
        """

    @abstractmethod
    async def begin_refresh(self, key: ConnectionKey, owner: UUID, lease: timedelta) -> PlatformConnection | None:
        """Take the right to refresh this connection for the time of `lease`, and read it.

        `None` when somebody else holds the right. An owner may take it again. Raises ConnectionNotFound.
        """

    @abstractmethod
    async def end_refresh(
        self, owner: UUID, before: PlatformConnection, after: PlatformConnection | None
    ) -> PlatformConnection:
        """Store what the refresh led to, and give the right back, together; the result is what is stored then.

        If the stored sealed tokens are still those of `before`, the tokens, status and error become those of `after`,
        and so do expiry and scopes where `after` changed them: whatever somebody else changed meanwhile stays. If they
        are not, nothing but the right is given back, and ConnectionChanged raised. `None` gives back the right alone.
        A right that ran out and is somebody else's by now is left to them. Raises ConnectionNotFound.
        """
