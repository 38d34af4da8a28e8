"""Wake-ups by NOTIFY: one listening connection for everybody in the process who waits."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from contextvars import ContextVar
from datetime import timedelta
from itertools import count
from typing import Any, Final

import psycopg
from psycopg import AsyncConnection

from anselai.domain.errors import StoreUnavailable

WORK: Final = "anselai_work"
CANCELLED: Final = "anselai_cancelled"
# Select list entries for the statements that make work, and for those that cancel what is running.
NOTIFY: Final = f"pg_notify('{WORK}', '')"
NOTIFY_CANCELLED: Final = f"pg_notify('{CANCELLED}', '')"
_RECONNECT_SECONDS: Final = 1.0

# A wake-up that comes after a loop asked for work and before it waits must not be lost. So asking notes the moment, in
# the context that the loop and the task it waits in share.
_moments: Final = count(1)
_asked_at: ContextVar[int] = ContextVar("anselai_asked_at")


def note_asking() -> None:
    """Say that this line of work looks for work now: a wake-up from here on ends its next wait at once."""
    _asked_at.set(next(_moments))


class _Bell:
    """One channel, for those in this process who wait for its notifications."""

    __slots__ = ("_next_ring", "_rung_at")

    def __init__(self) -> None:
        self._next_ring: asyncio.Future[None] | None = None
        self._rung_at = 0

    def ring(self) -> None:
        self._rung_at = next(_moments)
        ring, self._next_ring = self._next_ring, None
        if ring is not None:
            ring.set_result(None)

    async def wait(self, at_most: timedelta) -> bool:
        asked_at = _asked_at.get(self._rung_at)
        if self._rung_at <= asked_at:
            if self._next_ring is None:
                self._next_ring = asyncio.get_running_loop().create_future()
            await asyncio.wait([self._next_ring], timeout=max(0.0, at_most.total_seconds()))
        note_asking()
        return self._rung_at > asked_at


class Wakeups:
    """Listens from the first wait on, and reconnects by itself. While it cannot listen, waits last their full time."""

    __slots__ = ("_bells", "_connect", "_listener")

    def __init__(self, connect: Callable[[], Awaitable[AsyncConnection[Any]]]) -> None:
        self._connect = connect
        self._listener: asyncio.Task[None] | None = None
        self._bells = {channel: _Bell() for channel in (WORK, CANCELLED)}

    async def wait(self, at_most: timedelta, channel: str = WORK) -> bool:
        """Return True when something was notified since this line of work last asked or waited, False after `at_most`.

        A line of work waits for one channel only. True is also what might have been missed while nobody listened.
        """
        if self._listener is None:
            self._listener = asyncio.create_task(self._listen(), name="anselai-wakeups")
        return await self._bells[channel].wait(at_most)

    async def close(self) -> None:
        listener, self._listener = self._listener, None
        if listener is not None:
            listener.cancel()
            await asyncio.wait([listener])
            self._ring_all()

    def _ring_all(self) -> None:
        for bell in self._bells.values():
            bell.ring()

    async def _listen(self) -> None:
        while True:
            with suppress(psycopg.Error, StoreUnavailable):
                async with await self._connect() as connection:
                    for channel in self._bells:
                        await connection.execute(f"LISTEN {channel}")
                    self._ring_all()  # what was notified while nobody listened
                    async for notification in connection.notifies():
                        self._bells[notification.channel].ring()
            await asyncio.sleep(_RECONNECT_SECONDS)
