"""The figures of the overview and of one platform."""

from dataclasses import dataclass
from datetime import date, timedelta

from anselai.application.views import Overview
from anselai.domain.connection import DEFAULT_STUDIO
from anselai.domain.errors import InvalidInput
from anselai.domain.insights import Period, PlatformFigures
from anselai.domain.ports.clock import Clock
from anselai.domain.ports.platform_client import Platforms
from anselai.domain.ports.records import Records

DEFAULT_DAYS = 30
EARLIEST_YEAR = 1970
LONGEST_PERIOD = timedelta(days=3660)


@dataclass(frozen=True, slots=True, kw_only=True)
class Insights:
    """Figures of a studio. A period defaults to the last DEFAULT_DAYS days up to today (UTC)."""

    records: Records
    platforms: Platforms
    clock: Clock

    async def overview(
        self, *, first: date | None = None, last: date | None = None, studio: str = DEFAULT_STUDIO
    ) -> Overview:
        """All platforms that have data, and the business. Raises InvalidInput, StoreUnavailable."""
        period = self._period(first, last)
        platforms = await self.records.platform_figures(studio, period)
        business = await self.records.business_figures(studio, period)
        return Overview(
            period=period,
            has_data=business.has_data or any(each.has_data for each in platforms),
            platforms=tuple(platforms),
            business=business,
        )

    async def platform(
        self, platform: str, *, first: date | None = None, last: date | None = None, studio: str = DEFAULT_STUDIO
    ) -> tuple[Period, PlatformFigures]:
        """One platform; zeros while it has no data. Raises UnknownPlatform, InvalidInput, StoreUnavailable."""
        self.platforms.get(platform)
        period = self._period(first, last)
        figures = await self.records.platform_figures(studio, period)
        nothing = PlatformFigures(platform=platform, has_data=False)
        return period, next((each for each in figures if each.platform == platform), nothing)

    def _period(self, first: date | None, last: date | None) -> Period:
        last = last or max(self.clock.now().date(), first or date.min)
        if last.year < EARLIEST_YEAR or (first is not None and first.year < EARLIEST_YEAR):
            raise InvalidInput.of("from", f"must not be before {EARLIEST_YEAR}")
        first = first or last - timedelta(days=DEFAULT_DAYS - 1)
        if first > last:
            raise InvalidInput.of("from", "must not be after `to`")
        if last - first > LONGEST_PERIOD:
            raise InvalidInput.of("from", f"must be at most {LONGEST_PERIOD.days} days before `to`")
        return Period(first=first, last=last)
