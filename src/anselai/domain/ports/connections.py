"""Where connections are kept."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from anselai.domain.connection import ConnectionKey, PlatformConnection
from anselai.domain.schedule import SyncSchedule


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshTurn:
    """Somebody's turn to refresh a connection, which is as it was before; `now` is the store's instant.

    `held` unless the connection waits after a failure (`not_before`), or its tokens are no longer those that were seen:
    then nobody may ask the platform. The question that `connection.refresh.asked_at` tells of is an earlier one, which
    nobody answered; not that of this turn.
    """

    connection: PlatformConnection
    now: datetime
    held: bool


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

        Everything but `id`, `key`, `created_at` and `last_sync_at` is replaced; the token version is the store's, and
        moves when a sealed token is not the stored one. Of `refresh` only `at` is replaced, and not by a later one
        while a question stays open: failures end with the tokens they were met with, and an open question with what was
        given to the platform, the refresh token or, without one, the access token. Raises ConnectionChanged when the
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
    async def begin_refresh(
        self, key: ConnectionKey, owner: UUID, lease: timedelta, seen: PlatformConnection | None = None
    ) -> RefreshTurn | None:
        """Take the right to refresh this connection for the time of `lease`, note that the platform is about to be
        asked, and read the connection as it was before; all of it together. Of an owner who is never heard of again the
        connection becomes due at the end of the lease.

        `None` when somebody else holds the right. A turn that is not held changes nothing: so a connection that
        somebody refreshed since it was `seen` is left as it is. An owner may take the right again. A question that is
        open already stays as old as it is. Raises ConnectionNotFound.
        """

    @abstractmethod
    async def end_refresh(
        self, owner: UUID, before: PlatformConnection, after: PlatformConnection | None
    ) -> PlatformConnection:
        """Store what the refresh led to, and give the right back, together; the result is what is stored then.

        If the connection still `has_tokens_of` `before`, status, error and `refresh` become those of `after`, and so do
        tokens, expiry and scopes where `after` changed them: whatever somebody else changed meanwhile stays, and so
        does a token that was sealed with another key meanwhile. If it has not, that is not stored and ConnectionChanged
        raised; but where only the access token was replaced, a new refresh token takes the place of the one it used up,
        which is the stored one, or whatever is stored while this owner's question is open.
        `None` gives back the right alone, and leaves `refresh.at` as it was before: the platform was not asked.

        The question of this owner is closed by an `after` without `asked_at`, by new tokens, and by `None`. That of
        somebody else is closed by new tokens only. A right that ran out and is somebody else's by now is left to them,
        and so is then every open question, unless there are new tokens. Raises ConnectionNotFound.
        """

    @abstractmethod
    async def due_refreshes(
        self, platform: str, limit: int, hold: timedelta, asked_only: bool = False
    ) -> Sequence[PlatformConnection]:
        """Hand out at most `limit` connections of a platform whose refresh is due, the longest due first; with
        `asked_only` those with an open question.

        For the time of `hold` nobody else is handed them: it becomes their `refresh.at`. Those that somebody has the
        right to refresh are passed over. Callers at the same time get different ones, and none waits for another.
        """
