"""A world in made-up time: processes that are killed and frozen, a store that is away, a provider with bad manners."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from contextvars import copy_context
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any

from anselai.adapters.memory.store import MemoryStore
from anselai.domain.connection import ConnectionKey, Credentials
from anselai.domain.errors import AnswerLost, AuthFailure, RateLimited, StoreUnavailable, TransientFailure
from anselai.domain.ports.platform_client import FetchRequest, PlatformClient, PlatformInfo, Verification
from anselai.domain.secret import Secret
from refreshes.provider import InvalidGrant, Provider, Tokens
from tests.fakes import SequentialIds
from tests.simulation.virtual_time import SkewedClock, StoreClock, TaskGroupOfAProcess, VirtualLoop, process_of_task

LIFE = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dangers:
    """Rates are for each call of a port, or for each question to the provider; times are in seconds."""

    crash: float = 0.0
    lost_answer: float = 0.0
    refused: float = 0.0
    slow: float = 0.0
    bad_provider: float = 0.0
    freeze: float = 0.0
    skew: timedelta = timedelta()
    outages_per_hour: float = 0.0


@dataclass(slots=True, kw_only=True)
class World:
    """What all processes share. `visits` counts those of each place where a process can die; the `fatal` one does."""

    loop: VirtualLoop
    store: MemoryStore
    clock: StoreClock
    provider: Provider
    dangers: Dangers
    chance: Random
    ids: SequentialIds = field(default_factory=SequentialIds)
    away_until: float = 0.0
    calm: bool = False
    visits: Counter[str] = field(default_factory=Counter)
    fatal: tuple[str, int] | None = None
    deaths: list[str] = field(default_factory=list)  # where each killed process was
    counts: Counter[str] = field(default_factory=Counter)
    errands: set["asyncio.Task[Any]"] = field(default_factory=set)

    def errand(self, act: Callable[[], Awaitable[Any]]) -> "asyncio.Task[Any]":
        """What goes on whoever dies: a question on its way to the provider, or a photographer."""

        async def outside() -> Any:
            return await act()

        context = copy_context()
        context.run(process_of_task.set, None)
        task = context.run(self.loop.create_task, outside())
        self.errands.add(task)
        task.add_done_callback(self.errands.discard)
        return task


class Process(TaskGroupOfAProcess):
    """Killed, it does nothing more: none of its clean-up reaches anybody."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world, self.dead = world, False
        skew = timedelta(seconds=world.chance.uniform(-1, 1) * world.dangers.skew.total_seconds())
        self.clock = SkewedClock(world.clock, skew, world.chance.uniform(0, 1e5))
        self.thaws_at = 0.0

    def start(self, act: Callable[[], Awaitable[Any]]) -> "asyncio.Task[Any]":
        async def inside() -> Any:
            return await act()

        context = copy_context()
        context.run(process_of_task.set, self)
        return context.run(self.world.loop.create_task, inside())

    def kill(self, where: str = "anywhere") -> None:
        self.world.counts["processes killed"] += 1
        self.world.deaths.append(where)
        self.dead = True
        for task in tuple(self.tasks):
            task.cancel()

    async def step(self, where: str) -> None:
        """Between any two steps a process can be killed, or stand still."""
        world = self.world
        self.check()
        world.visits[where] += 1
        is_fatal = world.fatal == (where, world.visits[where])
        if is_fatal or (not world.calm and world.chance.random() < world.dangers.crash):
            self.kill(where)
        elif not world.calm and self.thaws_at <= world.loop.time() and world.chance.random() < world.dangers.freeze:
            world.counts["processes frozen"] += 1
            self.thaws_at = world.loop.time() + world.chance.choice((1.0, 60.0, 130.0, 300.0))
            self.clock.frozen_at = (world.clock.monotonic(), world.clock.now())
        self.check()
        if self.thaws_at > world.loop.time():
            await asyncio.sleep(self.thaws_at - world.loop.time())
            self.clock.frozen_at = None
        self.check()

    def check(self) -> None:
        if self.dead:
            raise asyncio.CancelledError


class Port:
    """A port of the store as a process has it: slow, away, and with answers that are lost."""

    def __init__(self, process: Process, port: Any) -> None:
        self._process, self._port = process, port

    def __getattr__(self, name: str) -> Any:
        process, method = self._process, getattr(self._port, name)

        async def call(*args: Any) -> Any:
            world, dangers, chance = process.world, process.world.dangers, process.world.chance
            await process.step(f"before {name}")
            await self._take_time()
            if world.away_until > world.loop.time() or (not world.calm and chance.random() < dangers.refused):
                raise StoreUnavailable
            process.check()
            answer = await method(*args)
            await process.step(f"after {name}")
            if not world.calm and chance.random() < dangers.lost_answer:
                world.counts["answers of the store lost"] += 1
                raise StoreUnavailable
            await self._take_time()
            process.check()
            return answer

        return call

    async def _take_time(self) -> None:
        world = self._process.world
        is_slow = not world.calm and world.chance.random() < world.dangers.slow
        await asyncio.sleep(world.chance.random() * 4 if is_slow else 0)


@dataclass(slots=True, kw_only=True)
class Client(PlatformClient):
    """The provider's client in every process. A question that was sent arrives, whatever becomes of who asked."""

    info: PlatformInfo
    world: World

    async def verify(self, key: ConnectionKey, credentials: Credentials, now: datetime) -> Verification:
        return Verification(ok=True)

    async def fetch(self, request: FetchRequest) -> Any:
        yield None

    async def refresh(self, key: ConnectionKey, credentials: Credentials, now: datetime) -> Credentials:
        world, process = self.world, process_of_task.get()
        assert isinstance(process, Process)
        assert credentials.refresh_token is not None
        token = credentials.refresh_token.reveal()
        manner = "kind" if world.calm or world.chance.random() >= world.dangers.bad_provider else self._manner()
        world.counts[f"provider: {manner}"] += 1
        await process.step("before asking")
        match manner:
            case "never reached":
                raise TransientFailure("refused")
            case "503":
                await asyncio.sleep(world.chance.random())
                raise TransientFailure("503")
            case "rate limit":
                raise RateLimited("slow down", world.chance.choice((None, 1.0, 90.0)))
            case "lost before":
                await asyncio.sleep(world.chance.random() * 200)
                raise AnswerLost("cut")
        answer: asyncio.Future[Tokens | None] = world.loop.create_future()
        _ = world.errand(lambda: self._carry(key.studio, token, manner, answer))
        tokens = await answer
        await process.step("after the answer")
        if tokens is None:
            raise AuthFailure("invalid_grant")
        match manner:
            case "lost after":
                raise AnswerLost("cut")
            case "nonsense":
                raise KeyError("expires_in")
        process.check()
        return Credentials(
            access_token=Secret(tokens.access), refresh_token=Secret(tokens.refresh), expires_at=now + LIFE
        )

    async def _carry(self, account: str, token: str, manner: str, answer: "asyncio.Future[Tokens | None]") -> None:
        """The way there, the provider, the way back."""
        world = self.world
        await asyncio.sleep(world.chance.random() * (2 if manner == "kind" else 8))
        try:
            tokens = world.provider.refresh(account, token, world.loop.time())
        except InvalidGrant:
            tokens = None
        if manner == "never":
            return
        await asyncio.sleep(world.chance.random() * (300 if manner == "slow" else 1))
        if not answer.done():
            answer.set_result(tokens)

    def _manner(self) -> str:
        return self.world.chance.choice(
            ("never reached", "503", "rate limit", "lost before", "lost after", "never", "slow", "nonsense")
        )
