"""One simulated run: processes that fight over refreshes in bad weather, then calm, and the verdict."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from random import Random
from typing import Any, cast

from anselai.adapters.memory.connections import MemoryConnections
from anselai.adapters.memory.store import MemoryStore
from anselai.adapters.prometheus import PrometheusTelemetry
from anselai.application.refresh_keeper import RefreshKeeper
from anselai.application.token_refresh import TokenRefresher
from anselai.application.token_vault import TokenVault
from anselai.domain.connection import ConnectionKey, ConnectionStatus, PlatformConnection
from anselai.domain.errors import AnselError, RefreshUnanswered
from anselai.domain.ports.connections import Connections
from anselai.domain.ports.platform_client import PlatformInfo
from anselai.domain.refreshing import SecondUse
from refreshes.provider import Provider
from refreshes.world import LIFE, Client, Dangers, Port, Process, World
from tests.fakes import NOON, InstalledPlatforms
from tests.samples import a_connection
from tests.simulation.cipher import PlainCipher
from tests.simulation.virtual_time import StoreClock, VirtualLoop

PLATFORM = "flickr"
GRACE = timedelta(minutes=10)
CALM = 1800.0  # seconds
LAST_WORDS = 300.0  # seconds, for refreshes that have begun
CROWD = 3.0  # seconds from one connection that all ask for to the next


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """`refreshes` is how many are fought over before it gets calm."""

    seed: int
    refreshes: int
    second_use: SecondUse = SecondUse.REFUSED
    connections: int = 20
    processes: int = 4
    callers: int = 6  # in each process
    meddling: bool = True  # people change this and that meanwhile
    dangers: Dangers = field(default_factory=Dangers)


@dataclass(slots=True, kw_only=True)
class Verdict:
    """`contested`: refreshes that brought tokens, and that more than one process had asked for. `deaths`: where."""

    refreshes: int
    contested: int
    reused: int
    expired: int  # in the whole run; each told why, and was reconnected
    needlessly: int  # of these, the stored refresh token still lived: nobody could know
    deaths: list[str]
    counts: Counter[str]
    broken: list[str]


@dataclass(slots=True, kw_only=True)
class Run:
    scenario: Scenario
    world: World
    connections: Connections
    closing: asyncio.Event = field(default_factory=asyncio.Event)
    askers: dict[tuple[ConnectionKey, int], set[int]] = field(default_factory=dict)
    replaced: set[tuple[ConnectionKey, int]] = field(default_factory=set)  # by people
    contested: int = 0
    expired: int = 0
    needlessly: int = 0
    broken: list[str] = field(default_factory=list)

    async def run(self) -> Verdict:
        world, scenario = self.world, self.scenario
        await self.populate()
        places = [asyncio.create_task(self.keep_running(number)) for number in range(scenario.processes)]
        people = asyncio.create_task(self.reconnect())
        meddling = asyncio.create_task(self.meddle())
        weather = asyncio.create_task(self.outages())
        while self.fought_over() < scenario.refreshes and not self.broken:  # noqa: ASYNC110  nobody tells
            await asyncio.sleep(10)
        world.calm, world.away_until = True, 0.0
        weather.cancel()
        meddling.cancel()
        await asyncio.sleep(CALM)
        self.judge_times()
        self.closing.set()
        await asyncio.sleep(LAST_WORDS)
        for task in (*places, people):
            task.cancel()
        self.judge()
        for errand in tuple(world.errands):
            errand.cancel()
        return Verdict(
            refreshes=world.provider.counts["issued"],
            contested=self.fought_over(),
            reused=world.provider.counts["reused"],
            expired=self.expired,
            needlessly=self.needlessly,
            deaths=world.deaths,
            counts=world.counts,
            broken=self.broken,
        )

    async def populate(self) -> None:
        for number in range(self.scenario.connections):
            tokens = self.world.provider.connect(f"studio-{number}")
            key = ConnectionKey(f"studio-{number}", PLATFORM)
            connection = a_connection(
                key, access_token=f"access_token:{tokens.access}", refresh_token=f"refresh_token:{tokens.refresh}"
            )
            due = replace(connection.refresh, at=self.world.clock.now() + LIFE / 2)
            self.world.store.connections[key] = replace(connection, refresh=due)

    async def keep_running(self, number: int) -> None:
        """A process, and another one whenever it was killed."""
        world = self.world
        while True:
            process = Process(world)
            _ = process.start(partial(self.work, process, number))
            while not process.dead:
                await asyncio.sleep(1)
                if not world.calm and world.chance.random() < world.dangers.crash:
                    process.kill()
            await asyncio.sleep(world.chance.choice((0.1, 1.0, 90.0)))

    async def work(self, process: Process, number: int) -> None:
        connections = cast("Connections", Port(process, self.connections))
        info = PlatformInfo(
            name=PLATFORM, label="Flickr", token_lifetime=LIFE, second_use=self.scenario.second_use, reuse_grace=GRACE
        )
        platforms = InstalledPlatforms([Client(info=info, world=self.world)])
        refresher = TokenRefresher(
            connections=connections,
            platforms=platforms,
            vault=TokenVault(cipher=PlainCipher()),
            clock=process.clock,
            ids=self.world.ids,
            telemetry=PrometheusTelemetry([PLATFORM]),
        )
        keeper = RefreshKeeper(connections=connections, platforms=platforms, refresher=refresher, clock=process.clock)
        callers = (self.call(connections, refresher, number) for _ in range(self.scenario.callers))
        everything = asyncio.gather(keeper.run(), *callers)
        await self.closing.wait()
        keeper.stop()
        await everything

    async def call(self, connections: Connections, refresher: TokenRefresher, number: int) -> None:
        """Ask for new tokens together with everybody else, as syncs do whose token was refused; or as one that begins
        asks whether there is need to.
        """
        world, chance = self.world, self.world.chance
        keys = list(world.store.connections)
        while not self.closing.is_set():
            crowd = 60 * CROWD if world.calm else CROWD
            await asyncio.sleep(crowd - world.loop.time() % crowd + chance.random() / 2)
            key = keys[int(world.loop.time() / CROWD) % len(keys)]
            try:
                seen = await connections.get(key)
                if chance.random() < 0.1:
                    await refresher.fresh(seen, world.store.clock.now())
                    continue
                self.note(key, seen.token_version, number)
                await refresher.refresh(key, seen=seen)
            except AnselError as error:
                world.counts[f"told: {error.code}"] += 1

    def note(self, key: ConnectionKey, token_version: int, number: int) -> None:
        if self.stored(key).token_version == token_version:
            self.askers.setdefault((key, token_version), set()).add(number)

    def fought_over(self) -> int:
        """How many refreshes brought tokens, and were asked for by more than one process while the old ones lived."""
        for (key, version), askers in tuple(self.askers.items()):
            if self.stored(key).token_version > version:
                del self.askers[key, version]
                self.contested += len(askers) > 1 and (key, version) not in self.replaced
        return self.contested

    async def reconnect(self) -> None:
        """The photographers, who read what their connection says."""
        while True:
            await asyncio.sleep(60)
            for stored in tuple(self.world.store.connections.values()):
                if stored.status is not ConnectionStatus.EXPIRED:
                    continue
                self.expired += 1
                if not _is_told(stored):  # a token that the provider refuses was lost before
                    self.broken.append(f"{stored.key.studio} expired because of {stored.last_error_code}")
                self.needlessly += self.is_living(stored)
                await self.give_new_tokens(stored)

    async def give_new_tokens(self, stored: PlatformConnection) -> None:
        tokens = self.world.provider.connect(stored.key.studio)
        renewed = stored.renewed(
            access_token=cast("Any", f"access_token:{tokens.access}"),
            refresh_token=cast("Any", f"refresh_token:{tokens.refresh}"),
            token_expires_at=self.world.clock.now() + LIFE,
            scopes=stored.scopes,
            now=self.world.clock.now(),
        )
        await self.connections.replace(renewed.refreshed_at(self.world.clock.now() + LIFE / 2))
        self.replaced.add((stored.key, stored.token_version))

    async def meddle(self) -> None:
        """People who change this and that meanwhile: a name, the access token alone, or all tokens."""
        chance = self.world.chance
        while self.scenario.meddling:
            await asyncio.sleep(chance.expovariate(1 / 20))
            stored = chance.choice(list(self.world.store.connections.values()))
            change = chance.choice(
                ({"account_id": f"name-{chance.random()}"}, {"access_token": "access_token:pasted"}, {})
            )
            await asyncio.sleep(chance.random())
            if stored.version != self.stored(stored.key).version:
                self.world.counts["changes that came too late"] += 1
            elif not change:
                await self.give_new_tokens(stored)
            else:
                changed = await self.connections.replace(replace(stored, **cast("Any", change)))
                if changed.token_version > stored.token_version:
                    self.replaced.add((stored.key, stored.token_version))

    async def outages(self) -> None:
        world = self.world
        rate = world.dangers.outages_per_hour / 3600
        while rate:
            await asyncio.sleep(world.chance.expovariate(rate))
            world.away_until = world.loop.time() + world.chance.choice((0.5, 10.0, 100.0, 400.0))
            world.counts["outages of the store"] += 1

    def judge_times(self) -> None:
        """After a calm no token that can be refreshed is past its end."""
        for stored in self.world.store.connections.values():
            has_ended = stored.expires_within(timedelta(), self.world.clock.now())
            if has_ended and stored.status is not ConnectionStatus.EXPIRED:
                self.broken.append(f"{stored.key.studio} was not refreshed in time: {stored}")

    def judge(self) -> None:
        """After a long calm every connection has the living token, or says that it expired, and why."""
        provider = self.world.provider
        for stored in self.world.store.connections.values():
            told = stored.status is ConnectionStatus.EXPIRED and _is_told(stored)
            if not told and not self.is_living(stored):
                self.broken.append(f"{stored.key.studio} lost its token without a word: {stored}")
        if provider.counts["reused"]:
            self.broken.append(f"{provider.counts['reused']} refresh tokens were used again")
        if self.scenario.dangers == Dangers():
            self.judge_calm()

    def judge_calm(self) -> None:
        """Nothing goes wrong by itself: who dies leaves one open question of a connection behind, and no more."""
        counts, deaths = self.world.counts, len(self.world.deaths)
        repeated, unanswered = self.world.provider.counts["repeated"], counts[f"told: {RefreshUnanswered.code}"]
        if self.expired + repeated > deaths * self.scenario.connections or (unanswered and not deaths):
            self.broken.append(f"all was calm, and yet: {self.expired} expired, {repeated} repeated, {counts}")
        if self.expired and self.scenario.second_use is not SecondUse.REFUSED:
            self.broken.append(f"{self.expired} expired, although the token could be given again")

    def is_living(self, stored: PlatformConnection) -> bool:
        grant = self.world.provider.grants[stored.key.studio]
        return not grant.is_revoked and stored.refresh_token == f"refresh_token:{grant.living}"

    def stored(self, key: ConnectionKey) -> PlatformConnection:
        return self.world.store.connections[key]


def _is_told(stored: PlatformConnection) -> bool:
    return stored.last_error_code == RefreshUnanswered.code and bool(stored.last_error)


def scenario(seed: int, refreshes: int) -> Scenario:
    """The scenario of a seed: most platforms of it take a refresh token once."""
    chance = Random(f"{seed}/scenario")  # noqa: S311

    def rate(highest: float) -> float:
        return chance.choice((0.0, highest / 10, highest))

    dangers = Dangers(
        crash=rate(0.002),
        lost_answer=rate(0.01),
        refused=rate(0.01),
        slow=chance.choice((0.0, 0.1, 0.5)),
        bad_provider=rate(0.2),
        freeze=rate(0.001),
        skew=timedelta(seconds=chance.choice((0, 60, 3600))),
        outages_per_hour=rate(6),
    )
    return Scenario(
        seed=seed,
        refreshes=refreshes,
        second_use=chance.choice((SecondUse.REFUSED, SecondUse.REFUSED, SecondUse.GRACE, SecondUse.WORKS)),
        connections=chance.choice((1, 5, 20, 60)),
        processes=chance.choice((2, 3, 5, 8)),
        callers=chance.choice((1, 3, 6)),
        dangers=Dangers() if chance.random() < 0.1 else dangers,
    )


def simulate(scenario: Scenario, *, fatal: tuple[str, int] | None = None) -> Verdict:
    """Run the scenario; the same one gives the same run. `fatal`: who comes to this place as the first, second, …"""
    loop = VirtualLoop()
    clock = StoreClock(loop, NOON)
    world = World(
        loop=loop,
        store=MemoryStore(clock=clock),
        clock=clock,
        provider=Provider(second_use=scenario.second_use, grace=GRACE.total_seconds()),
        dangers=scenario.dangers,
        chance=Random(f"{scenario.seed}/refreshes"),  # noqa: S311
        fatal=fatal,
    )
    run = Run(scenario=scenario, world=world, connections=MemoryConnections(store=world.store))
    try:
        return loop.run_until_complete(run.run())
    finally:
        while left := asyncio.all_tasks(loop):
            for task in left:
                task.cancel()
            loop.run_until_complete(asyncio.wait(left, timeout=1000))
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()
