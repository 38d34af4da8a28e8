"""What every Workers and every StoreHealth has to do."""

import asyncio
from datetime import timedelta

from tests.contracts.stores import MINUTE, SECOND, Stores
from tests.samples import some_id

DAY = timedelta(days=1)


class WorkersContract:
    async def test_the_first_beat_makes_a_daemon_known(self, stores: Stores) -> None:
        worker_id = some_id()
        before = await stores.now()
        await stores.workers.beat(worker_id, "studio-pc", 4711)
        [worker] = await stores.workers.alive(MINUTE)
        assert (worker.id, worker.host, worker.pid) == (worker_id, "studio-pc", 4711)
        assert before <= worker.started_at == worker.last_beat_at <= await stores.now()

    async def test_later_beats_move_the_last_beat_and_not_the_start(self, stores: Stores) -> None:
        worker_id = some_id()
        await stores.workers.beat(worker_id, "studio-pc", 4711)
        stores.pass_time(MINUTE)
        [before] = await stores.workers.alive(DAY)
        await stores.workers.beat(worker_id, "studio-pc", 4711)
        [worker] = await stores.workers.alive(DAY)
        assert worker.started_at == before.started_at
        assert worker.last_beat_at >= before.last_beat_at + MINUTE

    async def test_who_was_silent_for_longer_is_not_alive(self, stores: Stores) -> None:
        await stores.workers.beat(some_id(), "studio-pc", 1)
        stores.pass_time(MINUTE)
        assert await stores.workers.alive(30 * SECOND) == []
        assert len(await stores.workers.alive(2 * MINUTE)) == 1

    async def test_the_longest_running_come_first(self, stores: Stores) -> None:
        ids = [some_id() for _ in range(3)]
        for worker_id in reversed(ids):
            await stores.workers.beat(worker_id, "studio-pc", 1)
            stores.pass_time(SECOND)
        await stores.workers.beat(ids[2], "studio-pc", 1)
        assert [each.id for each in await stores.workers.alive(MINUTE)] == ids[::-1]

    async def test_who_leaves_is_forgotten_at_once(self, stores: Stores) -> None:
        stays, leaves = some_id(), some_id()
        for worker_id in (stays, leaves):
            await stores.workers.beat(worker_id, "studio-pc", 1)
        await stores.workers.leave(leaves)
        assert [each.id for each in await stores.workers.alive(DAY)] == [stays]

    async def test_who_is_unknown_may_leave(self, stores: Stores) -> None:
        await stores.workers.leave(some_id())
        assert await stores.workers.alive(DAY) == []

    async def test_who_was_silent_for_a_day_is_forgotten_at_the_next_beat_of_anybody(self, stores: Stores) -> None:
        await stores.workers.beat(some_id(), "old-pc", 1)
        stores.pass_time(DAY + MINUTE)
        alive = some_id()
        await stores.workers.beat(alive, "studio-pc", 1)
        assert [each.id for each in await stores.workers.alive(10 * DAY)] == [alive]

    async def test_who_comes_back_after_a_day_is_alive(self, stores: Stores) -> None:
        worker_id = some_id()
        await stores.workers.beat(worker_id, "studio-pc", 1)
        stores.pass_time(DAY + MINUTE)
        await stores.workers.beat(worker_id, "studio-pc", 1)
        assert [each.id for each in await stores.workers.alive(MINUTE)] == [worker_id]

    async def test_daemons_that_beat_at_once_are_all_known(self, stores: Stores) -> None:
        ids = [some_id() for _ in range(8)]
        await asyncio.gather(*(stores.workers.beat(each, "studio-pc", 1) for each in [*ids, *ids]))
        assert {each.id for each in await stores.workers.alive(MINUTE)} == set(ids)


class HealthContract:
    async def test_a_store_that_works_answers(self, stores: Stores) -> None:
        await stores.health.ping()
        await stores.health.check_schema()
