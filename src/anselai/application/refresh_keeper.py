"""Keeps the tokens of all connections fresh, also of those that nobody uses."""

import asyncio
import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from anselai.application.token_refresh import TokenRefresher
from anselai.domain.connection import ConnectionKey, PlatformConnection
from anselai.domain.errors import (
    AnselError,
    AuthFailure,
    ClientBug,
    ConnectionNotFound,
    NoRefreshToken,
    PlatformFailure,
    RateLimited,
    RefreshUnanswered,
    StoreUnavailable,
    TransientFailure,
)
from anselai.domain.ports.clock import Clock
from anselai.domain.ports.connections import Connections
from anselai.domain.ports.platform_client import PlatformInfo, Platforms

log = logging.getLogger("anselai.refresh")

HOLD = timedelta(seconds=15)  # from being handed a connection to having the right to refresh it
PATIENCE = timedelta(minutes=5)  # longer than a refresh takes
TROUBLED_AFTER = 5  # failures of a platform in a row
TROUBLE_PAUSE = 30.0  # seconds; then one connection tries whether it is over
LONGEST_PAUSE = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class KeeperLimits:
    """How many refreshes a process does at once on one platform, and how often it looks for due ones."""

    at_once: int = 10
    look_every: timedelta = timedelta(seconds=5)


@dataclass(slots=True, kw_only=True)
class PlatformTrouble:
    """What a platform's answers to different connections have in common: it is down, or limits the whole app.

    `failures` and `limited` are of the last answers in a row; one rate limit may be that of a user, two are the app's.
    """

    failures: int = 0
    limited: ConnectionKey | None = None
    paused_until: float = 0.0  # of the monotonic clock

    def note(self, key: ConnectionKey, failure: PlatformFailure, now: float) -> None:
        """A lost answer may have cost a connection, so already the first one counts as trouble, and each that is risked
        after it is risked later.
        """
        is_lost = isinstance(failure, RefreshUnanswered)
        self.failures = max(self.failures + 1, TROUBLED_AFTER if is_lost else 0)
        pause = TROUBLE_PAUSE if self.failures >= TROUBLED_AFTER else 0.0
        if is_lost:
            pause *= 2.0 ** min(self.failures - TROUBLED_AFTER, 16)
        before, self.limited = self.limited, None
        if isinstance(failure, RateLimited):
            self.limited = key
            if failure.retry_after is not None and before not in (None, key):
                pause = failure.retry_after.total_seconds()
        self.paused_until = max(self.paused_until, now + min(pause, LONGEST_PAUSE))

    def over(self) -> None:
        """It answers."""
        self.failures, self.limited = 0, None


@dataclass(slots=True, kw_only=True)
class RefreshKeeper:
    """Any number of keepers share one store. One object runs once."""

    connections: Connections
    platforms: Platforms
    refresher: TokenRefresher
    clock: Clock
    limits: KeeperLimits = field(default_factory=KeeperLimits)
    running: dict["asyncio.Task[None]", str] = field(init=False, default_factory=dict)
    troubles: dict[str, PlatformTrouble] = field(init=False, default_factory=dict)
    stopping: asyncio.Event = field(init=False, default_factory=asyncio.Event)

    async def run(self) -> None:
        """Refresh what is due until `stop` is called. Refreshes under way go on; the refresher's `settle` waits for
        them.
        """
        while not self.stopping.is_set():
            started = await self._look()
            if self.running or not started:
                await self._pause()

    def stop(self) -> None:
        """Start nothing more."""
        self.stopping.set()

    async def tick(self) -> int:
        """Refresh everything that is due now; how many connections that were. For tests and tools."""
        number = 0
        while started := await self._start_due():
            number += started
            await asyncio.gather(*self.running, return_exceptions=True)
        return number

    async def _look(self) -> int:
        try:
            return await self._start_due()
        except StoreUnavailable:
            return 0
        except Exception:
            log.exception("Looking for tokens to refresh met something unforeseen and goes on.")
            return 0

    async def _start_due(self) -> int:
        busy, number = Counter(self.running.values()), 0
        for info in self.platforms.all():
            room = self._room(info, busy[info.name])
            due = await self.connections.due_refreshes(info.name, room, HOLD) if room > 0 else ()
            self._start(info, due)
            number += len(due)
        return number

    def _room(self, info: PlatformInfo, busy: int) -> int:
        trouble = self.troubles.setdefault(info.name, PlatformTrouble())
        if self.clock.monotonic() < trouble.paused_until:
            return 0
        return (1 if trouble.failures >= TROUBLED_AFTER else self.limits.at_once) - busy

    def _start(self, info: PlatformInfo, due: Sequence[PlatformConnection]) -> None:
        for connection in due:
            task = asyncio.create_task(self._refresh(info, connection), name=f"keep {info.name} fresh")
            self.running[task] = info.name
            task.add_done_callback(self.running.pop)

    async def _refresh(self, info: PlatformInfo, connection: PlatformConnection) -> None:
        trouble = self.troubles[info.name]
        try:
            await self.refresher.refresh(connection.key, seen=connection, patience=PATIENCE)
        except RefreshUnanswered as lost:  # found so, it tells of a crash of ours and nothing of the platform
            if lost.why is not None:
                trouble.note(connection.key, lost, self.clock.monotonic())
        except (TransientFailure, RateLimited, ClientBug) as failure:
            trouble.note(connection.key, failure, self.clock.monotonic())
            log.warning("A %s token could not be refreshed yet: %s", info.name, failure)
        except NoRefreshToken:
            await self._never_again(info, connection)
        except (ConnectionNotFound, AuthFailure):
            trouble.over()  # a connection that expired is logged where that is found
        except AnselError as error:
            log.warning("A %s token could not be refreshed yet: %s: %s", info.name, error.code, error)
        except Exception:
            log.exception("A %s token could not be refreshed.", info.name)
        else:
            trouble.over()

    async def _never_again(self, info: PlatformInfo, connection: PlatformConnection) -> None:
        """Its time was set while there was something to refresh with."""
        try:
            stored = await self.connections.get(connection.key)
            if not info.can_refresh(stored):
                await self.connections.replace(stored.refreshed_at(None))
        except AnselError:
            return  # it is due again after a while

    async def _pause(self) -> None:
        """Until there may be room for more, or it is time to look: a slow platform must not keep the others waiting."""
        stopped = asyncio.create_task(self.stopping.wait(), name="stop keeping fresh")
        try:
            await asyncio.wait(
                {stopped, *self.running},
                timeout=self.limits.look_every.total_seconds(),
                return_when=asyncio.FIRST_COMPLETED,
            )
        finally:
            stopped.cancel()
