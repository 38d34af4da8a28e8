"""People, who change things while everything runs: through an API server with troubles of its own."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from random import Random

from anselai.application.ansel import Ansel
from anselai.domain.connection import ConnectionKey
from anselai.domain.frequency import Frequency
from anselai.domain.schedule import CatchUp
from tests.simulation.fleet import Fleet


@dataclass(slots=True, kw_only=True)
class People:
    fleet: Fleet
    chance: Random

    async def live(self) -> None:
        """Do something now and then, until it is calm. While no daemon runs there is little to do."""
        rate, world = self.fleet.scenario.dangers.changes_per_hour / 3600, self.fleet.world
        while rate:
            is_dark = self.fleet.loop.time() < world.dark_until
            await asyncio.sleep(self.chance.expovariate(rate / 10 if is_dark else rate))
            key, act = self.chance.choice(self.fleet.keys), self.chance.choice(ACTS)
            self.fleet.ask(f"{act.__name__} {key}", partial(act, self, key))

    def a_frequency(self) -> Frequency:
        return self.chance.choice(tuple(Frequency))


Act = Callable[[People, ConnectionKey, Ansel], Awaitable[object]]


async def run_now(people: People, key: ConnectionKey, ansel: Ansel) -> None:
    """Often by somebody who repeats himself."""
    rhythm, again = people.chance.choice((None, *Frequency)), people.chance.choice((None, "once", "twice"))
    await ansel.scheduler.run_sync_now(key.platform, rhythm, idempotency_key=again, studio=key.studio)


async def cancel(people: People, key: ConnectionKey, ansel: Ansel) -> None:
    await ansel.scheduler.cancel(key.platform, people.chance.choice((None, *Frequency)), studio=key.studio)


async def pause(people: People, key: ConnectionKey, ansel: Ansel) -> None:
    await ansel.scheduler.schedule_sync(key.platform, people.a_frequency(), enabled=False, studio=key.studio)


async def resume(people: People, key: ConnectionKey, ansel: Ansel) -> None:
    for rhythm in Frequency:
        await ansel.scheduler.schedule_sync(key.platform, rhythm, enabled=True, studio=key.studio)


async def change_cron(people: People, key: ConnectionKey, ansel: Ansel) -> None:
    cron, zone = people.chance.choice(people.fleet.scenario.crons), people.chance.choice(people.fleet.scenario.zones)
    await ansel.scheduler.schedule_sync(key.platform, people.a_frequency(), cron=cron, timezone=zone, studio=key.studio)


async def change_catch_up(people: People, key: ConnectionKey, ansel: Ansel) -> None:
    catch_up = people.chance.choice(tuple(CatchUp))
    await ansel.scheduler.schedule_sync(key.platform, people.a_frequency(), catch_up=catch_up, studio=key.studio)


async def remove_and_come_back(people: People, key: ConnectionKey, ansel: Ansel) -> None:
    await ansel.connections.remove_connection(key.platform, studio=key.studio)
    await asyncio.sleep(people.chance.choice((0.0, 1.0, 300.0)))
    await ansel.connections.save_connection(
        key.platform, access_token="again", refresh_token="refresh", studio=key.studio
    )


async def let_the_token_expire(people: People, key: ConnectionKey, ansel: Ansel) -> None:
    soon = people.fleet.world.clock.now() + timedelta(seconds=people.chance.choice((-5, 100, 2000)))
    await ansel.connections.update_connection(key.platform, token_expires_at=soon, studio=key.studio)


async def lose_the_refresh_token(people: People, key: ConnectionKey, ansel: Ansel) -> None:
    await ansel.connections.update_connection(key.platform, refresh_token=None, studio=key.studio)


async def reconnect(people: People, key: ConnectionKey, ansel: Ansel) -> None:
    connected = {each.platform for each in await ansel.connections.list_connections(studio=key.studio)}
    if key.platform in connected:
        await ansel.connections.update_connection(
            key.platform, access_token="new", refresh_token="refresh", studio=key.studio
        )
    else:
        await ansel.connections.save_connection(
            key.platform, access_token="new", refresh_token="refresh", studio=key.studio
        )


async def refresh(people: People, key: ConnectionKey, ansel: Ansel) -> None:
    await ansel.connections.refresh_token(key.platform, studio=key.studio)


async def try_it(people: People, key: ConnectionKey, ansel: Ansel) -> None:
    await ansel.connections.test_connection(key.platform, studio=key.studio)


ACTS: tuple[Act, ...] = (
    run_now,
    run_now,
    cancel,
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
