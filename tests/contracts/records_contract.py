"""What every Records has to do with what a sync brings in."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

import pytest

from anselai.domain.errors import LeaseLost
from anselai.domain.frequency import Frequency
from anselai.domain.records import Record
from anselai.domain.sync_job import AttemptResult, JobLease, Outcome
from tests.contracts.full_records import FULL_RECORDS, PARENTS
from tests.contracts.record_fields import NATURAL_KEYS, fields_that_may_be_empty, fields_with_values, with_another_value
from tests.contracts.stores import MINUTE, Stores
from tests.fakes import NOON
from tests.samples import (
    GOOGLE,
    a_content_metric,
    a_metric,
    a_post,
    some_id,
)

EARLIER, LATER, LATEST = NOON - MINUTE, NOON + MINUTE, NOON + 2 * MINUTE


def _kind(record: object) -> str:
    return type(record).__name__ if not isinstance(record, str) else record


every_kind = pytest.mark.parametrize("record", FULL_RECORDS, ids=_kind)


class StoringContract:
    @every_kind
    async def test_a_new_record_counts_and_the_same_again_does_not(self, stores: Stores, record: Record) -> None:
        lease = await stores.lease(storing=PARENTS)
        assert await stores.records.store(lease, [record], None) == 1
        assert await stores.records.store(lease, [record], None) == 0

    @pytest.mark.parametrize(("record", "name"), fields_with_values(), ids=_kind)
    async def test_another_value_counts_in_every_field(self, stores: Stores, record: Record, name: str) -> None:
        lease = await stores.lease(storing=PARENTS)
        await stores.records.store(lease, [record], None)
        changed = with_another_value(record, name)
        assert await stores.records.store(lease, [changed], None) == 1
        assert await stores.records.store(lease, [changed], None) == 0
        assert await stores.records.store(lease, [record], None) == 1

    @pytest.mark.parametrize(("record", "name"), fields_that_may_be_empty(), ids=_kind)
    async def test_nothing_is_another_value_than_something(self, stores: Stores, record: Record, name: str) -> None:
        lease = await stores.lease(storing=PARENTS)
        await stores.records.store(lease, [record], None)
        without = replace(record, **{name: None})  # type: ignore[arg-type]
        assert await stores.records.store(lease, [without], None) == 1
        assert await stores.records.store(lease, [without], None) == 0

    async def test_nothing_is_another_value_than_zero(self, stores: Stores) -> None:
        lease = await stores.lease(storing=PARENTS)
        await stores.records.store(lease, [a_content_metric(likes=None)], None)
        assert await stores.records.store(lease, [a_content_metric(likes=0)], None) == 1

    @pytest.mark.parametrize(
        ("record", "name"),
        [(each, name) for each in FULL_RECORDS for name in sorted(NATURAL_KEYS[type(each)])],
        ids=_kind,
    )
    async def test_another_natural_key_is_another_row(self, stores: Stores, record: Record, name: str) -> None:
        lease = await stores.lease(storing=PARENTS)
        await stores.records.store(lease, [record], None)
        other = with_another_value(record, name)
        assert await stores.records.store(lease, [other], None) == 1
        assert await stores.records.store(lease, [record, other], None) == 0

    @every_kind
    async def test_an_older_reading_changes_nothing(self, stores: Stores, record: Record) -> None:
        lease = await stores.lease(storing=PARENTS)
        name = next(name for each, name in fields_with_values() if each is record)
        await stores.records.store(lease, [record], None)
        older = replace(with_another_value(record, name), as_of=EARLIER)
        assert await stores.records.store(lease, [older], None) == 0
        assert await stores.records.store(lease, [record], None) == 0, "the newer reading is still there"

    async def test_a_newer_reading_that_says_the_same_is_still_the_newer_one(self, stores: Stores) -> None:
        lease = await stores.lease()
        await stores.records.store(lease, [a_metric(value=10)], None)
        assert await stores.records.store(lease, [a_metric(value=10, as_of=LATEST)], None) == 0
        assert await stores.records.store(lease, [a_metric(value=9, as_of=LATER)], None) == 0
        assert await stores.records.store(lease, [a_metric(value=10, as_of=LATEST)], None) == 0

    async def test_of_one_thing_read_twice_in_a_batch_the_newest_reading_is_kept(self, stores: Stores) -> None:
        lease = await stores.lease()
        readings = [a_metric(value=1, as_of=LATER), a_metric(value=2, as_of=LATEST), a_metric(value=3, as_of=NOON)]
        assert await stores.records.store(lease, readings, None) == 1
        assert await stores.records.store(lease, [a_metric(value=2, as_of=LATEST)], None) == 0

    async def test_numbers_are_compared_by_value(self, stores: Stores) -> None:
        lease = await stores.lease()
        await stores.records.store(lease, [a_metric(value="1.5")], None)
        assert await stores.records.store(lease, [a_metric(value="1.50")], None) == 0

    async def test_what_was_stored_does_not_change_with_what_was_given(self, stores: Stores) -> None:
        lease = await stores.lease()
        extra: dict[str, object] = {"crop": {"left": 1}}
        await stores.records.store(lease, [a_post(extra=extra)], None)
        extra["crop"] = {"left": 2}
        assert await stores.records.store(lease, [a_post(extra=extra)], None) == 1

    async def test_a_batch_of_all_kinds_is_stored_together(self, stores: Stores) -> None:
        lease = await stores.lease()
        assert await stores.records.store(lease, FULL_RECORDS[::-1], None) == len(FULL_RECORDS)

    async def test_a_large_batch_is_stored_whole(self, stores: Stores) -> None:
        lease = await stores.lease()
        batch = [a_metric(dimension=f"channel={n}") for n in range(2000)]
        assert await stores.records.store(lease, batch, None) == 2000
        changed = [replace(each, value=Decimal(11)) if n % 2 else each for n, each in enumerate(batch)]
        assert await stores.records.store(lease, changed, None) == 1000

    async def test_two_runs_that_bring_the_same_at_once_store_it_once(self, stores: Stores) -> None:
        await stores.connect()
        leases = [(await stores.running(GOOGLE, frequency)).job.lease for frequency in Frequency]
        batch = [each for n in range(50) for each in (a_post(f"post-{n}"), a_content_metric(f"post-{n}"))]
        orders: Sequence[Sequence[Record]] = (batch, batch[::-1], batch[50:] + batch[:50])
        counts = await asyncio.gather(
            *(stores.records.store(lease, order, None) for lease, order in zip(leases, orders, strict=True))
        )
        assert sum(counts) == len(batch)


class CheckpointsContract:
    async def test_records_and_cursor_are_stored_together(self, stores: Stores) -> None:
        lease = await stores.lease()
        assert await stores.records.store(lease, [a_metric()], "page-2") == 1
        assert (await stores.jobs.get("default", lease.job_id)).cursor == "page-2"

    async def test_a_cursor_moves_without_records_and_may_be_taken_back(self, stores: Stores) -> None:
        lease = await stores.lease()
        for cursor in ("page-2", None):
            assert await stores.records.store(lease, [], cursor) == 0
            assert (await stores.jobs.get("default", lease.job_id)).cursor == cursor

    async def test_the_job_counts_every_record_of_every_attempt_changed_or_not(self, stores: Stores) -> None:
        await stores.connect()
        job = (await stores.running()).job
        for _ in range(2):
            await stores.records.store(job.lease, [a_metric(), a_metric("reach")], None)
        await stores.jobs.finish([AttemptResult(lease=job.lease, outcome=Outcome.RETRYING, records=4)])
        [again] = await stores.claim()
        await stores.records.store(again.job.lease, [a_metric("saves")], None)
        assert (await stores.jobs.get("default", job.id)).records == 5

    async def test_a_run_that_lost_its_lease_stores_nothing(self, stores: Stores) -> None:
        lease = await stores.lease()
        await stores.records.store(lease, [a_metric(value=1)], "page-2")
        for lost in (JobLease(lease.job_id, lease.fence - 1), JobLease(some_id(), lease.fence)):
            for batch in ([a_metric(value=2, as_of=LATER)], []):
                with pytest.raises(LeaseLost):
                    await stores.records.store(lost, batch, "page-3")
        assert (await stores.jobs.get("default", lease.job_id)).cursor == "page-2"
        assert await stores.records.store(lease, [a_metric(value=1)], "page-2") == 0

    async def test_a_run_that_has_ended_stores_nothing(self, stores: Stores) -> None:
        await stores.connect()
        lease = (await stores.finished()).job.lease
        with pytest.raises(LeaseLost):
            await stores.records.store(lease, [a_metric()], "page-2")

    async def test_a_lost_lease_is_told_before_anything_else(self, stores: Stores) -> None:
        with pytest.raises(LeaseLost):
            await stores.records.store(JobLease(some_id(), 1), [a_content_metric("nowhere")], None)
