"""One simulated run: a fleet in bad weather, then calm until everything is done, and the verdict."""

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random

from tests.simulation.fleet import Fleet, opened
from tests.simulation.people import People
from tests.simulation.promises import Verdict
from tests.simulation.scenario import Scenario

AFTER_DARKNESS = 600.0  # seconds


def simulate(scenario: Scenario) -> Verdict:
    """Run the scenario. The same scenario gives the same run, event by event."""
    with opened(scenario) as fleet:
        return fleet.loop.run_until_complete(Weather(fleet=fleet).run())


@dataclass(slots=True, kw_only=True)
class Weather:
    fleet: Fleet
    chance: Random = field(init=False)
    closing: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        self.chance = self.fleet.scenario.chance("weather")

    async def run(self) -> Verdict:
        fleet, scenario = self.fleet, self.fleet.scenario
        await fleet.populate(self.chance)
        people = People(fleet=fleet, chance=scenario.chance("people"))
        places = range(scenario.daemons)
        keepers = [asyncio.create_task(self._keep(place)) for place in places]
        weather = [
            asyncio.create_task(people.live()),
            asyncio.create_task(self._outages()),
            asyncio.create_task(self._blackout()),
            *(asyncio.create_task(self._trouble(place)) for place in places),
        ]
        await self._pass(scenario.span)
        cutoff = fleet.world.clock.now()
        for task in weather:
            task.cancel()
        fleet.calm_down()
        drained = await fleet.drain(cutoff)
        for task in keepers:
            task.cancel()
        await fleet.close()
        return fleet.verdict(cutoff, drained=drained)

    async def _pass(self, span: timedelta) -> None:
        """Let this much time pass, or more: darkness ends by itself, and what comes after it is of interest."""
        loop, world = self.fleet.loop, self.fleet.world
        end = loop.time() + span.total_seconds()
        while loop.time() < end and not world.witness.broken:
            await asyncio.sleep(min(60.0, end - loop.time()))
            if world.dark_until:
                end = max(end, world.dark_until + AFTER_DARKNESS)

    async def _keep(self, place: int) -> None:
        """Keep one daemon running: whenever it has ended, another comes after a while."""
        loop, world = self.fleet.loop, self.fleet.world
        while True:
            while loop.time() < world.dark_until:  # noqa: ASYNC110  darkness may end early
                await asyncio.sleep(min(600.0, world.dark_until - loop.time()))
            await self.fleet.start(place).ended.wait()
            await asyncio.sleep(1.0 if world.calm else self.chance.choice((0.5, 5.0, 120.0)))

    async def _trouble(self, place: int) -> None:
        """Freezes and orderly stops of one daemon."""
        dangers, lease = self.fleet.scenario.dangers, self.fleet.scenario.limits.lease.total_seconds()
        rate = (dangers.freezes_per_hour + dangers.stops_per_hour) / 3600
        while rate:
            await asyncio.sleep(self.chance.expovariate(rate))
            member = self.fleet.running(place)
            if member is None:
                continue
            if self.chance.random() * rate * 3600 < dangers.freezes_per_hour:
                member.process.freeze(self.chance.choice((1.0, lease / 2, lease + 1, 3 * lease)))
            else:
                member.stop(at_once=self.chance.random() < 0.3)

    async def _outages(self) -> None:
        lease = self.fleet.scenario.limits.lease.total_seconds()
        rate = self.fleet.scenario.dangers.outages_per_hour / 3600
        while rate:
            await asyncio.sleep(self.chance.expovariate(rate))
            seconds = self.chance.choice((0.5, 10.0, 30.0, 2 * lease))
            self.fleet.world.take_store_away(seconds, silently=self.chance.random() < 0.5)

    async def _blackout(self) -> None:
        """All daemons die at once, and none comes back for a time."""
        darkness, world = self.fleet.scenario.dangers.blackout.total_seconds(), self.fleet.world
        if darkness:
            await asyncio.sleep(self.chance.uniform(0.1, 0.9) * self.fleet.scenario.span.total_seconds())
            world.dark_until = self.fleet.loop.time() + darkness
            world.count("blackouts")
            self.fleet.kill_all()
