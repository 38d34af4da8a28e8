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

CHANNEL: Final = "anselai_work"
# A select list entry for the statements that make work.
NOTIFY: Final = f"pg_notify('{CHANNEL}', '')"
_RECONNECT_SECONDS: Final = 1.0

# A wake-up that comes after a loop asked for work and before it waits must not be lost. So asking notes the moment, in
# the context that the loop and the task it waits in share.
_moments: Final = count(1)
_asked_at: ContextVar[int] = ContextVar("anselai_asked_at")


def note_asking() -> None:
    """Say that this line of work looks for work now: a wake-up from here on ends its next wait at once."""
    _asked_at.set(next(_moments))


class Wakeups:
    """Listens from the first wait on, and reconnects by itself. While it cannot listen, waits last their full time."""

    __slots__ = ("_connect", "_listener", "_next_wakeup", "_woken_at")

    def __init__(self, connect: Callable[[], Awaitable[AsyncConnection[Any]]]) -> None:
        self._connect = connect
        self._listener: asyncio.Task[None] | None = None
        self._next_wakeup: asyncio.Future[None] | None = None
        self._woken_at = 0

    async def wait(self, at_most: timedelta) -> None:
        """Return when something was notified since this line of work last asked or waited, or after `at_most`."""
        if self._listener is None:
            self._listener = asyncio.create_task(self._listen(), name="anselai-wakeups")
        if self._woken_at <= _asked_at.get(self._woken_at):
            if self._next_wakeup is None:
                self._next_wakeup = asyncio.get_running_loop().create_future()
            await asyncio.wait([self._next_wakeup], timeout=max(0.0, at_most.total_seconds()))
        note_asking()

    async def close(self) -> None:
        listener, self._listener = self._listener, None
        if listener is not None:
            listener.cancel()
            await asyncio.wait([listener])
            self._wake()

    def _wake(self) -> None:
        self._woken_at = next(_moments)
        wakeup, self._next_wakeup = self._next_wakeup, None
        if wakeup is not None:
            wakeup.set_result(None)

    async def _listen(self) -> None:
        while True:
            with suppress(psycopg.Error, StoreUnavailable):
                async with await self._connect() as connection:
                    await connection.execute(f"LISTEN {CHANNEL}")
                    self._wake()  # what was notified while nobody listened
                    async for _ in connection.notifies():
                        self._wake()
            await asyncio.sleep(_RECONNECT_SECONDS)
