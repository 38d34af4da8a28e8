"""The figures that every Records has to give for known data, in exact numbers."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from anselai.domain.connection import ConnectionKey
from anselai.domain.errors import InvalidInput
from anselai.domain.insights import BusinessFigures, Money, Period, PlatformFigures
from anselai.domain.records import Record
from tests.contracts.stores import BROKEN, ELSEWHERE, META, OTHER_STUDIO, Stores
from tests.fakes import NOON
from tests.samples import (
    DAY,
    GOOGLE,
    a_booking,
    a_campaign,
    a_content_metric,
    a_metric,
    a_post,
    a_review,
    an_ad_metric,
    an_inquiry,
)

MAY = Period(first=date(2026, 5, 1), last=date(2026, 5, 31))
FIRST, LAST = MAY.first, MAY.last
APRIL_30, JUNE_1 = FIRST - timedelta(days=1), LAST + timedelta(days=1)
APRIL, JUNE = NOON - timedelta(days=30), NOON + timedelta(days=30)


async def _stored(stores: Stores, *records: Record, key: ConnectionKey = GOOGLE) -> None:
    await stores.connect(key)
    await stores.records.store((await stores.running(key)).job.lease, records, None)


async def _only(stores: Stores) -> PlatformFigures:
    [figures] = await stores.records.platform_figures("default", MAY)
    return figures


class PlatformFiguresContract:
    @pytest.mark.parametrize("broken", BROKEN)
    async def test_a_studio_that_no_store_can_hold_is_refused(self, stores: Stores, broken: str) -> None:
        for ask in (stores.records.platform_figures, stores.records.business_figures):
            with pytest.raises(InvalidInput):
                await ask(f"default{broken}", MAY)

    async def test_without_data_there_are_none(self, stores: Stores) -> None:
        await stores.connect()
        assert await stores.records.platform_figures("default", MAY) == []

    async def test_data_of_other_days_are_none(self, stores: Stores) -> None:
        await _stored(
            stores,
            a_metric(metric_date=APRIL_30),
            a_metric(metric_date=JUNE_1),
            a_post(published_at=APRIL),
            a_content_metric(metric_date=APRIL_30),
            a_campaign(),
            an_ad_metric(metric_date=JUNE_1),
        )
        assert await stores.records.platform_figures("default", MAY) == []

    async def test_everything_together(self, stores: Stores) -> None:
        await _stored(
            stores,
            a_metric("followers", 1200, period="lifetime"),
            a_metric("reach", 9000, period="days_28"),
            a_metric("views", 400),
            a_post(),
            a_content_metric(likes=5, comments=2),
            a_campaign(),
            an_ad_metric(spend_micros=12_500_000, impressions=1000, clicks=25, conversions=Decimal("1.5")),
        )
        assert await stores.records.platform_figures("default", MAY) == [
            PlatformFigures(
                platform="google",
                has_data=True,
                followers=1200,
                reach=9000,
                views=400,
                posts=1,
                interactions=7,
                ad_spend=(Money(currency="EUR", amount=Decimal("12.5")),),
                ad_impressions=1000,
                ad_clicks=25,
                conversions=Decimal("1.5"),
            )
        ]

    async def test_platforms_come_sorted_and_only_those_with_data(self, stores: Stores) -> None:
        await _stored(stores, a_metric("views", 1), key=META)
        await _stored(stores, a_post(), key=GOOGLE)
        await stores.connect(ConnectionKey("default", "tiktok"))
        figures = await stores.records.platform_figures("default", MAY)
        assert [(each.platform, each.views, each.posts) for each in figures] == [("google", 0, 1), ("meta", 1, 0)]

    async def test_a_studio_gets_only_its_own_figures(self, stores: Stores) -> None:
        await _stored(stores, a_metric("views", 7), a_post(), key=ELSEWHERE)
        assert await stores.records.platform_figures("default", MAY) == []
        [figures] = await stores.records.platform_figures(OTHER_STUDIO, MAY)
        assert figures.views == 7

    async def test_both_ends_of_the_period_belong_to_it(self, stores: Stores) -> None:
        await _stored(
            stores,
            *(a_metric("views", value, metric_date=day) for value, day in ((1, APRIL_30), (10, FIRST))),
            *(a_metric("views", value, metric_date=day) for value, day in ((100, LAST), (1000, JUNE_1))),
            a_post("first", published_at=datetime(2026, 5, 1, 0, 0, tzinfo=UTC)),
            a_post("last", published_at=datetime(2026, 5, 31, 23, 59, 59, 999999, tzinfo=UTC)),
            a_post("before", published_at=datetime(2026, 4, 30, 23, 59, 59, 999999, tzinfo=UTC)),
            a_post("after", published_at=datetime(2026, 6, 1, 0, 0, tzinfo=UTC)),
        )
        figures = await _only(stores)
        assert (figures.views, figures.posts) == (110, 2)

    async def test_followers_are_the_newest_of_each_account(self, stores: Stores) -> None:
        await _stored(
            stores,
            a_metric("followers", 100, metric_date=FIRST),
            a_metric("followers", 90, metric_date=LAST),
            a_metric("followers", 1000, metric_date=JUNE_1),
            a_metric("followers", 5, account_id="account-2", metric_date=FIRST),
        )
        assert (await _only(stores)).followers == 95

    async def test_reach_is_the_newest_figure_of_28_days_and_never_a_sum(self, stores: Stores) -> None:
        await _stored(
            stores,
            a_metric("reach", 900, period="days_28", metric_date=FIRST),
            a_metric("reach", 800, period="days_28", metric_date=LAST),
            a_metric("reach", 5000, period="day", metric_date=LAST),
            a_metric("reach", 300, period="days_28", metric_date=LAST, account_id="account-2"),
        )
        assert (await _only(stores)).reach == 800

    async def test_breakdowns_by_dimension_are_not_added_to_the_totals(self, stores: Stores) -> None:
        await _stored(
            stores,
            a_metric("views", 10),
            a_metric("views", 6, dimension="device=mobile"),
            a_metric("followers", 100),
            a_metric("followers", 60, dimension="country=DE", metric_date=LAST),
            a_metric("reach", 50, period="days_28"),
            a_metric("reach", 30, period="days_28", dimension="device=mobile", metric_date=LAST),
        )
        figures = await _only(stores)
        assert (figures.views, figures.followers, figures.reach) == (10, 100, 50)

    async def test_views_are_summed_over_days_and_accounts_and_no_longer_periods(self, stores: Stores) -> None:
        await _stored(
            stores,
            a_metric("views", 1),
            a_metric("views", 2, metric_date=LAST),
            a_metric("views", 4, account_id="account-2"),
            a_metric("views", 80, period="week"),
        )
        assert (await _only(stores)).views == 7

    async def test_posts_that_were_deleted_do_not_count(self, stores: Stores) -> None:
        await _stored(stores, a_post("one"), a_post("two", deleted_at=NOON), a_post("undated", published_at=None))
        assert (await _only(stores)).posts == 1

    async def test_running_totals_count_once_with_their_newest_snapshot(self, stores: Stores) -> None:
        await _stored(
            stores,
            a_post(),
            a_content_metric(metric_date=DAY, likes=5, comments=1, shares=1, saves=1),
            a_content_metric(metric_date=LAST, likes=7, comments=2, shares=None, saves=0),
            a_content_metric(metric_date=JUNE_1, likes=100),
        )
        assert (await _only(stores)).interactions == 9

    async def test_a_total_that_the_platform_gives_goes_before_our_own_sum(self, stores: Stores) -> None:
        await _stored(stores, a_post(), a_content_metric(likes=5, comments=1, interactions=11))
        assert (await _only(stores)).interactions == 11

    async def test_running_totals_of_what_was_posted_before_do_not_count(self, stores: Stores) -> None:
        await _stored(stores, a_post(published_at=APRIL), a_content_metric(likes=500))
        figures = await _only(stores)
        assert (figures.posts, figures.interactions) == (0, 0)

    async def test_the_activity_of_days_is_summed_whenever_it_was_posted(self, stores: Stores) -> None:
        await _stored(
            stores,
            a_post("old", published_at=APRIL),
            *(
                a_content_metric("old", basis="daily", likes=likes, metric_date=day)
                for likes, day in ((1, FIRST), (2, LAST))
            ),
            a_content_metric("old", basis="daily", likes=50, metric_date=APRIL_30),
        )
        assert (await _only(stores)).interactions == 3

    async def test_ad_spend_is_summed_for_each_currency_in_whole_units(self, stores: Stores) -> None:
        await _stored(
            stores,
            a_campaign("one"),
            a_campaign("two"),
            an_ad_metric("one", spend_micros=1_250_000, metric_date=FIRST, impressions=10, clicks=1),
            an_ad_metric("one", spend_micros=1, metric_date=LAST, impressions=20, conversions=Decimal("0.25")),
            an_ad_metric("two", spend_micros=3_000_000, currency="USD", clicks=2, conversions=Decimal(2)),
        )
        figures = await _only(stores)
        assert figures.ad_spend == (
            Money(currency="EUR", amount=Decimal("1.250001")),
            Money(currency="USD", amount=Decimal(3)),
        )
        assert (figures.ad_impressions, figures.ad_clicks, figures.conversions) == (30, 3, Decimal("2.25"))

    async def test_spend_that_is_told_in_several_attribution_windows_counts_once(self, stores: Stores) -> None:
        await _stored(
            stores,
            a_campaign("one"),
            a_campaign("two"),
            an_ad_metric("one", attribution="7d_click", spend_micros=5_000_000, conversions=Decimal(9)),
            an_ad_metric("one", attribution="default", spend_micros=5_000_000, conversions=Decimal(4)),
            an_ad_metric("two", attribution="b", spend_micros=1_000_000, conversions=Decimal(2)),
            an_ad_metric("two", attribution="a", spend_micros=1_000_000, conversions=Decimal(1)),
        )
        figures = await _only(stores)
        assert figures.ad_spend == (Money(currency="EUR", amount=Decimal(6)),)
        assert figures.conversions == 5


class BusinessFiguresContract:
    async def test_without_data_everything_is_zero(self, stores: Stores) -> None:
        await stores.connect()
        assert await stores.records.business_figures("default", MAY) == BusinessFigures(has_data=False)

    async def test_everything_together(self, stores: Stores) -> None:
        await _stored(stores, an_inquiry(), a_booking(total_minor=123_456), a_review(rating=4))
        assert await stores.records.business_figures("default", MAY) == BusinessFigures(
            has_data=True,
            inquiries=1,
            bookings=1,
            revenue_booked=(Money(currency="EUR", amount=Decimal("1234.56")),),
            reviews=1,
            average_rating=Decimal(4),
        )

    async def test_a_studio_gets_only_its_own_figures(self, stores: Stores) -> None:
        await _stored(stores, an_inquiry(), a_booking(), a_review(), key=ELSEWHERE)
        assert await stores.records.business_figures("default", MAY) == BusinessFigures(has_data=False)

    async def test_the_business_is_one_whichever_platform_delivered_it(self, stores: Stores) -> None:
        await _stored(stores, an_inquiry("a"), key=GOOGLE)
        await _stored(stores, an_inquiry("b"), key=META)
        assert (await stores.records.business_figures("default", MAY)).inquiries == 2

    async def test_other_days_spam_proposals_cancellations_and_hidden_reviews_do_not_count(
        self, stores: Stores
    ) -> None:
        await _stored(
            stores,
            an_inquiry("april", received_at=APRIL),
            an_inquiry("june", received_at=JUNE),
            an_inquiry("spam", stage="spam"),
            a_booking("april", booked_at=APRIL),
            a_booking("proposal", booked_at=None),
            a_booking("tentative", status="tentative"),
            a_booking("cancelled", status="cancelled"),
            a_review("hidden", status="hidden", rating=1),
            a_review("deleted", deleted_at=NOON, rating=1),
        )
        assert await stores.records.business_figures("default", MAY) == BusinessFigures(has_data=False)

    async def test_revenue_is_summed_for_each_currency_in_its_own_whole_units(self, stores: Stores) -> None:
        await _stored(
            stores,
            a_booking("a", total_minor=100_001, currency="EUR"),
            a_booking("b", total_minor=50, currency="EUR", status="completed"),
            a_booking("c", total_minor=300_000, currency="JPY"),
            a_booking("d", total_minor=1_500, currency="KWD"),
        )
        figures = await stores.records.business_figures("default", MAY)
        assert figures.bookings == 4
        assert figures.revenue_booked == (
            Money(currency="EUR", amount=Decimal("1000.51")),
            Money(currency="JPY", amount=Decimal(300_000)),
            Money(currency="KWD", amount=Decimal("1.5")),
        )

    async def test_both_ends_of_the_period_belong_to_it(self, stores: Stores) -> None:
        await _stored(
            stores,
            an_inquiry("first", received_at=datetime(2026, 5, 1, 0, 0, tzinfo=UTC)),
            an_inquiry("last", received_at=datetime(2026, 5, 31, 23, 59, 59, 999999, tzinfo=UTC)),
            an_inquiry("before", received_at=datetime(2026, 4, 30, 23, 59, 59, 999999, tzinfo=UTC)),
            an_inquiry("after", received_at=datetime(2026, 6, 1, 0, 0, tzinfo=UTC)),
        )
        assert (await stores.records.business_figures("default", MAY)).inquiries == 2

    async def test_the_average_is_that_of_all_live_reviews_and_the_number_that_of_the_period(
        self, stores: Stores
    ) -> None:
        await _stored(
            stores,
            *(a_review(f"five-{n}", rating=5) for n in range(4)),
            a_review("unrated", rating=None, recommends=True),
            *(a_review(f"old-{n}", rating=rating, reviewed_at=APRIL) for n, rating in enumerate((4, 3, 3, 3))),
        )
        figures = await stores.records.business_figures("default", MAY)
        assert (figures.reviews, figures.average_rating) == (5, Decimal("4.13"))
