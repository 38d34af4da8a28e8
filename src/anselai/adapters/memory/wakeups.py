"""Waking those who wait for work."""

import asyncio
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count

# Asking for work notes the moment, in the context that a loop shares with the task it waits in: a wake-up between the
# asking and the waiting must not be lost.
_moments = count(1)
_asked_at: ContextVar[int] = ContextVar("anselai_memory_asked_at")


def note_asking() -> None:
    """Say that this line of work looks for work now: a wake-up from here on ends its next wait at once."""
    _asked_at.set(next(_moments))


@dataclass(slots=True)
class Wakeups:
    """Those who wait, of any event loop."""

    woken_at: int = 0
    sleepers: "set[asyncio.Future[None]]" = field(default_factory=set)

    def wake(self) -> None:
        """Let everybody who waits look again."""
        self.woken_at = next(_moments)
        for sleeper in self.sleepers:
            if not sleeper.done():
                sleeper.set_result(None)

    async def wait(self, at_most: timedelta) -> bool:
        """Return True at the next wake-up, or at once if there was one since this line of work last asked or waited;
        False after `at_most`.
        """
        asked_at = _asked_at.get(self.woken_at)
        if self.woken_at <= asked_at:
            sleeper: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self.sleepers.add(sleeper)
            try:
                await asyncio.wait([sleeper], timeout=max(0.0, at_most.total_seconds()))
            finally:
                self.sleepers.discard(sleeper)
        note_asking()
        return self.woken_at > asked_at
