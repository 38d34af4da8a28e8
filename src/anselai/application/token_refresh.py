"""One refresh at a time per connection: coalesced inside the process, by a lease row across processes.

The platform is called with no transaction open; what it answers is stored by compare-and-swap, so a refresher that was
too slow can never overwrite a newer token.
"""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from anselai.application.connection_input import ConnectionFields
from anselai.application.token_vault import TokenVault
from anselai.domain.connection import ConnectionKey, ConnectionStatus, Credentials, PlatformConnection
from anselai.domain.errors import (
    AnselError,
    AuthFailure,
    ClientBug,
    ConnectionChanged,
    InvalidInput,
    NoRefreshToken,
    PlatformFailure,
    RateLimited,
    RefreshInProgress,
    StoreUnavailable,
    TransientFailure,
)
from anselai.domain.ports.clock import Clock, Ids
from anselai.domain.ports.connections import Connections
from anselai.domain.ports.platform_client import PlatformClient, Platforms
from anselai.domain.ports.telemetry import RefreshOutcome, Telemetry

REFRESH_LIMIT = timedelta(seconds=30)
REFRESH_LEASE = timedelta(seconds=60)  # longer than REFRESH_LIMIT, so a living refresher never loses its lease
WAIT_FOR_OTHERS = timedelta(seconds=35)
WAIT_STEP = timedelta(milliseconds=100)
CALLER_PATIENCE = timedelta(seconds=45)
KEEP_TRYING = timedelta(minutes=10)
STORE_AGAIN = timedelta(seconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRefresher:
    """Gets new tokens for connections."""

    connections: Connections
    platforms: Platforms
    vault: TokenVault
    clock: Clock
    ids: Ids
    telemetry: Telemetry
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

        With `seen`, a connection whose access token is no longer the one that was seen counts as refreshed already; so
        does one that got new tokens from somebody else while the platform was asked. Raises ConnectionNotFound,
        NoRefreshToken, RefreshInProgress, TokenUnreadable, StoreUnavailable, PlatformFailure.
        """
        task = self.running.get(key)
        if task is None:
            task = asyncio.create_task(self._refresh(key, seen), name=f"refresh {key.platform}")
            self.running[key] = task
            task.add_done_callback(lambda done: self._forget(key, done))
        # One caller that goes away must not end the refresh of the others, nor lose the tokens that it brings.
        await asyncio.wait({task}, timeout=CALLER_PATIENCE.total_seconds())
        if not task.done():
            raise RefreshInProgress(key.platform)
        return task.result()

    async def settle(self) -> None:
        """Wait for refreshes under way, so that the store is not closed before the tokens they bring are in it."""
        if self.running:
            await asyncio.wait(set(self.running.values()), timeout=CALLER_PATIENCE.total_seconds())

    def _forget(self, key: ConnectionKey, done: "asyncio.Task[PlatformConnection]") -> None:
        self.running.pop(key, None)
        if not done.cancelled():
            done.exception()  # retrieved here too, in case every caller has gone away

    async def _refresh(self, key: ConnectionKey, seen: PlatformConnection | None) -> PlatformConnection:
        client = self.platforms.get(key.platform)
        before = await self.connections.get(key)
        if seen is not None and before.access_token != seen.access_token:
            return before
        if before.refresh_token is None:
            raise NoRefreshToken(key.platform)
        owner = self.ids.new()
        stored = await self._take_turn(key, owner, before)
        if stored is None:
            return await self.connections.get(key)
        if stored.access_token != before.access_token:
            return await self._store(owner, stored, None)
        try:
            after = await self._call(client, stored)
        except AuthFailure as refused:
            self.telemetry.token_refreshed(key.platform, RefreshOutcome.REFUSED)
            expired = stored.marked(
                ConnectionStatus.EXPIRED, now=self.clock.now(), code=refused.code, reason=str(refused)
            )
            now_stored = await self._store(owner, stored, expired)
            if now_stored.access_token != stored.access_token:
                return now_stored  # somebody reconnected meanwhile: what was refused is gone
            raise
        except BaseException:  # the right is given back whatever happened; if it cannot be, it runs out by itself
            self.telemetry.token_refreshed(key.platform, RefreshOutcome.FAILED)
            with suppress(AnselError):
                await self._store(owner, stored, None)
            raise
        self.telemetry.token_refreshed(key.platform, RefreshOutcome.SUCCEEDED)
        return await self._store(owner, stored, after)

    async def _store(
        self, owner: UUID, before: PlatformConnection, after: PlatformConnection | None
    ) -> PlatformConnection:
        """Store what came, and do not let go of it while the store is away: a rotated token exists only here."""
        give_up_at = self.clock.monotonic() + KEEP_TRYING.total_seconds()
        while True:
            try:
                return await self.connections.end_refresh(owner, before, after)
            except ConnectionChanged:
                return await self.connections.get(before.key)
            except StoreUnavailable:
                if after is None or self.clock.monotonic() > give_up_at:
                    raise  # the right alone runs out by itself
            await asyncio.sleep(STORE_AGAIN.total_seconds())

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
        credentials = self.vault.open_credentials(stored)
        label = client.info.label
        try:
            async with asyncio.timeout(REFRESH_LIMIT.total_seconds()):
                renewed = await client.refresh(stored.key, credentials, self.clock.now())
            return self._renewed(client, stored, renewed)
        except PlatformFailure as failure:
            raise failure.retold(self.vault.tell(failure, credentials)) from None
        except InvalidInput as nonsense:
            raise ClientBug(f"The {label} client's token refresh gave nonsense: {nonsense}") from None
        except TimeoutError:
            raise TransientFailure(f"{label} did not answer the token refresh in time.") from None
        except Exception as bug:  # noqa: BLE001  foreign code: what a plug-in raises unforeseen is told as its bug
            told = self.vault.tell(bug, credentials)
            raise ClientBug(f"The {label} client failed at the token refresh: {type(bug).__name__}: {told}") from None

    def _renewed(self, client: PlatformClient, stored: PlatformConnection, renewed: object) -> PlatformConnection:
        """The connection with what the platform gave, once that is known to be what it should be."""
        if not isinstance(renewed, Credentials):
            raise ClientBug(f"The {client.info.label} client returned no credentials from its token refresh.")
        now, lifetime = self.clock.now(), client.info.token_lifetime
        expires_at = renewed.expires_at
        if expires_at is None and lifetime is not None:
            expires_at = now + lifetime
        given = ConnectionFields(
            access_token=renewed.access_token,
            refresh_token=renewed.refresh_token,
            token_expires_at=expires_at,
            scopes=renewed.scopes or stored.scopes,
        ).checked()
        return stored.renewed(
            access_token=self.vault.encrypt_token(given.access_token, stored.key),
            refresh_token=(
                self.vault.encrypt_token(given.refresh_token, stored.key, "refresh_token")
                if given.refresh_token is not None
                else None
            ),
            token_expires_at=given.token_expires_at,
            scopes=given.scopes,
            now=now,
        )
