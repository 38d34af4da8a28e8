"""One refresh at a time per connection: coalesced inside the process, by a lease row across processes.

What is about to happen is stored before the platform is called; it is called with no transaction open; and what it
answers is stored by compare-and-swap, so a refresher that was too slow can never overwrite a newer token. Where a
refresh token works once, one that may have been used is never used again, whoever crashed when; except where the
platform itself answers without a new one, and so says that the one it was given stays in use (RFC 6749, section 6).
"""

import asyncio
import logging
import random
from collections.abc import Coroutine
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from anselai.application import refresh_outcome
from anselai.application.platform_trouble import PlatformTrouble
from anselai.application.refresh_call import RefreshCall, call_limit, longest_call
from anselai.application.token_vault import TokenVault
from anselai.domain.connection import ConnectionKey, ConnectionStatus, PlatformConnection
from anselai.domain.errors import (
    AuthFailure,
    ConnectionChanged,
    ConnectionNotFound,
    NoRefreshToken,
    PlatformFailure,
    RefreshInProgress,
    RefreshUnanswered,
    RightsMissing,
    StoreUnavailable,
    TokenUnreadable,
)
from anselai.domain.ports.clock import Clock, Ids
from anselai.domain.ports.connections import Connections
from anselai.domain.ports.platform_client import PlatformClient, PlatformInfo, Platforms
from anselai.domain.ports.telemetry import RefreshOutcome, Telemetry
from anselai.domain.refreshing import SecondUse, may_ask

WAIT_FOR_OTHERS = timedelta(seconds=35)
WAIT_STEP = timedelta(milliseconds=100)
CALLER_PATIENCE = timedelta(seconds=45)
KEEP_TRYING = timedelta(days=1)
STORE_AGAIN = timedelta(seconds=1)
STORING = timedelta(seconds=10)
HURRIED = timedelta(seconds=5)  # most platforms answer within that

log = logging.getLogger("anselai.refresh")

# The connection, and the tokens that are to be replaced: who has newer ones already wants others than those, and does
# not share the answer that they were replaced.
Wish = tuple[ConnectionKey, tuple[UUID, int] | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """Our right to refresh: since an instant of the store, which was at most at `taken_at` of the monotonic clock."""

    owner: UUID
    connection: PlatformConnection
    began_at: datetime
    taken_at: float
    lease: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRefresher:
    """Gets new tokens for connections."""

    connections: Connections
    platforms: Platforms
    vault: TokenVault
    clock: Clock
    ids: Ids
    telemetry: Telemetry
    running: dict[Wish, "asyncio.Task[PlatformConnection]"] = field(default_factory=dict)
    cleaning: set["asyncio.Task[None]"] = field(default_factory=set)
    troubles: dict[str, PlatformTrouble] = field(default_factory=dict)

    def trouble_of(self, platform: str) -> PlatformTrouble:
        """What is known here of a platform that does not give new tokens."""
        return self.troubles.setdefault(platform, PlatformTrouble())

    async def fresh(self, connection: PlatformConnection, now: datetime) -> PlatformConnection:
        """The connection itself, or a refreshed one when its time has come. `now` is the store's instant.

        A token that still lives is used although its refresh fails; after a failure, the platform is left in peace.
        Raises PlatformFailure and RefreshInProgress for a token that has ended.
        """
        state, has_ended = connection.refresh, connection.expires_within(timedelta(), now)
        can_refresh = self.platforms.get(connection.key.platform).info.can_refresh(connection)
        if connection.needs_new_tokens or not can_refresh or not (has_ended or state.is_due(now)):
            return connection
        if has_ended and state.at is not None and state.waits(now):
            raise refresh_outcome.while_waiting(connection, state.at, now)
        try:
            return await self.refresh(connection.key, seen=connection)
        except AuthFailure:
            raise
        except (PlatformFailure, RefreshInProgress):
            if has_ended:
                raise
            return connection

    async def refresh(
        self,
        key: ConnectionKey,
        *,
        seen: PlatformConnection | None = None,
        patience: timedelta = CALLER_PATIENCE,
    ) -> PlatformConnection:
        """Refresh now; every caller that asks meanwhile gets the same answer, and for a while after a failure too.

        With `seen`, a connection whose tokens are no longer those that were seen counts as refreshed already; so
        does one that got new tokens from somebody else while the platform was asked. Who has seen none is a person,
        whom no trouble of the platform with other connections stops. Raises ConnectionNotFound,
        NoRefreshToken, RefreshInProgress, TokenUnreadable, StoreUnavailable, PlatformFailure.
        """
        wish = (key, None if seen is None else (seen.id, seen.token_version))
        task = self.running.get(wish)
        if task is None:
            task = asyncio.create_task(self._refresh(key, seen), name=f"refresh {key.platform}")
            self.running[wish] = task
            task.add_done_callback(lambda done: self._forget(wish, done))
        # One caller that goes away must not end the refresh of the others, nor lose the tokens that it brings.
        await asyncio.wait({task}, timeout=patience.total_seconds())
        if not task.done():
            raise RefreshInProgress(key.platform)
        return task.result()

    async def settle(self, hurried: asyncio.Event | None = None) -> None:
        """Wait for refreshes under way, and for what they leave to be done, so that the store is not closed before the
        tokens they bring are in it: for as long as one can take, and not much longer once `hurried` is set.

        What is not done by then is given up, and counts as a crash.
        """
        try:
            async with asyncio.timeout(self._longest().total_seconds()) as limit:
                hurrying = asyncio.create_task(_hurry(limit, hurried or asyncio.Event()))
                try:
                    while under_way := {*self.running.values(), *self.cleaning}:
                        await asyncio.wait(under_way)
                        await asyncio.sleep(0)  # they are forgotten by callbacks
                finally:
                    hurrying.cancel()
        except TimeoutError:
            self._give_up()

    def _longest(self) -> timedelta:
        calls = (longest_call(info) for info in self.platforms.all())
        return WAIT_FOR_OTHERS + max(calls, default=timedelta()) + STORING

    def _give_up(self) -> None:
        for (key, _), task in self.running.items():
            log.error(
                "The process stops while %s is asked for new tokens of %s. Where a refresh token works once, that"
                " connection may have to be connected again.",
                key.platform,
                key.studio,
            )
            task.cancel()
        for cleaning in self.cleaning:
            cleaning.cancel()
        self.running.clear()  # a client that ignores its cancellation is not waited for again
        self.cleaning.clear()

    def _forget(self, wish: Wish, done: "asyncio.Task[PlatformConnection]") -> None:
        self.running.pop(wish, None)
        if not done.cancelled():
            done.exception()  # retrieved here too, in case every caller has gone away

    async def _refresh(self, key: ConnectionKey, seen: PlatformConnection | None) -> PlatformConnection:
        client, trouble = self.platforms.get(key.platform), self.trouble_of(key.platform)
        deadline = self.clock.monotonic() + WAIT_FOR_OTHERS.total_seconds()
        if seen is not None and not (client.info.second_use is SecondUse.GRACE and seen.refresh.asked_at is not None):
            await trouble.wait_for_room(client.info, self.clock, deadline)
        with trouble.one_more():
            before = await self.connections.get(key)
            if seen is not None and not before.has_tokens_of(seen):
                return before
            if not client.info.can_refresh(before):
                raise NoRefreshToken(key.platform)
            turn = await self._take_turn(client.info, before, deadline)
            if turn is None:
                return await self.connections.get(key)
            return await self._use(client, turn)

    async def _use(self, client: PlatformClient, turn: Turn) -> PlatformConnection:
        info, stored, asked_at = client.info, turn.connection, turn.connection.refresh.asked_at
        open_for = None if asked_at is None else turn.began_at - asked_at
        if asked_at is not None and not may_ask(info.second_use, info.reuse_grace, open_for):
            lost = refresh_outcome.unanswered(info, asked_at)
            if (stored.status, stored.last_error_code) == (ConnectionStatus.EXPIRED, lost.code):
                self._later(self._give_back(turn.owner, stored, turn.lease))
                raise lost  # it says so already
            return await self._fail(info, turn, lost)
        if self.clock.monotonic() - turn.taken_at > (turn.lease - longest_call(info)).total_seconds():
            # We stood still, and the lease would not outlast the call: somebody else would ask beside us.
            self._later(self._give_back(turn.owner, stored, turn.lease))
            raise RefreshInProgress(stored.key.platform)
        try:
            renewed = await RefreshCall(vault=self.vault).ask(client, stored, self._now(turn))
        except TokenUnreadable as unreadable:
            now = self._now(turn)
            await self._store(turn, refresh_outcome.after_unreadable(stored, unreadable, now=now, jitter=_chance()))
            raise
        except PlatformFailure as failure:
            told = refresh_outcome.told(info, failure, self._now(turn))
            self.trouble_of(info.name).note(stored.key, told, turn.taken_at, self.clock.monotonic())
            return await self._fail(info, turn, told)
        self.trouble_of(info.name).over(turn.taken_at)
        self.telemetry.token_refreshed(stored.key.platform, RefreshOutcome.SUCCEEDED)
        return await self._store(turn, renewed)

    async def _fail(self, info: PlatformInfo, turn: Turn, failure: PlatformFailure) -> PlatformConnection:
        """Raise it, once it is stored what it means; unless somebody reconnected meanwhile."""
        before = turn.connection
        self.telemetry.token_refreshed(before.key.platform, _outcome(failure))
        after = refresh_outcome.after(info, before, failure, now=self._now(turn), jitter=_chance())
        stored = await self._store(turn, after)
        if not stored.has_tokens_of(before):
            return stored
        if isinstance(failure, AuthFailure):
            log.warning("The %s connection of %s expired: %s", info.name, before.key.studio, failure)
        raise failure

    async def _store(self, turn: Turn, after: PlatformConnection) -> PlatformConnection:
        """Store what came, and do not let go of it while the store is away: a rotated token exists only here."""
        give_up_at, told = self.clock.monotonic() + KEEP_TRYING.total_seconds(), False
        while True:
            try:
                return await self.connections.end_refresh(turn.owner, turn.connection, after)
            except ConnectionChanged:
                return await self.connections.get(after.key)
            except StoreUnavailable as unavailable:
                if self.clock.monotonic() > give_up_at:
                    raise
                if not told and isinstance(unavailable, RightsMissing):
                    log.error("What the refresh of a %s token brought is kept: %s", after.key.platform, unavailable)
                    told = True
            await asyncio.sleep(STORE_AGAIN.total_seconds())

    async def _take_turn(self, info: PlatformInfo, before: PlatformConnection, deadline: float) -> Turn | None:
        """The right to refresh, once it is ours, or None when somebody else refreshed the connection meanwhile."""
        key, owner, lease = before.key, self.ids.new(), 2 * call_limit(info)
        while True:
            asked_at = self.clock.monotonic()
            try:
                turn = await self.connections.begin_refresh(key, owner, lease, before)
            except StoreUnavailable:
                # The right may be ours all the same, with a question that was never asked.
                self._later(self._give_back(owner, before, lease))
                raise
            if turn is not None:
                break
            if not (await self.connections.get(key)).has_tokens_of(before):
                return None
            if self.clock.monotonic() > deadline:
                raise RefreshInProgress(key.platform)
            await asyncio.sleep(WAIT_STEP.total_seconds())
        stored = turn.connection
        if not stored.has_tokens_of(before):
            return None
        if not turn.held:
            until = stored.refresh.not_before or turn.now
            raise refresh_outcome.while_waiting(stored, until, turn.now)
        return Turn(owner=owner, connection=stored, began_at=turn.now, taken_at=asked_at, lease=lease)

    async def _give_back(self, owner: UUID, before: PlatformConnection, lease: timedelta) -> None:
        """Give back a right that was not used, for as long as it can be ours."""
        give_up_at = self.clock.monotonic() + lease.total_seconds()
        while self.clock.monotonic() < give_up_at:
            try:
                await self.connections.end_refresh(owner, before, None)
            except StoreUnavailable:
                await asyncio.sleep(STORE_AGAIN.total_seconds())
            except (ConnectionChanged, ConnectionNotFound):
                return
            else:
                return

    def _later(self, act: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(act, name="give back a refresh")
        self.cleaning.add(task)
        task.add_done_callback(self.cleaning.discard)

    def _now(self, turn: Turn) -> datetime:
        """The store's instant, whatever our own clock says."""
        return turn.began_at + timedelta(seconds=self.clock.monotonic() - turn.taken_at)


def _outcome(failure: PlatformFailure) -> RefreshOutcome:
    if isinstance(failure, RefreshUnanswered):
        return RefreshOutcome.LOST
    return RefreshOutcome.REFUSED if isinstance(failure, AuthFailure) else RefreshOutcome.FAILED


async def _hurry(limit: asyncio.Timeout, hurried: asyncio.Event) -> None:
    await hurried.wait()
    soon, end = asyncio.get_running_loop().time() + HURRIED.total_seconds(), limit.when()
    limit.reschedule(soon if end is None else min(soon, end))


def _chance() -> float:
    return random.random()  # noqa: S311  jitter, not a secret
