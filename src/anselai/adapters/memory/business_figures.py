"""The figures of a studio's own business, computed from the records as they lie."""

from decimal import Decimal

from anselai.adapters.memory.platform_figures import is_within, total
from anselai.adapters.memory.record_shelf import RecordShelf
from anselai.domain.insights import BusinessFigures, Period
from anselai.domain.records import Booking, Inquiry, Review

# Digits after the point (ISO 4217); all others have two.
_NONE = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
_THREE = "BHD IQD JOD KWD LYD OMR TND"
_FOUR = "CLF UYW"
_EXPONENTS = {currency: digits for digits, group in ((0, _NONE), (3, _THREE), (4, _FOUR)) for currency in group.split()}


def business_figures(shelf: RecordShelf, studio: str, period: Period) -> BusinessFigures:
    inquiries = [
        each for _, each in shelf.of(Inquiry, studio) if each.stage != "spam" and is_within(each.received_at, period)
    ]
    bookings = [
        each
        for _, each in shelf.of(Booking, studio)
        if each.status not in ("tentative", "cancelled") and is_within(each.booked_at, period)
    ]
    reviews = [
        each
        for _, each in shelf.of(Review, studio)
        if each.status == "published" and each.deleted_at is None and is_within(each.reviewed_at, period)
    ]
    ratings = [each.rating for each in reviews if each.rating is not None]
    return BusinessFigures(
        has_data=bool(inquiries or bookings or reviews),
        inquiries=len(inquiries),
        bookings=len(bookings),
        revenue_booked=total((each.currency, _whole_units(each)) for each in bookings),
        reviews=len(reviews),
        average_rating=(Decimal(sum(ratings)) / len(ratings)).quantize(Decimal("0.01")) if ratings else None,
    )


def _whole_units(booking: Booking) -> Decimal:
    return Decimal(booking.total_minor).scaleb(-_EXPONENTS.get(booking.currency, 2))
