"""The figures that the overview shows. Sums are kept per currency; unique people are never summed."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

# ISO 4217: the currencies that have another number of digits after the point than two.
_NO_DIGITS = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
_THREE_DIGITS = "BHD IQD JOD KWD LYD OMR TND"
_FOUR_DIGITS = "CLF UYW"
_MINOR_UNITS = {
    currency: digits
    for digits, currencies in ((0, _NO_DIGITS), (3, _THREE_DIGITS), (4, _FOUR_DIGITS))
    for currency in currencies.split()
}


def minor_units(currency: str) -> int:
    """How many digits an amount has after the point: 2 for EUR, where 1250 minor units are 12.50, 0 for JPY."""
    return _MINOR_UNITS.get(currency, 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """Account days from `first` to `last`, both included."""

    first: date
    last: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Money:
    """A sum in one currency, in whole units of it."""

    currency: str
    amount: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformFigures:
    """One platform in a period. `reach` is the newest 28-day figure: unique people, not to be summed."""

    platform: str
    has_data: bool
    followers: int = 0
    reach: int = 0
    views: int = 0
    posts: int = 0
    interactions: int = 0
    ad_spend: tuple[Money, ...] = ()
    ad_impressions: int = 0
    ad_clicks: int = 0
    conversions: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class BusinessFigures:
    """The studio's own business in a period: what the platforms led to."""

    has_data: bool
    inquiries: int = 0
    bookings: int = 0
    revenue_booked: tuple[Money, ...] = ()
    reviews: int = 0
    average_rating: Decimal | None = None
