"""What every Records has to refuse, and what it must not."""

from dataclasses import fields, replace
from decimal import Decimal

import pytest

from anselai.domain.connection import ConnectionKey
from anselai.domain.errors import InvalidInput
from anselai.domain.records import Booking, Content, ContentMetric, Metric, Record
from tests.contracts.full_records import FULL_RECORDS, PARENTS
from tests.contracts.stores import BROKEN, ELSEWHERE, META, MINUTE, Stores
from tests.fakes import NOON
from tests.samples import (
    a_booking,
    a_campaign,
    a_content_metric,
    a_metric,
    a_post,
    a_review,
    a_touch,
    an_ad_metric,
    an_inquiry,
)

LATER = NOON + MINUTE


def _kind(record: object) -> str:
    return type(record).__name__


def _name(value: object) -> str:
    return value if isinstance(value, str) else _kind(value)


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


MISFITS = {
    "a period that there is not": a_metric(period="year"),
    "a unit that there is not": a_metric(unit="euros"),
    "a currency that is no ISO 4217 code": a_metric(unit="currency", currency="euro"),
    "a basis that there is not": a_content_metric("post-1", basis="hourly"),
    "a campaign status that there is not": a_campaign(status="sleeping"),
    "a budget in no currency": a_campaign(currency="EURO"),
    "spend in no currency": an_ad_metric(currency="€"),
    "too many stars": a_review(rating=6),
    "too few stars": a_review(rating=0),
    "a review status that there is not": a_review(status="new"),
    "a booking status that there is not": a_booking(status="maybe"),
    "revenue in no currency": a_booking(currency=""),
    "more than certain": a_touch(confidence=Decimal("1.5")),
}


class MisfitsContract:
    @pytest.mark.parametrize("misfit", MISFITS.values(), ids=MISFITS.keys())
    async def test_a_record_that_cannot_be_is_refused_with_all_beside_it(self, stores: Stores, misfit: Record) -> None:
        lease = await stores.lease(storing=PARENTS)
        with pytest.raises(InvalidInput):
            await stores.records.store(lease, [a_metric("saves"), misfit], "page-2")
        assert (await stores.jobs.get("default", lease.job_id)).cursor is None
        assert await stores.records.store(lease, [a_metric("saves")], None) == 1, "nothing was stored"


NUMBERS = [
    (record, field.name)
    for record in FULL_RECORDS
    for field in fields(record)
    if isinstance(getattr(record, field.name), Decimal)
]


def _named(name: str, end: str) -> list[Record]:
    extra = {f"key{end}": ["x", {"deep": f"{end}\\u0000"}]}
    return [
        a_post(name, caption=end, hashtags=("a", end), extra=extra),
        a_content_metric(name),
        a_metric(dimension=f"hashtag={end}"),
    ]


class UnstorableContract:
    @pytest.mark.parametrize(("record", "name"), NUMBERS, ids=_name)
    async def test_a_number_that_is_none_is_refused_with_all_beside_it(
        self, stores: Stores, record: Record, name: str
    ) -> None:
        lease = await stores.lease(storing=PARENTS)
        for text in ("NaN", "sNaN", "Infinity", "-Infinity"):
            no_number = replace(record, **{name: Decimal(text)})  # type: ignore[arg-type]
            with pytest.raises(InvalidInput):
                await stores.records.store(lease, [a_metric("saves"), no_number], "page-2")
        assert (await stores.jobs.get("default", lease.job_id)).cursor is None
        assert await stores.records.store(lease, [a_metric("saves")], None) == 1, "nothing was stored"

    @pytest.mark.parametrize("broken", BROKEN)
    async def test_a_character_that_no_store_can_hold_is_replaced(self, stores: Stores, broken: str) -> None:
        lease = await stores.lease()
        given, kept = (_named(f"post{end}", end) for end in (broken, "\ufffd"))
        assert await stores.records.store(lease, given, None) == 3
        assert await stores.records.store(lease, [*given, *kept], None) == 0
        assert await stores.records.store(lease, kept, None) == 0

    async def test_names_that_differ_in_such_characters_alone_are_one(self, stores: Stores) -> None:
        lease = await stores.lease()
        assert await stores.records.store(lease, [a_post(f"post{broken}") for broken in BROKEN], None) == 1

    @pytest.mark.parametrize("broken", BROKEN)
    async def test_a_cursor_with_such_a_character_is_refused(self, stores: Stores, broken: str) -> None:
        lease = await stores.lease()
        for records in ([], [a_metric()]):
            with pytest.raises(InvalidInput) as refused:
                await stores.records.store(lease, records, f"page{broken}")
            assert broken not in str(refused.value)
        assert (await stores.jobs.get("default", lease.job_id)).cursor is None
        assert await stores.records.store(lease, [a_metric()], None) == 1, "nothing was stored"


class ParentsContract:
    @pytest.mark.parametrize("orphan", ORPHANS.values(), ids=ORPHANS.keys())
    async def test_a_record_whose_parent_is_not_there_is_refused_with_all_beside_it(
        self, stores: Stores, orphan: Record
    ) -> None:
        lease = await stores.lease(storing=PARENTS)
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
        lease = await stores.lease()
        assert await stores.records.store(lease, [child, parent], None) == 2
        assert await stores.records.store(lease, [replace(child, as_of=LATER)], None) == 0

    @pytest.mark.parametrize("elsewhere", [META, ELSEWHERE], ids=["another platform", "another studio"])
    async def test_what_is_stored_elsewhere_is_no_parent(self, stores: Stores, elsewhere: ConnectionKey) -> None:
        theirs = await stores.lease(elsewhere)
        await stores.records.store(theirs, [a_post(), a_campaign()], None)
        ours = await stores.lease()
        for child in (a_content_metric(), an_ad_metric()):
            with pytest.raises(InvalidInput):
                await stores.records.store(ours, [child], None)

    async def test_an_inquiry_of_another_studio_is_no_parent(self, stores: Stores) -> None:
        theirs = await stores.lease(ELSEWHERE)
        await stores.records.store(theirs, [an_inquiry()], None)
        ours = await stores.lease()
        with pytest.raises(InvalidInput):
            await stores.records.store(ours, [a_touch()], None)

    async def test_a_booking_needs_no_inquiry(self, stores: Stores) -> None:
        lease = await stores.lease()
        assert await stores.records.store(lease, [a_booking()], None) == 1

    async def test_a_touch_may_name_a_campaign_and_a_post_that_were_never_synced(self, stores: Stores) -> None:
        lease = await stores.lease(storing=PARENTS)
        touch = a_touch(campaign_account_id="ads-9", campaign_external_id="unknown", content_external_id="unknown")
        assert await stores.records.store(lease, [touch], None) == 1

    @pytest.mark.parametrize("elsewhere", [META, ELSEWHERE], ids=["another platform", "another studio"])
    async def test_platforms_and_studios_have_their_own_content(self, stores: Stores, elsewhere: ConnectionKey) -> None:
        batch: list[Record] = [a_metric(), a_post(), a_content_metric(), a_campaign(), an_ad_metric()]
        assert await stores.records.store(await stores.lease(), batch, None) == len(batch)
        assert await stores.records.store(await stores.lease(elsewhere), batch, None) == len(batch)

    async def test_studios_have_their_own_business(self, stores: Stores) -> None:
        batch = [each for each in FULL_RECORDS if not isinstance(each, Metric | Content | ContentMetric)]
        ours, theirs = await stores.lease(), await stores.lease(ELSEWHERE)
        assert await stores.records.store(ours, batch, None) == len(batch)
        assert await stores.records.store(theirs, batch, None) == len(batch)

    async def test_a_booking_can_be_moved_to_another_inquiry_and_away_from_it(self, stores: Stores) -> None:
        lease = await stores.lease(storing=PARENTS)
        booking = next(each for each in FULL_RECORDS if isinstance(each, Booking))
        moved = replace(booking, inquiry_external_id="inquiry-2")
        alone = replace(booking, inquiry_source_system=None, inquiry_external_id=None)
        for each in (booking, moved, alone):
            assert await stores.records.store(lease, [each], None) == 1
            assert await stores.records.store(lease, [each], None) == 0
