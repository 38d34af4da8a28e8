"""A fleet over one store: its processes come and go, and in the end everything is settled and judged."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from random import Random

from anselai.adapters.platforms.registry import InstalledPlatforms
from anselai.application.ansel import Ansel
from anselai.domain.connection import ConnectionKey
from anselai.domain.errors import AnselError
from anselai.domain.frequency import Frequency
from anselai.domain.ports.platform_client import PlatformInfo
from anselai.domain.refreshing import SecondUse
from anselai.domain.schedule import CatchUp
from anselai.domain.sync_job import SyncJob
from tests.fakes import SequentialIds
from tests.simulation.platform import SimulatedPlatform
from tests.simulation.process import Process, World
from tests.simulation.promises import Verdict, verdict
from tests.simulation.scenario import Dangers, Scenario
from tests.simulation.timetable import RememberingTimetable
from tests.simulation.virtual_time import StoreClock, VirtualLoop, virtual_loop
from tests.simulation.wakeups import LossyWakeups
from tests.simulation.watched import WatchedConnections, WatchedLog, WatchedStore
from tests.simulation.wiring import ansel_in
from tests.simulation.witness import Witness

DRAINS_WITHIN = timedelta(hours=6)
PLATFORMS = (
    PlatformInfo(name="google", label="Google", simulated=True),
    PlatformInfo(name="meta", label="Meta", simulated=True, refresh_margin=timedelta(minutes=30)),
    PlatformInfo(name="tiktok", label="TikTok", simulated=True, second_use=SecondUse.REFUSED),
)


@dataclass(slots=True, kw_only=True, eq=False)
class Member:
    """A process of the fleet, and the product in it."""

    process: Process
    ansel: Ansel
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    def stop(self, *, at_once: bool = False) -> None:
        """SIGTERM, or a second one."""
        self.process.world.count("stops")
        self.process.world.witness.note(self.process.name, "stop")
        self.ansel.worker.stop(at_once=at_once)

    def at_work(self) -> list[SyncJob]:
        """The jobs whose runs are under way here, also those that nobody wants any more."""
        running = self.ansel.worker.running
        runs = (*running.jobs.values(), *running.stuck)
        return [each.claimed.job for each in runs if each.task is not None and not each.task.done()]


@dataclass(slots=True, kw_only=True)
class Fleet:
    """`daemons` are by their place: one that has ended keeps it until another takes it."""

    scenario: Scenario
    loop: VirtualLoop
    world: World = field(init=False)
    clients: dict[str, SimulatedPlatform] = field(init=False)
    keys: list[ConnectionKey] = field(init=False)
    daemons: dict[int, Member] = field(init=False, default_factory=dict)
    server: Member | None = field(init=False, default=None)
    born: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        scenario = self.scenario
        clock = StoreClock(self.loop, scenario.start)
        witness = Witness(clock=clock)
        log = WatchedLog()
        studios = [f"studio-{number}" for number in range(scenario.studios)]
        connections = WatchedConnections()
        store = WatchedStore(
            clock=clock,
            connections=connections,
            log=log,
            wakeups=LossyWakeups(scenario.chance("wakeups"), scenario.dangers.lost_wakeup),
            cancellations=LossyWakeups(scenario.chance("cancellations"), scenario.dangers.lost_wakeup),
        )
        for studio in studios:
            store.add_studio(studio, studio)
        store.witness = log.witness = connections.witness = witness
        log.store = store
        self.world = World(store=store, witness=witness, clock=clock, ids=SequentialIds(), dangers=scenario.dangers)
        self.world.calm = scenario.is_calm
        self.clients = {
            info.name: SimulatedPlatform(info=info, world=self.world, chance=scenario.chance(info.name))
            for info in PLATFORMS
        }
        self.keys = [ConnectionKey(studio, info.name) for studio in studios for info in PLATFORMS]
        self.loop.set_exception_handler(lambda _, context: witness.accuse(f"unhandled: {context}"))

    async def populate(self, chance: Random) -> None:
        """Every studio connects every platform; then each schedule gets a cron, a zone and a way to catch up."""
        founder = self._member("founder", replace(self.world, dangers=Dangers()))
        founder.process.clock.skew = timedelta()
        timetable, store = RememberingTimetable(), self.world.store
        for key in self.keys:
            await founder.ansel.connections.save_connection(
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

    def start(self, place: int) -> Member:
        """A new daemon in this place."""
        member = self.daemons[place] = self._member("daemon", self.world)
        member.process.start(member.ansel.worker.run).add_done_callback(lambda task: self._ended(member, task))
        return member

    def running(self, place: int) -> Member | None:
        """The daemon in this place, if it lives."""
        member = self.daemons.get(place)
        return None if member is None or member.process.dead else member

    def living(self) -> list[Member]:
        return [member for member in self.daemons.values() if not member.process.dead]

    def kill_all(self) -> None:
        for member in self.living():
            member.process.kill()

    def ask(self, what: str, act: Callable[[Ansel], Awaitable[object]]) -> None:
        """Somebody asks the API server for something. It may be slow, and it may refuse."""
        server, world = self.api_server(), self.world

        async def answer() -> None:
            try:
                await act(server.ansel)
            except AnselError as error:
                world.count(f"refused: {error.code}")

        def judge(task: "asyncio.Task[None]") -> None:
            error = None if task.cancelled() else task.exception()
            if error is not None:
                world.witness.accuse(f"{what}: {error!r}")

        world.count("changes")
        world.witness.note(server.process.name, what)
        server.process.start(answer).add_done_callback(judge)

    def api_server(self) -> Member:
        """The API server; if it was killed, another one."""
        if self.server is None or self.server.process.dead:
            self.server = self._member("api", self.world)
        return self.server

    def calm_down(self) -> None:
        """From here on nothing goes wrong any more."""
        self.world.calm = True
        self.world.dangers = Dangers()
        self.world.away_until = self.world.dark_until = 0.0
        for member in (*self.daemons.values(), *([self.server] if self.server is not None else [])):
            member.process.armed.clear()

    async def drain(self, cutoff: datetime) -> bool:
        """Until every slot up to the cut has its fate, and whoever asked for something has his answer.

        Schedules that are past the cut are switched off.
        """
        store, end = self.world.store, self.world.clock.now() + DRAINS_WITHIN
        while self.world.clock.now() < end and not self.world.witness.broken:
            for schedule in list(store.schedules.values()):
                if schedule.enabled and schedule.next_slot_at > cutoff:
                    store.put_schedule(replace(schedule, enabled=False, version=schedule.version + 1))
            is_settled = not store.active and all(each.next_slot_at > cutoff for each in store.schedules.values())
            if is_settled and (self.server is None or not self.server.process.tasks):
                return True
            await asyncio.sleep(10)
        return False

    async def close(self) -> None:
        """Stop every daemon in order."""
        for member in self.living():
            member.ansel.worker.stop()
            await member.ended.wait()

    def verdict(self, cutoff: datetime, *, drained: bool) -> Verdict:
        return verdict(self.scenario, self.world, cutoff, drained=drained)

    def _member(self, kind: str, world: World) -> Member:
        self.born += 1
        process = Process(f"{kind}-{self.born}", world, self.scenario.chance(f"{kind}/{self.born}"))
        platforms = InstalledPlatforms(list(self.clients.values()), {})
        return Member(process=process, ansel=ansel_in(process, platforms, self.scenario.limits))

    def _ended(self, member: Member, task: "asyncio.Task[None]") -> None:
        """A daemon whose places are all taken by clients that ignore their cancellation ends, to be started anew."""
        error = None if member.process.dead or task.cancelled() else task.exception()
        member.process.exit()
        member.ended.set()
        if isinstance(error, RuntimeError) and "every place" in str(error):
            self.world.count("daemons that gave up")
        elif error is not None:
            self.world.witness.accuse(f"{member.process.name} ended with {error!r}")


@contextmanager
def opened(scenario: Scenario) -> Iterator[Fleet]:
    """A fleet with nobody in it yet. The same scenario and the same acts give the same run, event by event."""
    state = random.getstate()
    random.seed(scenario.seed)  # the product's own jitter
    try:
        with virtual_loop() as loop:
            fleet = Fleet(scenario=scenario, loop=loop)
            with _listening(fleet.world.witness):
                yield fleet
    finally:
        random.setstate(state)


@contextmanager
def _listening(witness: Witness) -> Iterator[None]:
    """What the daemon logs as unforeseen is a broken promise; the rest of its log is of no interest here."""

    class Ear(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.exc_info is not None:
                witness.accuse(f"{record.getMessage()} {record.exc_info[1]!r}")

    logger, ear = logging.getLogger("anselai"), Ear()
    before = (logger.level, logger.propagate)
    logger.addHandler(ear)
    logger.setLevel(logging.ERROR)
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(ear)
        logger.level, logger.propagate = before
