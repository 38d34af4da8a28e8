"""People, who change things while everything runs: through an API server with troubles of its own."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from random import Random

from anselai.application.ansel import Ansel
from anselai.domain.connection import ConnectionKey
from anselai.domain.errors import AnselError
from anselai.domain.frequency import Frequency
from anselai.domain.schedule import CatchUp
from tests.simulation.process import Process, World
from tests.simulation.scenario import Scenario


@dataclass(slots=True, kw_only=True)
class People:
    scenario: Scenario
    world: World
    keys: list[ConnectionKey]
    chance: Random

    async def live(self, ansel_of: Callable[[], tuple[Process, Ansel]]) -> None:
        """Do something now and then, until it is calm. A server that was killed is there again for the next one."""
        rate = self.scenario.dangers.changes_per_hour / 3600
        process, ansel = ansel_of()
        while rate and not self.world.calm:
            is_dark = self.world.clock.loop.time() < self.world.dark_until
            await asyncio.sleep(self.chance.expovariate(rate / 50 if is_dark else rate))
            if process.dead:
                process, ansel = ansel_of()
            key = self.chance.choice(self.keys)
            act = self.chance.choice(ACTS)
            self.world.count("changes")
            self.world.witness.note(process.name, act.__name__, key)
            _ = process.start(partial(self._do, act, ansel, key))

    async def _do(self, act: "Act", ansel: Ansel, key: ConnectionKey) -> None:
        try:
            await act(self, ansel, key)
        except AnselError as error:
            self.world.count(f"refused: {error.code}")

    def a_frequency(self) -> Frequency:
        return self.chance.choice(tuple(Frequency))


Act = Callable[[People, Ansel, ConnectionKey], Awaitable[object]]


async def run_now(people: People, ansel: Ansel, key: ConnectionKey) -> None:
    rhythm = people.chance.choice((None, *Frequency))
    await ansel.scheduler.run_sync_now(key.platform, rhythm, studio=key.studio)


async def pause(people: People, ansel: Ansel, key: ConnectionKey) -> None:
    await ansel.scheduler.schedule_sync(key.platform, people.a_frequency(), enabled=False, studio=key.studio)


async def resume(people: People, ansel: Ansel, key: ConnectionKey) -> None:
    for rhythm in Frequency:
        await ansel.scheduler.schedule_sync(key.platform, rhythm, enabled=True, studio=key.studio)


async def change_cron(people: People, ansel: Ansel, key: ConnectionKey) -> None:
    cron, zone = people.chance.choice(people.scenario.crons), people.chance.choice(people.scenario.zones)
    await ansel.scheduler.schedule_sync(key.platform, people.a_frequency(), cron=cron, timezone=zone, studio=key.studio)


async def change_catch_up(people: People, ansel: Ansel, key: ConnectionKey) -> None:
    catch_up = people.chance.choice(tuple(CatchUp))
    await ansel.scheduler.schedule_sync(key.platform, people.a_frequency(), catch_up=catch_up, studio=key.studio)


async def remove_and_come_back(people: People, ansel: Ansel, key: ConnectionKey) -> None:
    await ansel.connections.remove_connection(key.platform, studio=key.studio)
    await asyncio.sleep(people.chance.choice((0.0, 1.0, 300.0)))
    await ansel.connections.save_connection(
        key.platform, access_token="again", refresh_token="refresh", studio=key.studio
    )


async def let_the_token_expire(people: People, ansel: Ansel, key: ConnectionKey) -> None:
    soon = people.world.clock.now() + timedelta(seconds=people.chance.choice((-5, 100, 2000)))
    await ansel.connections.update_connection(key.platform, token_expires_at=soon, studio=key.studio)


async def lose_the_refresh_token(people: People, ansel: Ansel, key: ConnectionKey) -> None:
    await ansel.connections.update_connection(key.platform, refresh_token=None, studio=key.studio)


async def reconnect(people: People, ansel: Ansel, key: ConnectionKey) -> None:
    connected = {each.platform for each in await ansel.connections.list_connections(studio=key.studio)}
    if key.platform in connected:
        await ansel.connections.update_connection(
            key.platform, access_token="new", refresh_token="refresh", studio=key.studio
        )
    else:
        await ansel.connections.save_connection(
            key.platform, access_token="new", refresh_token="refresh", studio=key.studio
        )


async def refresh(people: People, ansel: Ansel, key: ConnectionKey) -> None:
    await ansel.connections.refresh_token(key.platform, studio=key.studio)


async def try_it(people: People, ansel: Ansel, key: ConnectionKey) -> None:
    await ansel.connections.test_connection(key.platform, studio=key.studio)


ACTS: tuple[Act, ...] = (
    run_now,
    run_now,
    pause,
    resume,
    change_cron,
    change_catch_up,
    remove_and_come_back,
    let_the_token_expire,
    lose_the_refresh_token,
    reconnect,
    reconnect,
    refresh,
    try_it,
)
