"""The figures of a studio's own business, computed from the records as they lie."""

from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal

from anselai.adapters.memory.platform_figures import is_within, total
from anselai.adapters.memory.record_shelf import RecordShelf
from anselai.domain.insights import BusinessFigures, Period, minor_units
from anselai.domain.records import Booking, Inquiry, Review


def business_figures(shelf: RecordShelf, studio: str, period: Period) -> BusinessFigures:
    inquiries = [
        each for _, each in shelf.of(Inquiry, studio) if each.stage != "spam" and is_within(each.received_at, period)
    ]
    bookings = [
        each
        for _, each in shelf.of(Booking, studio)
        if each.status not in ("tentative", "cancelled") and is_within(each.booked_at, period)
    ]
    live = [each for _, each in shelf.of(Review, studio) if each.status == "published" and each.deleted_at is None]
    reviews = [each for each in live if is_within(each.reviewed_at, period)]
    ratings = [each.rating for each in live if each.rating is not None]
    return BusinessFigures(
        has_data=bool(inquiries or bookings or reviews),
        inquiries=len(inquiries),
        bookings=len(bookings),
        revenue_booked=total((each.currency, _whole_units(each)) for each in bookings),
        reviews=len(reviews),
        average_rating=_average(ratings),
    )


def _average(ratings: Sequence[int]) -> Decimal | None:
    if not ratings:
        return None
    return (Decimal(sum(ratings)) / len(ratings)).quantize(Decimal("0.01"), ROUND_HALF_UP)


def _whole_units(booking: Booking) -> Decimal:
    return Decimal(booking.total_minor).scaleb(-minor_units(booking.currency))
