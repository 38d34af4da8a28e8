"""What every Records has to do with what a sync brings in."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

import pytest
from tests.contracts.full_records import FULL_RECORDS
from tests.contracts.record_fields import NATURAL_KEYS, fields_that_may_be_empty, fields_with_values, with_another_value
from tests.contracts.stores import ELSEWHERE, META, MINUTE, Stores
from tests.fakes import NOON
from tests.samples import (
    GOOGLE,
    a_booking,
    a_campaign,
    a_content_metric,
    a_metric,
    a_post,
    a_touch,
    an_ad_metric,
    an_inquiry,
    some_id,
)

from anselai.domain.connection import ConnectionKey
from anselai.domain.errors import InvalidInput, LeaseLost
from anselai.domain.frequency import Frequency
from anselai.domain.records import Booking, Content, ContentMetric, Metric, Record
from anselai.domain.sync_job import AttemptResult, JobLease, Outcome

EARLIER, LATER, LATEST = NOON - MINUTE, NOON + MINUTE, NOON + 2 * MINUTE

# What the records of the tests refer to.
PARENTS = (
    a_post("post-1"),
    a_post("post-2"),
    a_campaign("campaign-1"),
    a_campaign("campaign-2"),
    a_campaign("campaign-1", account_id="ads-1 again"),
    an_inquiry("inquiry-1"),
    an_inquiry("inquiry-2"),
    an_inquiry("inquiry-1", source_system="website_form again"),
)


def _kind(record: object) -> str:
    return type(record).__name__ if not isinstance(record, str) else record


every_kind = pytest.mark.parametrize("record", FULL_RECORDS, ids=_kind)


async def _lease(stores: Stores, key: ConnectionKey = GOOGLE) -> JobLease:
    await stores.connect(key)
    return (await stores.running(key)).job.lease


async def _lease_with_parents(stores: Stores) -> JobLease:
    lease = await _lease(stores)
    parents = [replace(each, as_of=EARLIER - MINUTE) for each in PARENTS]
    assert await stores.records.store(lease, parents, None) == len(parents)
    return lease


class StoringContract:
    @every_kind
    async def test_a_new_record_counts_and_the_same_again_does_not(self, stores: Stores, record: Record) -> None:
        lease = await _lease_with_parents(stores)
        assert await stores.records.store(lease, [record], None) == 1
        assert await stores.records.store(lease, [record], None) == 0

    @pytest.mark.parametrize(("record", "name"), fields_with_values(), ids=_kind)
    async def test_another_value_counts_in_every_field(self, stores: Stores, record: Record, name: str) -> None:
        lease = await _lease_with_parents(stores)
        await stores.records.store(lease, [record], None)
        changed = with_another_value(record, name)
        assert await stores.records.store(lease, [changed], None) == 1
        assert await stores.records.store(lease, [changed], None) == 0
        assert await stores.records.store(lease, [record], None) == 1

    @pytest.mark.parametrize(("record", "name"), fields_that_may_be_empty(), ids=_kind)
    async def test_nothing_is_another_value_than_something(self, stores: Stores, record: Record, name: str) -> None:
        lease = await _lease_with_parents(stores)
        await stores.records.store(lease, [record], None)
        without = replace(record, **{name: None})  # type: ignore[arg-type]
        assert await stores.records.store(lease, [without], None) == 1
        assert await stores.records.store(lease, [without], None) == 0

    async def test_nothing_is_another_value_than_zero(self, stores: Stores) -> None:
        lease = await _lease_with_parents(stores)
        await stores.records.store(lease, [a_content_metric(likes=None)], None)
        assert await stores.records.store(lease, [a_content_metric(likes=0)], None) == 1

    @pytest.mark.parametrize(
        ("record", "name"),
        [(each, name) for each in FULL_RECORDS for name in sorted(NATURAL_KEYS[type(each)])],
        ids=_kind,
    )
    async def test_another_natural_key_is_another_row(self, stores: Stores, record: Record, name: str) -> None:
        lease = await _lease_with_parents(stores)
        await stores.records.store(lease, [record], None)
        other = with_another_value(record, name)
        assert await stores.records.store(lease, [other], None) == 1
        assert await stores.records.store(lease, [record, other], None) == 0

    @every_kind
    async def test_an_older_reading_changes_nothing(self, stores: Stores, record: Record) -> None:
        lease = await _lease_with_parents(stores)
        name = next(name for each, name in fields_with_values() if each is record)
        await stores.records.store(lease, [record], None)
        older = replace(with_another_value(record, name), as_of=EARLIER)
        assert await stores.records.store(lease, [older], None) == 0
        assert await stores.records.store(lease, [record], None) == 0, "the newer reading is still there"

    async def test_a_newer_reading_that_says_the_same_is_still_the_newer_one(self, stores: Stores) -> None:
        lease = await _lease(stores)
        await stores.records.store(lease, [a_metric(value=10)], None)
        assert await stores.records.store(lease, [a_metric(value=10, as_of=LATEST)], None) == 0
        assert await stores.records.store(lease, [a_metric(value=9, as_of=LATER)], None) == 0
        assert await stores.records.store(lease, [a_metric(value=10, as_of=LATEST)], None) == 0

    async def test_of_one_thing_read_twice_in_a_batch_the_newest_reading_is_kept(self, stores: Stores) -> None:
        lease = await _lease(stores)
        readings = [a_metric(value=1, as_of=LATER), a_metric(value=2, as_of=LATEST), a_metric(value=3, as_of=NOON)]
        assert await stores.records.store(lease, readings, None) == 1
        assert await stores.records.store(lease, [a_metric(value=2, as_of=LATEST)], None) == 0

    async def test_numbers_are_compared_by_value(self, stores: Stores) -> None:
        lease = await _lease(stores)
        await stores.records.store(lease, [a_metric(value="1.5")], None)
        assert await stores.records.store(lease, [a_metric(value="1.50")], None) == 0

    async def test_what_was_stored_does_not_change_with_what_was_given(self, stores: Stores) -> None:
        lease = await _lease(stores)
        extra: dict[str, object] = {"crop": {"left": 1}}
        await stores.records.store(lease, [a_post(extra=extra)], None)
        extra["crop"] = {"left": 2}
        assert await stores.records.store(lease, [a_post(extra=extra)], None) == 1

    async def test_a_batch_of_all_kinds_is_stored_together(self, stores: Stores) -> None:
        lease = await _lease(stores)
        assert await stores.records.store(lease, FULL_RECORDS[::-1], None) == len(FULL_RECORDS)

    async def test_a_large_batch_is_stored_whole(self, stores: Stores) -> None:
        lease = await _lease(stores)
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
        lease = await _lease(stores)
        assert await stores.records.store(lease, [a_metric()], "page-2") == 1
        assert (await stores.jobs.get("default", lease.job_id)).cursor == "page-2"

    async def test_a_cursor_moves_without_records_and_may_be_taken_back(self, stores: Stores) -> None:
        lease = await _lease(stores)
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
        lease = await _lease(stores)
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


ORPHANS = {
    "a figure of unknown content": a_content_metric("nowhere"),
    "a figure of an unknown campaign": an_ad_metric("nowhere"),
    "a figure of another account's campaign": an_ad_metric("campaign-1", account_id="nowhere"),
    "a booking of an unknown inquiry": a_booking(inquiry_source_system="website_form", inquiry_external_id="nowhere"),
    "a booking of another system's inquiry": a_booking(
        inquiry_source_system="nowhere", inquiry_external_id="inquiry-1"
    ),
    "a touch of an unknown inquiry": a_touch("nowhere"),
    "a touch of another system's inquiry": a_touch("inquiry-1", inquiry_source_system="nowhere"),
}


class ParentsContract:
    @pytest.mark.parametrize("orphan", ORPHANS.values(), ids=ORPHANS.keys())
    async def test_a_record_whose_parent_is_not_there_is_refused_with_all_beside_it(
        self, stores: Stores, orphan: Record
    ) -> None:
        lease = await _lease_with_parents(stores)
        with pytest.raises(InvalidInput):
            await stores.records.store(lease, [a_metric(), orphan, a_post("new")], "page-2")
        assert (await stores.jobs.get("default", lease.job_id)).cursor is None
        assert await stores.records.store(lease, [a_metric(), a_post("new")], None) == 2, "nothing was stored"

    @pytest.mark.parametrize(
        ("parent", "child"),
        [
            (a_post(), a_content_metric()),
            (a_campaign(), an_ad_metric()),
            (
                an_inquiry(),
                a_booking(inquiry_source_system="website_form", inquiry_external_id="inquiry-1"),
            ),
            (an_inquiry(), a_touch()),
        ],
        ids=_kind,
    )
    async def test_a_parent_may_come_before_or_in_the_same_call_in_any_order(
        self, stores: Stores, parent: Record, child: Record
    ) -> None:
        lease = await _lease(stores)
        assert await stores.records.store(lease, [child, parent], None) == 2
        assert await stores.records.store(lease, [replace(child, as_of=LATER)], None) == 0

    @pytest.mark.parametrize("elsewhere", [META, ELSEWHERE], ids=["another platform", "another studio"])
    async def test_what_is_stored_elsewhere_is_no_parent(self, stores: Stores, elsewhere: ConnectionKey) -> None:
        theirs = await _lease(stores, elsewhere)
        await stores.records.store(theirs, [a_post(), a_campaign()], None)
        ours = await _lease(stores)
        for child in (a_content_metric(), an_ad_metric()):
            with pytest.raises(InvalidInput):
                await stores.records.store(ours, [child], None)

    async def test_an_inquiry_of_another_studio_is_no_parent(self, stores: Stores) -> None:
        theirs = await _lease(stores, ELSEWHERE)
        await stores.records.store(theirs, [an_inquiry()], None)
        ours = await _lease(stores)
        with pytest.raises(InvalidInput):
            await stores.records.store(ours, [a_touch()], None)

    async def test_a_booking_needs_no_inquiry(self, stores: Stores) -> None:
        lease = await _lease(stores)
        assert await stores.records.store(lease, [a_booking()], None) == 1

    async def test_a_touch_may_name_a_campaign_and_a_post_that_were_never_synced(self, stores: Stores) -> None:
        lease = await _lease_with_parents(stores)
        touch = a_touch(campaign_account_id="ads-9", campaign_external_id="unknown", content_external_id="unknown")
        assert await stores.records.store(lease, [touch], None) == 1

    @pytest.mark.parametrize("elsewhere", [META, ELSEWHERE], ids=["another platform", "another studio"])
    async def test_platforms_and_studios_have_their_own_content(self, stores: Stores, elsewhere: ConnectionKey) -> None:
        batch: list[Record] = [a_metric(), a_post(), a_content_metric(), a_campaign(), an_ad_metric()]
        assert await stores.records.store(await _lease(stores), batch, None) == len(batch)
        assert await stores.records.store(await _lease(stores, elsewhere), batch, None) == len(batch)

    async def test_studios_have_their_own_business(self, stores: Stores) -> None:
        batch = [each for each in FULL_RECORDS if not isinstance(each, Metric | Content | ContentMetric)]
        ours, theirs = await _lease(stores), await _lease(stores, ELSEWHERE)
        assert await stores.records.store(ours, batch, None) == len(batch)
        assert await stores.records.store(theirs, batch, None) == len(batch)

    async def test_a_booking_can_be_moved_to_another_inquiry_and_away_from_it(self, stores: Stores) -> None:
        lease = await _lease_with_parents(stores)
        booking = next(each for each in FULL_RECORDS if isinstance(each, Booking))
        moved = replace(booking, inquiry_external_id="inquiry-2")
        alone = replace(booking, inquiry_source_system=None, inquiry_external_id=None)
        for each in (booking, moved, alone):
            assert await stores.records.store(lease, [each], None) == 1
            assert await stores.records.store(lease, [each], None) == 0
