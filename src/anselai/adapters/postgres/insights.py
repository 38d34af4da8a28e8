"""The figures of the overview, computed where the records lie. Days are those of the platforms; instants count to their
day in UTC.
"""

# ruff: noqa: S608  only other statements are formatted into a statement, never a value

from collections.abc import Sequence
from datetime import UTC, datetime, time
from decimal import Decimal
from typing import Any, Final

from anselai.adapters.postgres.database import LONG, Database
from anselai.domain.insights import BusinessFigures, Money, Period, PlatformFigures, minor_units

# Of each account the newest figure. An account's breakdowns by dimension are not its total.
_NEWEST: Final = """
SELECT DISTINCT ON (platform, account_id) platform, value FROM metrics
WHERE studio = %(studio)s AND metric_date BETWEEN %(first)s AND %(last)s AND dimension = '' AND {which}
ORDER BY platform, account_id, metric_date DESC, as_of DESC
"""
_INTERACTIONS: Final = (
    "coalesce(m.interactions,"
    " coalesce(m.likes, 0) + coalesce(m.comments, 0) + coalesce(m.shares, 0) + coalesce(m.saves, 0))"
)
_PLATFORMS: Final = f"""
WITH measured AS (
    SELECT platform, sum(value) FILTER (WHERE metric = 'views' AND period = 'day' AND dimension = '') AS views
    FROM metrics WHERE studio = %(studio)s AND metric_date BETWEEN %(first)s AND %(last)s
    GROUP BY platform
), followers AS (
    SELECT platform, sum(value) AS followers FROM ({_NEWEST.format(which="metric = 'followers'")}) AS newest
    GROUP BY platform
), reached AS (
    SELECT platform, max(value) AS reach
    FROM ({_NEWEST.format(which="metric = 'reach' AND period = 'days_28'")}) AS newest
    GROUP BY platform
), posts AS (
    SELECT id, platform FROM content
    WHERE studio = %(studio)s AND published_at BETWEEN %(from)s AND %(until)s AND deleted_at IS NULL
), posted AS (
    SELECT platform, count(*) AS posts FROM posts GROUP BY platform
), activity AS (
    -- What was done on the days, where a platform tells that; else the running totals of what was posted.
    SELECT m.platform, {_INTERACTIONS} AS interactions
    FROM content_metrics m
    WHERE m.studio = %(studio)s AND m.metric_date BETWEEN %(first)s AND %(last)s AND m.basis = 'daily'
    UNION ALL
    (
        SELECT DISTINCT ON (m.content_id) m.platform, CASE WHEN posts.id IS NOT NULL THEN {_INTERACTIONS} ELSE 0 END
        FROM content_metrics m LEFT JOIN posts ON posts.id = m.content_id
        WHERE m.studio = %(studio)s AND m.metric_date BETWEEN %(first)s AND %(last)s AND m.basis = 'cumulative'
        ORDER BY m.content_id, m.metric_date DESC
    )
), engaged AS (
    SELECT platform, sum(interactions) AS interactions FROM activity GROUP BY platform
), ads AS (
    -- One row for a campaign and day: other attribution windows tell of the same spend again.
    SELECT DISTINCT ON (ad_campaign_id, metric_date) platform, currency, spend_micros, impressions, clicks, conversions
    FROM ad_metrics WHERE studio = %(studio)s AND metric_date BETWEEN %(first)s AND %(last)s
    ORDER BY ad_campaign_id, metric_date, attribution <> 'default', attribution COLLATE "C"
), spent AS (
    SELECT platform, currency, sum(spend_micros) AS spend, sum(impressions) AS impressions, sum(clicks) AS clicks,
        sum(conversions) AS conversions
    FROM ads GROUP BY platform, currency
), advertised AS (
    SELECT platform, array_agg(currency ORDER BY currency) AS currencies, array_agg(spend ORDER BY currency) AS spend,
        sum(impressions) AS impressions, sum(clicks) AS clicks, sum(conversions) AS conversions
    FROM spent GROUP BY platform
)
SELECT platform, followers, reach, views, posts, interactions, currencies, spend, impressions, clicks, conversions
FROM measured
FULL JOIN posted USING (platform)
FULL JOIN engaged USING (platform)
FULL JOIN advertised USING (platform)
LEFT JOIN followers USING (platform)
LEFT JOIN reached USING (platform)
ORDER BY platform COLLATE "C"
"""

_BUSINESS: Final = """
WITH booked AS (
    SELECT currency, count(*) AS bookings, sum(total_minor) AS revenue FROM bookings
    WHERE studio = %(studio)s AND booked_at BETWEEN %(from)s AND %(until)s
        AND status NOT IN ('tentative', 'cancelled')
    GROUP BY currency
), live AS (
    SELECT rating, reviewed_at BETWEEN %(from)s AND %(until)s AS recent FROM reviews
    WHERE studio = %(studio)s AND status = 'published' AND deleted_at IS NULL
)
SELECT
    (SELECT count(*) FROM inquiries
        WHERE studio = %(studio)s AND received_at BETWEEN %(from)s AND %(until)s AND stage <> 'spam'),
    (SELECT coalesce(sum(bookings), 0) FROM booked),
    ARRAY(SELECT currency FROM booked ORDER BY currency),
    ARRAY(SELECT revenue FROM booked ORDER BY currency),
    (SELECT count(*) FROM live WHERE recent),
    (SELECT round(avg(rating), 2) FROM live)
"""


async def platform_figures(database: Database, studio: str, period: Period) -> Sequence[PlatformFigures]:
    return [
        PlatformFigures(
            platform=platform,
            has_data=True,
            followers=int(followers or 0),
            reach=int(reach or 0),
            views=int(views or 0),
            posts=posts or 0,
            interactions=int(interactions or 0),
            ad_spend=tuple(
                Money(currency=currency, amount=Decimal(micros).scaleb(-6))
                for currency, micros in zip(currencies or (), spend or (), strict=True)
            ),
            ad_impressions=int(impressions or 0),
            ad_clicks=int(clicks or 0),
            conversions=conversions or Decimal(0),
        )
        for (
            platform,
            followers,
            reach,
            views,
            posts,
            interactions,
            currencies,
            spend,
            impressions,
            clicks,
            conversions,
        ) in await database.rows(_PLATFORMS, _values(studio, period), studio=studio, within=LONG)
    ]


async def business_figures(database: Database, studio: str, period: Period) -> BusinessFigures:
    [row] = await database.rows(_BUSINESS, _values(studio, period), studio=studio, within=LONG)
    inquiries, bookings, currencies, revenue, reviews, average_rating = row
    return BusinessFigures(
        has_data=bool(inquiries or bookings or reviews),
        inquiries=inquiries,
        bookings=int(bookings),
        revenue_booked=tuple(
            Money(currency=currency, amount=Decimal(minor).scaleb(-minor_units(currency)))
            for currency, minor in zip(currencies, revenue, strict=True)
        ),
        reviews=reviews,
        average_rating=average_rating,
    )


def _values(studio: str, period: Period) -> dict[str, Any]:
    return {
        "studio": studio,
        "first": period.first,
        "last": period.last,
        "from": datetime.combine(period.first, time(), UTC),
        "until": datetime.combine(period.last, time.max, UTC),
    }
