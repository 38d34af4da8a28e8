"""One refresh at a time per connection: coalesced inside the process, by a lease row across processes.

The platform is called with no transaction open; what it answers is stored by compare-and-swap, so a refresher that was
too slow can never overwrite a newer token.
"""

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from anselai.application.token_vault import TokenVault
from anselai.domain.connection import ConnectionKey, ConnectionStatus, Credentials, PlatformConnection
from anselai.domain.errors import (
    AuthFailure,
    ClientBug,
    NoRefreshToken,
    PlatformFailure,
    RateLimited,
    RefreshInProgress,
    TokenUnreadable,
    TransientFailure,
)
from anselai.domain.ports.clock import Clock, Ids
from anselai.domain.ports.connections import Connections
from anselai.domain.ports.platform_client import PlatformClient, Platforms

REFRESH_LIMIT = timedelta(seconds=30)
REFRESH_LEASE = timedelta(seconds=60)  # longer than REFRESH_LIMIT, so a living refresher never loses its lease
WAIT_FOR_OTHERS = timedelta(seconds=35)
WAIT_STEP = timedelta(milliseconds=100)


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRefresher:
    """Gets new tokens for connections."""

    connections: Connections
    platforms: Platforms
    vault: TokenVault
    clock: Clock
    ids: Ids
    running: dict[ConnectionKey, "asyncio.Task[PlatformConnection]"] = field(default_factory=dict)

    async def fresh(self, connection: PlatformConnection) -> PlatformConnection:
        """The connection itself, or a refreshed one when its token ends within the platform's margin."""
        margin = self.platforms.get(connection.key.platform).info.refresh_margin
        if connection.refresh_token is None or not connection.expires_within(margin, self.clock.now()):
            return connection
        try:
            return await self.refresh(connection.key, seen=connection)
        except (TransientFailure, RateLimited, RefreshInProgress):
            if connection.status_at(self.clock.now()) is ConnectionStatus.EXPIRED:
                raise
            return connection  # the old token still lives; the next sync tries again

    async def refresh(self, key: ConnectionKey, *, seen: PlatformConnection | None = None) -> PlatformConnection:
        """Refresh now; every caller that asks meanwhile gets the same answer.

        With `seen`, a connection whose access token is no longer the one that was seen counts as refreshed already.
        Raises ConnectionNotFound, NoRefreshToken, RefreshInProgress, TokenUnreadable, PlatformFailure.
        """
        task = self.running.get(key)
        if task is None:
            task = asyncio.create_task(self._refresh(key, seen), name=f"refresh {key.platform}")
            self.running[key] = task
            task.add_done_callback(lambda done: self._forget(key, done))
        return await asyncio.shield(task)  # one caller that goes away must not end the refresh of the others

    def _forget(self, key: ConnectionKey, done: "asyncio.Task[PlatformConnection]") -> None:
        self.running.pop(key, None)
        if not done.cancelled():
            done.exception()  # retrieved here too, in case every caller has gone away

    async def _refresh(self, key: ConnectionKey, seen: PlatformConnection | None) -> PlatformConnection:
        client = self.platforms.get(key.platform)
        before = await self.connections.get(key)
        if before.refresh_token is None:
            raise NoRefreshToken(key.platform)
        owner = self.ids.new()
        stored = await self._take_turn(key, owner, before)
        if stored is None:
            return await self.connections.get(key)
        if seen is not None and stored.access_token != seen.access_token:
            return await self.connections.end_refresh(owner, stored, stored)
        after = stored
        try:
            after = await self._call(client, stored)
        except AuthFailure as refused:
            after = stored.marked(
                ConnectionStatus.EXPIRED, now=self.clock.now(), code=refused.code, reason=str(refused)
            )
            raise
        finally:  # the right is given back whatever happened, also when this process is told to stop
            after = await self.connections.end_refresh(owner, stored, after)
        return after

    async def _take_turn(
        self, key: ConnectionKey, owner: UUID, before: PlatformConnection
    ) -> PlatformConnection | None:
        """The connection once the right to refresh is ours, or None when somebody else refreshed it meanwhile."""
        deadline = self.clock.monotonic() + WAIT_FOR_OTHERS.total_seconds()
        while (stored := await self.connections.begin_refresh(key, owner, REFRESH_LEASE)) is None:
            if (await self.connections.get(key)).access_token != before.access_token:
                return None
            if self.clock.monotonic() > deadline:
                raise RefreshInProgress(key.platform)
            await asyncio.sleep(WAIT_STEP.total_seconds())
        return stored

    async def _call(self, client: PlatformClient, stored: PlatformConnection) -> PlatformConnection:
        credentials: Credentials | None = None
        try:
            credentials = self.vault.open_credentials(stored)
            async with asyncio.timeout(REFRESH_LIMIT.total_seconds()):
                renewed = await client.refresh(stored.key, credentials, self.clock.now())
            return self._renewed(stored, renewed)
        except (PlatformFailure, TokenUnreadable) as failure:
            failure.args = (self.vault.scrub(str(failure), credentials),)
            raise
        except TimeoutError:
            raise TransientFailure(f"{client.info.label} did not answer the token refresh in time.") from None
        except Exception as bug:  # noqa: BLE001  foreign code: what a plug-in raises unforeseen is told as its bug
            text = self.vault.scrub(f"{type(bug).__name__}: {bug}", credentials)
            raise ClientBug(f"The {client.info.label} client failed at the token refresh: {text}") from None

    def _renewed(self, stored: PlatformConnection, renewed: Credentials) -> PlatformConnection:
        if not isinstance(renewed, Credentials):
            raise ClientBug(f"The {stored.key.platform} client returned no credentials from its token refresh.")
        refresh_token = renewed.refresh_token
        return stored.renewed(
            access_token=self.vault.encrypt_token(renewed.access_token, stored.key),
            refresh_token=(
                self.vault.encrypt_token(refresh_token, stored.key, "refresh_token")
                if refresh_token is not None
                else None
            ),
            token_expires_at=renewed.expires_at,
            scopes=renewed.scopes or stored.scopes,
            now=self.clock.now(),
        )
