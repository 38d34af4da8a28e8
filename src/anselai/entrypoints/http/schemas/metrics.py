"""Figures on the wire. Money is a decimal text with its currency, so that no reader makes a float of it."""

from datetime import date

from msgspec import field
from msgspec.structs import asdict

from anselai.application.views import Overview
from anselai.domain.insights import BusinessFigures, Money, Period, PlatformFigures
from anselai.entrypoints.http.schemas.shape import Day, Input, Output


class PeriodQuery(Input):
    first: Day | None = field(name="from", default=None)
    last: Day | None = field(name="to", default=None)


class PeriodJson(Output):
    """Days, both included."""

    first: date = field(name="from")
    last: date = field(name="to")

    @classmethod
    def of(cls, period: Period) -> "PeriodJson":
        return cls(first=period.first, last=period.last)


class MoneyJson(Output):
    currency: str
    amount: str


class PlatformFiguresJson(Output):
    platform: str
    has_data: bool
    followers: int
    reach: int
    views: int
    posts: int
    interactions: int
    ad_spend: tuple[MoneyJson, ...]
    ad_impressions: int
    ad_clicks: int
    conversions: float

    @classmethod
    def of(cls, figures: PlatformFigures) -> "PlatformFiguresJson":
        return cls(
            platform=figures.platform,
            has_data=figures.has_data,
            followers=figures.followers,
            reach=figures.reach,
            views=figures.views,
            posts=figures.posts,
            interactions=figures.interactions,
            ad_spend=_money(figures.ad_spend),
            ad_impressions=figures.ad_impressions,
            ad_clicks=figures.ad_clicks,
            conversions=float(figures.conversions),
        )


class BusinessFiguresJson(Output):
    has_data: bool
    inquiries: int
    bookings: int
    revenue_booked: tuple[MoneyJson, ...]
    reviews: int
    average_rating: float | None

    @classmethod
    def of(cls, figures: BusinessFigures) -> "BusinessFiguresJson":
        return cls(
            has_data=figures.has_data,
            inquiries=figures.inquiries,
            bookings=figures.bookings,
            revenue_booked=_money(figures.revenue_booked),
            reviews=figures.reviews,
            average_rating=None if figures.average_rating is None else float(figures.average_rating),
        )


class OverviewJson(Output):
    period: PeriodJson
    has_data: bool
    platforms: tuple[PlatformFiguresJson, ...]
    business: BusinessFiguresJson

    @classmethod
    def of(cls, overview: Overview) -> "OverviewJson":
        return cls(
            period=PeriodJson.of(overview.period),
            has_data=overview.has_data,
            platforms=tuple(PlatformFiguresJson.of(each) for each in overview.platforms),
            business=BusinessFiguresJson.of(overview.business),
        )


class PlatformMetricsJson(PlatformFiguresJson):
    period: PeriodJson

    @classmethod
    def within(cls, period: Period, figures: PlatformFigures) -> "PlatformMetricsJson":
        return cls(period=PeriodJson.of(period), **asdict(PlatformFiguresJson.of(figures)))


def _money(sums: tuple[Money, ...]) -> tuple[MoneyJson, ...]:
    return tuple(MoneyJson(currency=each.currency, amount=f"{each.amount:f}") for each in sums)
