"""An event loop whose time is made up: when nothing is ready it jumps to the next timer. The same run, every time."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import Context, ContextVar
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from anselai.domain.ports.clock import Clock


class Deadlock(Exception):
    """Every task waits, and no timer is set: in real time this would be silence for ever."""


class TaskGroupOfAProcess:
    """The tasks that were started inside one simulated process, by whichever part of it."""

    def __init__(self) -> None:
        self.tasks: dict[asyncio.Task[Any], None] = {}  # not a set: its order must not depend on addresses


process_of_task: ContextVar[TaskGroupOfAProcess | None] = ContextVar("anselai_simulated_process", default=None)


class _Leap:
    """What stands in the place of a selector: there is no I/O, so waiting is adding."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def select(self, timeout: float | None) -> list[Any]:
        if timeout is None:
            raise Deadlock
        self.seconds += timeout
        return []


class VirtualLoop(asyncio.BaseEventLoop):
    """Real tasks, real timers, no waiting. `BaseEventLoop` asks exactly these three things of its subclasses."""

    def __init__(self) -> None:
        super().__init__()
        self._selector = _Leap()
        self._clock_resolution = 1e-6  # a float's error after years of virtual seconds, and no more
        self.set_task_factory(_noted_task)

    def time(self) -> float:
        return self._selector.seconds

    def _process_events(self, event_list: list[Any]) -> None:
        return

    def _write_to_self(self) -> None:
        return


def _noted_task(
    loop: asyncio.AbstractEventLoop, coro: Any, *, context: Context | None = None, **more: Any
) -> "asyncio.Task[Any]":
    task: asyncio.Task[Any] = asyncio.Task(coro, loop=loop, context=context, **more)
    process = process_of_task.get()
    if process is not None:
        process.tasks[task] = None
        task.add_done_callback(process.tasks.pop)
    return task


@contextmanager
def virtual_loop() -> Iterator[VirtualLoop]:
    """A loop at second 0. At the end nothing is left that waits in it."""
    loop = VirtualLoop()
    try:
        yield loop
    finally:
        while left := asyncio.all_tasks(loop):
            for task in left:
                task.cancel()
            loop.run_until_complete(asyncio.wait(left, timeout=1000))
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()


@dataclass(slots=True)
class StoreClock(Clock):
    """The time of the store, which is the time that decides."""

    loop: VirtualLoop
    start: datetime
    known: tuple[float, datetime] = field(init=False)

    def __post_init__(self) -> None:
        self.known = (0.0, self.start)

    def now(self) -> datetime:
        seconds = self.loop.time()
        if self.known[0] != seconds:
            self.known = (seconds, self.start + timedelta(seconds=seconds))
        return self.known[1]

    def monotonic(self) -> float:
        return self.loop.time()


@dataclass(slots=True)
class SkewedClock(Clock):
    """A daemon's own clock: wrong by `skew`, and standing still while the daemon is frozen (SIGSTOP)."""

    true: StoreClock
    skew: timedelta
    boot: float
    frozen_at: tuple[float, datetime] | None = None

    def now(self) -> datetime:
        return (self.true.now() if self.frozen_at is None else self.frozen_at[1]) + self.skew

    def monotonic(self) -> float:
        return (self.true.monotonic() if self.frozen_at is None else self.frozen_at[0]) + self.boot
