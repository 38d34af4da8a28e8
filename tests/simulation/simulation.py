"""One simulated run: a fleet over one store, bad weather, then calm until everything is done, and the verdict."""

import asyncio
import logging
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from random import Random

from anselai.adapters.platforms.registry import InstalledPlatforms
from anselai.application.ansel import Ansel
from anselai.domain.connection import ConnectionKey
from anselai.domain.frequency import Frequency
from anselai.domain.ports.platform_client import PlatformInfo
from anselai.domain.schedule import CatchUp
from tests.fakes import SequentialIds
from tests.simulation.people import People
from tests.simulation.platform import SimulatedPlatform
from tests.simulation.process import Process, World
from tests.simulation.promises import Verdict, verdict
from tests.simulation.scenario import Dangers, Scenario
from tests.simulation.timetable import RememberingTimetable
from tests.simulation.virtual_time import StoreClock, VirtualLoop, run_virtually
from tests.simulation.wakeups import LossyWakeups
from tests.simulation.wiring import ansel_in
from tests.simulation.witness import WatchedConnections, WatchedLog, WatchedStore, Witness

AFTER_DARKNESS = 600.0  # seconds
DRAINS_WITHIN = timedelta(hours=6)
PLATFORMS = (
    PlatformInfo(name="google", label="Google", simulated=True),
    PlatformInfo(name="meta", label="Meta", simulated=True, refresh_margin=timedelta(minutes=30)),
    PlatformInfo(name="tiktok", label="TikTok", simulated=True, rotates_refresh_token=True),
)


def simulate(scenario: Scenario) -> Verdict:
    """Run the scenario. The same scenario gives the same run, event by event."""
    state = random.getstate()
    random.seed(scenario.seed)  # the product's own jitter
    try:
        return run_virtually(lambda loop: Simulation(scenario=scenario, loop=loop).run())
    finally:
        random.setstate(state)


@dataclass(slots=True, kw_only=True)
class Simulation:
    scenario: Scenario
    loop: VirtualLoop
    world: World = field(init=False)
    platforms: InstalledPlatforms = field(init=False)
    keys: list[ConnectionKey] = field(init=False)
    chance: Random = field(init=False)
    daemons: dict[int, tuple[Process, Ansel]] = field(init=False, default_factory=dict)
    closing: bool = field(init=False, default=False)
    born: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        scenario = self.scenario
        clock = StoreClock(self.loop, scenario.start)
        witness = Witness(clock=clock)
        log = WatchedLog()
        studios = [f"studio-{number}" for number in range(scenario.studios)]
        wakeups = LossyWakeups(scenario.chance("wakeups"), scenario.dangers.lost_wakeup)
        connections = WatchedConnections()
        store = WatchedStore(clock=clock, studios=studios, connections=connections, log=log, wakeups=wakeups)
        store.witness = log.witness = connections.witness = witness
        log.store = store
        self.world = World(store=store, witness=witness, clock=clock, ids=SequentialIds(), dangers=scenario.dangers)
        self.world.calm = scenario.is_calm
        client_chance = scenario.chance("clients")
        self.platforms = InstalledPlatforms(
            [SimulatedPlatform(info=info, world=self.world, chance=client_chance) for info in PLATFORMS], {}
        )
        self.keys = [ConnectionKey(studio, info.name) for studio in studios for info in PLATFORMS]
        self.chance = scenario.chance("fleet")

    async def run(self) -> Verdict:
        with self._listening():
            return await self._run()

    async def _run(self) -> Verdict:
        self.loop.set_exception_handler(lambda _, context: self.world.witness.accuse(f"unhandled: {context}"))
        await self._populate()
        people = People(scenario=self.scenario, world=self.world, keys=self.keys, chance=self.scenario.chance("people"))
        keepers = [asyncio.create_task(self._keep(number)) for number in range(self.scenario.daemons)]
        weather = [
            asyncio.create_task(people.live(self._api_server)),
            asyncio.create_task(self._outages()),
            asyncio.create_task(self._blackout()),
            *(asyncio.create_task(self._trouble(number)) for number in range(self.scenario.daemons)),
        ]
        await self._pass(self.scenario.span)
        cutoff = self.world.clock.now()
        self._calm_down(weather)
        drained = await self._drain(cutoff)
        self.closing = True
        for process, ansel in self.daemons.values():
            if not process.dead:
                ansel.worker.stop()
        await asyncio.gather(*keepers)
        return verdict(self.scenario, self.world, cutoff, drained=drained)

    async def _pass(self, span: timedelta) -> None:
        """Let this much time pass, or more: darkness ends by itself, and what comes after it is of interest."""
        end = self.loop.time() + span.total_seconds()
        while self.loop.time() < end and not self.world.witness.broken:
            await asyncio.sleep(min(60.0, end - self.loop.time()))
            if self.world.dark_until:
                end = max(end, self.world.dark_until + AFTER_DARKNESS)

    def _calm_down(self, weather: "list[asyncio.Task[None]]") -> None:
        self.world.calm = True
        self.world.dangers = Dangers()
        self.world.away_until = 0.0
        self.world.dark_until = 0.0
        for task in weather:
            task.cancel()

    async def _drain(self, cutoff: datetime) -> bool:
        """Until every slot up to the cut has its fate. Schedules that are past it are switched off."""
        store, end = self.world.store, self.world.clock.now() + DRAINS_WITHIN
        while self.world.clock.now() < end and not self.world.witness.broken:
            for schedule in list(store.schedules.values()):
                if schedule.enabled and schedule.next_slot_at > cutoff:
                    store.put_schedule(replace(schedule, enabled=False, version=schedule.version + 1))
            if not store.active and all(each.next_slot_at > cutoff for each in store.schedules.values()):
                return True
            await asyncio.sleep(10)
        return False

    async def _populate(self) -> None:
        """Every studio connects every platform; then each schedule gets a cron, a zone and a way to catch up."""
        founder = Process("founder", replace(self.world, dangers=Dangers()), self.chance)
        founder.clock.skew = timedelta()
        ansel = ansel_in(founder, self.platforms, self.scenario.limits)
        timetable, store, chance = RememberingTimetable(), self.world.store, self.chance
        for key in self.keys:
            await ansel.connections.save_connection(
                key.platform, access_token="first", refresh_token="refresh", studio=key.studio
            )
            for frequency in Frequency:
                cron, zone = chance.choice(self.scenario.crons), chance.choice(self.scenario.zones)
                schedule = replace(
                    store.schedules[key, frequency],
                    cron=cron,
                    timezone=zone,
                    next_slot_at=timetable.next_after(frequency, cron, zone, self.world.clock.now()),
                    catch_up=chance.choice(tuple(CatchUp)),
                )
                store.put_schedule(schedule)

    # The fleet

    def _process(self, kind: str) -> tuple[Process, Ansel]:
        self.born += 1
        process = Process(f"{kind}-{self.born}", self.world, self.scenario.chance(f"{kind}/{self.born}"))
        return process, ansel_in(process, self.platforms, self.scenario.limits)

    def _api_server(self) -> tuple[Process, Ansel]:
        return self._process("api")

    async def _keep(self, number: int) -> None:
        """Keep one daemon running: whenever it has ended, another comes after a while."""
        while not self.closing:
            while self.loop.time() < self.world.dark_until:  # noqa: ASYNC110  darkness may end early
                await asyncio.sleep(min(600.0, self.world.dark_until - self.loop.time()))
            process, ansel = self._process("daemon")
            self.daemons[number] = process, ansel
            task = process.start(ansel.worker.run)
            await asyncio.wait([task])
            if not process.dead and not task.cancelled() and (error := task.exception()) is not None:
                self._ended_with(process, error)
            process.exit()
            if not self.closing:
                await asyncio.sleep(1.0 if self.world.calm else self.chance.choice((0.5, 5.0, 120.0)))

    def _ended_with(self, process: Process, error: BaseException) -> None:
        """A daemon whose places are all taken by clients that ignore their cancellation ends, to be started anew."""
        if isinstance(error, RuntimeError) and "every place" in str(error):
            self.world.count("daemons that gave up")
        else:
            self.world.witness.accuse(f"{process.name} ended with {error!r}")

    async def _trouble(self, number: int) -> None:
        """Freezes and orderly stops of one daemon."""
        dangers = self.scenario.dangers
        rate = (dangers.freezes_per_hour + dangers.stops_per_hour) / 3600
        while rate:
            await asyncio.sleep(self.chance.expovariate(rate))
            process, ansel = self.daemons[number]
            if process.dead:
                continue
            if self.chance.random() * rate * 3600 < dangers.freezes_per_hour:
                lease = self.scenario.limits.lease.total_seconds()
                process.freeze(self.chance.choice((1.0, lease / 2, lease + 1, 3 * lease)))
            else:
                self.world.count("stops")
                self.world.witness.note(process.name, "stop")
                ansel.worker.stop(at_once=self.chance.random() < 0.3)

    async def _outages(self) -> None:
        rate = self.scenario.dangers.outages_per_hour / 3600
        while rate:
            await asyncio.sleep(self.chance.expovariate(rate))
            seconds = self.chance.choice((0.5, 10.0, 30.0, 2 * self.scenario.limits.lease.total_seconds()))
            self.world.away_until = self.loop.time() + seconds
            self.world.away_silently = self.chance.random() < 0.5
            self.world.count("outages")
            self.world.witness.note("store", "away", seconds)

    async def _blackout(self) -> None:
        """All daemons die at once, and none comes back for a time."""
        darkness = self.scenario.dangers.blackout.total_seconds()
        if not darkness:
            return
        await asyncio.sleep(self.chance.uniform(0.1, 0.9) * self.scenario.span.total_seconds())
        self.world.dark_until = self.loop.time() + darkness
        self.world.count("blackouts")
        for process, _ in tuple(self.daemons.values()):
            process.kill()

    @contextmanager
    def _listening(self) -> Iterator[None]:
        """What the daemon logs as unforeseen is a broken promise; the rest of its log is of no interest here."""
        logger, witness = logging.getLogger("anselai"), self.world.witness

        class Ear(logging.Handler):
            def emit(self, record: logging.LogRecord) -> None:
                if record.exc_info is not None:
                    witness.accuse(f"{record.getMessage()} {record.exc_info[1]!r}")

        before, ear = (logger.level, logger.propagate), Ear()
        logger.addHandler(ear)
        logger.setLevel(logging.ERROR)
        logger.propagate = False
        try:
            yield
        finally:
            logger.removeHandler(ear)
            logger.level, logger.propagate = before
