"""A simulated process: its clock, its tasks, its sleep and its death; and the world that all processes share."""

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import copy_context
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random
from typing import Any

from tests.fakes import SequentialIds
from tests.simulation.scenario import Dangers
from tests.simulation.virtual_time import SkewedClock, StoreClock, TaskGroupOfAProcess, process_of_task
from tests.simulation.witness import WatchedStore, Witness


@dataclass(slots=True, kw_only=True)
class World:
    """What all processes share. `away_until` is when the store comes back; instants are seconds of the loop."""

    store: WatchedStore
    witness: Witness
    clock: StoreClock
    ids: SequentialIds
    dangers: Dangers
    away_until: float = 0.0
    away_silently: bool = False
    dark_until: float = 0.0  # no daemon runs before
    calm: bool = False
    counts: dict[str, int] = field(default_factory=dict)

    def count(self, what: str) -> None:
        self.counts[what] = self.counts.get(what, 0) + 1


class Process(TaskGroupOfAProcess):
    """A daemon or an API server. Killed, it does nothing more: none of its clean-up reaches the store."""

    def __init__(self, name: str, world: World, chance: Random) -> None:
        super().__init__()
        self.name, self.world, self.chance = name, world, chance
        self.dead = False
        self.frozen_until = 0.0
        skew = timedelta(seconds=chance.uniform(-1, 1) * world.dangers.skew.total_seconds())
        self.clock = SkewedClock(world.clock, skew, chance.uniform(0, 1e5))

    def start(self, act: Callable[[], Awaitable[Any]]) -> "asyncio.Task[Any]":
        """Run something inside this process."""

        async def inside() -> Any:
            return await act()

        context = copy_context()
        context.run(process_of_task.set, self)
        return context.run(asyncio.create_task, inside())

    def kill(self) -> None:
        """SIGKILL. What its tasks still try is refused by the ports; cancelling them is how they leave the loop."""
        if not self.dead:
            self.world.count("crashes")
            self.world.witness.note(self.name, "killed")
            self.exit()

    def exit(self) -> None:
        """Nothing of a process outlives it, not even a client that ignores its cancellation."""
        self.dead = True
        for task in tuple(self.tasks):
            task.cancel()

    def freeze(self, seconds: float) -> None:
        """SIGSTOP: it does nothing, and does not know."""
        now = self.world.clock
        self.frozen_until = now.loop.time() + seconds
        self.clock.frozen_at = (now.monotonic(), now.now())
        now.loop.call_later(seconds, self._thaw)
        self.world.count("freezes")
        self.world.witness.note(self.name, "frozen", seconds)

    def _thaw(self) -> None:
        self.clock.frozen_at = None

    def is_frozen(self) -> bool:
        return self.frozen_until > self.world.clock.loop.time()

    def check(self) -> None:
        """Where a task of a dead process ends."""
        if self.dead:
            raise asyncio.CancelledError

    async def breathe(self) -> None:
        """Where a process stands while it is frozen."""
        loop = self.world.clock.loop
        while self.is_frozen():  # noqa: ASYNC110  the time is made up, and a freeze may be prolonged
            await asyncio.sleep(self.frozen_until - loop.time() + self.chance.random() * 0.01)
