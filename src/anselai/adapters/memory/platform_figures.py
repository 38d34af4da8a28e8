"""The figures of each platform, computed from the records as they lie."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal

from anselai.adapters.memory.record_shelf import RecordShelf
from anselai.domain.insights import Money, Period, PlatformFigures
from anselai.domain.records import AdMetric, Content, ContentMetric, Metric

MICROS = Decimal(1_000_000)


def platform_figures(shelf: RecordShelf, studio: str, period: Period) -> Sequence[PlatformFigures]:
    """One for each platform that has anything in the period, sorted by platform."""
    everything = (Metric, Content, ContentMetric, AdMetric)
    platforms = sorted({key[1] for kind in everything for key, _ in shelf.of(kind, studio)})
    figures = (_Platform(shelf=shelf, start=(studio, each), period=period).figures() for each in platforms)
    return [each for each in figures if each.has_data]


def is_within(day: date | datetime | None, period: Period) -> bool:
    """Whether a day, or an instant's day in UTC, lies in the period."""
    if isinstance(day, datetime):
        day = day.astimezone(UTC).date()
    return day is not None and period.first <= day <= period.last


def total(amounts: Iterable[tuple[str, Decimal]]) -> tuple[Money, ...]:
    """The sums by currency, sorted by currency."""
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for currency, amount in amounts:
        sums[currency] += amount
    return tuple(Money(currency=currency, amount=sums[currency]) for currency in sorted(sums))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Platform:
    shelf: RecordShelf
    start: tuple[str, str]
    period: Period

    def figures(self) -> PlatformFigures:
        metrics = [each for _, each in self.shelf.of(Metric, *self.start) if is_within(each.metric_date, self.period)]
        totals = [each for each in metrics if each.dimension == ""]
        posts = {
            each.external_id
            for _, each in self.shelf.of(Content, *self.start)
            if each.deleted_at is None and is_within(each.published_at, self.period)
        }
        activity = [
            each for _, each in self.shelf.of(ContentMetric, *self.start) if is_within(each.metric_date, self.period)
        ]
        ads = self._ads()
        reaches = (each for each in totals if (each.metric, each.period) == ("reach", "days_28"))
        return PlatformFigures(
            platform=self.start[1],
            has_data=bool(metrics or posts or activity or ads),
            followers=int(sum(_newest_of_each_account(each for each in totals if each.metric == "followers"))),
            reach=int(max(_newest_of_each_account(reaches), default=0)),
            views=int(sum(each.value for each in totals if (each.metric, each.period) == ("views", "day"))),
            posts=len(posts),
            interactions=_interactions(activity, posts),
            ad_spend=total((each.currency, each.spend_micros / MICROS) for each in ads),
            ad_impressions=sum(each.impressions or 0 for each in ads),
            ad_clicks=sum(each.clicks or 0 for each in ads),
            conversions=sum((each.conversions or Decimal(0) for each in ads), Decimal(0)),
        )

    def _ads(self) -> Sequence[AdMetric]:
        """One row for a campaign and day: other attribution windows tell of the same spend again."""
        chosen: dict[tuple[str, str, date], AdMetric] = {}
        for _, each in self.shelf.of(AdMetric, *self.start):
            if not is_within(each.metric_date, self.period):
                continue
            day = (each.account_id, each.campaign_external_id, each.metric_date)
            if day not in chosen or _preference(each) < _preference(chosen[day]):
                chosen[day] = each
        return list(chosen.values())


def _preference(ad: AdMetric) -> tuple[bool, str]:
    return ad.attribution != "default", ad.attribution


def _newest_of_each_account(metrics: Iterable[Metric]) -> Sequence[Decimal]:
    newest: dict[str, Metric] = {}
    for each in metrics:
        known = newest.get(each.account_id)
        if known is None or (known.metric_date, known.as_of) <= (each.metric_date, each.as_of):
            newest[each.account_id] = each
    return [each.value for each in newest.values()]


def _interactions(activity: Sequence[ContentMetric], posts: set[str]) -> int:
    """The activity of the days, and of what was posted in the period the newest running totals."""
    newest: dict[str, ContentMetric] = {}
    for each in activity:
        content = each.content_external_id
        known = newest.get(content)
        if each.basis == "cumulative" and content in posts and (known is None or known.metric_date < each.metric_date):
            newest[content] = each
    daily = [each for each in activity if each.basis == "daily"]
    return sum(_interactions_of(each) for each in (*daily, *newest.values()))


def _interactions_of(metric: ContentMetric) -> int:
    if metric.interactions is not None:
        return metric.interactions
    return sum(each or 0 for each in (metric.likes, metric.comments, metric.shares, metric.saves))
