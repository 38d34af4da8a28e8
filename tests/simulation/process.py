"""A simulated process: its clock, its tasks, its sleep and its death; and the world that all processes share."""

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import copy_context
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from random import Random
from typing import Any

from anselai.domain.errors import StoreUnavailable
from tests.fakes import SequentialIds
from tests.simulation.scenario import Dangers
from tests.simulation.virtual_time import SkewedClock, StoreClock, TaskGroupOfAProcess, process_of_task
from tests.simulation.watched import WatchedStore
from tests.simulation.witness import Witness

WAITS = ("wait_for_work", "wait_for_cancellation")  # calls that end by themselves, and may do so for no reason


class TroubleKind(StrEnum):
    KILLED = "killed"
    FROZEN = "frozen"
    SLOW = "slow"
    UNAVAILABLE = "unavailable"


@dataclass(frozen=True, slots=True)
class Trouble:
    """What meets a process at a call of a port: before it is made, or once it is done and before its answer is there.

    `seconds` are those of being frozen or slow.
    """

    kind: TroubleKind
    done: bool
    seconds: float = 0.0


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

    def take_store_away(self, seconds: float, *, silently: bool) -> None:
        """It refuses every call, or is silent until the caller gives up."""
        self.away_until, self.away_silently = self.clock.monotonic() + seconds, silently
        self.count("outages")
        self.witness.note("store", "away", seconds)


class Process(TaskGroupOfAProcess):
    """A daemon or an API server. Killed, it does nothing more: none of its clean-up reaches the store."""

    def __init__(self, name: str, world: World, chance: Random) -> None:
        super().__init__()
        self.name, self.world, self.chance = name, world, chance
        self.dead = False
        self.thawing: asyncio.TimerHandle | None = None  # while it is frozen
        self.awake = asyncio.Event()
        self.armed: dict[str, Trouble] = {}  # what meets its next call of that method of a port
        skew = timedelta(seconds=chance.uniform(-1, 1) * world.dangers.skew.total_seconds())
        self.clock = SkewedClock(world.clock, skew, chance.uniform(0, 1e5))

    def start(self, act: Callable[[], Awaitable[Any]]) -> "asyncio.Task[Any]":
        """Run something inside this process."""

        async def inside() -> Any:
            return await act()

        context = copy_context()
        context.run(process_of_task.set, self)
        return context.run(self.world.clock.loop.create_task, inside())

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
        """SIGSTOP: it does nothing, and does not know. Frozen again, it stays so for the longer of both times."""
        now = self.world.clock
        until = now.loop.time() + seconds
        if self.thawing is None:
            self.clock.frozen_at = (now.monotonic(), now.now())
            self.awake.clear()
        else:
            until = max(until, self.thawing.when())
            self.thawing.cancel()
        self.thawing = now.loop.call_at(until, self.thaw)
        self.world.count("freezes")
        self.world.witness.note(self.name, "frozen", seconds)

    def thaw(self) -> None:
        """SIGCONT."""
        if self.thawing is not None:
            self.thawing.cancel()
            self.thawing = self.clock.frozen_at = None
            self.awake.set()

    def check(self) -> None:
        """Where a task of a dead process ends."""
        if self.dead:
            raise asyncio.CancelledError

    async def breathe(self) -> None:
        """Where a process stands while it is frozen."""
        while self.thawing is not None:
            await self.awake.wait()
            await asyncio.sleep(self.chance.random() * 0.01)

    def trouble_at(self, call: str) -> Trouble | None:
        """What this call of a port meets: what was made ready for it, or what chance has for it."""
        if call in self.armed:
            return self.armed.pop(call)
        if self.world.calm or call in WAITS:
            return None
        dangers, danger = self.world.dangers, self.chance.random()
        if danger < dangers.crash:
            return Trouble(TroubleKind.KILLED, done=danger < dangers.crash / 2)
        danger -= dangers.crash
        if danger < dangers.refused + dangers.lost_answer:
            return Trouble(TroubleKind.UNAVAILABLE, done=danger >= dangers.refused)
        danger -= dangers.refused + dangers.lost_answer
        if danger < dangers.frozen:
            return Trouble(TroubleKind.FROZEN, done=danger < dangers.frozen / 2, seconds=self.chance.uniform(0, 100))
        return None

    async def suffer(self, trouble: Trouble) -> None:
        self.world.witness.note(self.name, f"{trouble}")
        match trouble.kind:
            case TroubleKind.KILLED:
                self.kill()
                self.check()
            case TroubleKind.FROZEN:
                self.freeze(trouble.seconds)
                await self.breathe()
            case TroubleKind.SLOW:
                await asyncio.sleep(trouble.seconds)
            case TroubleKind.UNAVAILABLE:
                self.world.count("lost answers" if trouble.done else "refused")
                raise StoreUnavailable
