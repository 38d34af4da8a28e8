"""One record of each kind with every field set, and for each field another value that it may have."""

from collections.abc import Sequence
from dataclasses import fields, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from types import NoneType
from typing import Any, get_args, get_type_hints

from tests.fakes import NOON
from tests.samples import DAY

from anselai.domain.records import (
    AdCampaign,
    AdMetric,
    Attribution,
    Booking,
    Content,
    ContentMetric,
    Inquiry,
    Metric,
    Record,
    Review,
)

LATER = NOON + timedelta(hours=1)
NESTED = {"story_taps": 3, "breakdown": {"age": ["18-24", None, 1.5, True]}, "title": "O'Brien \\ „Hochzeit“ 💍"}

FULL_RECORDS: Sequence[Record] = (
    Metric(
        account_id="account-1",
        metric="reach",
        metric_date=DAY,
        value=Decimal("1234.5678"),
        as_of=NOON,
        period="days_28",
        dimension="device=mobile",
        unit="currency",
        currency="EUR",
        platform_metric="accounts_engaged",
        data_status="ESTIMATE",
        is_final=True,
    ),
    Content(
        account_id="account-1",
        external_id="post-1",
        content_type="reel",
        as_of=NOON,
        raw_type="VIDEO/REELS",
        title="First look",
        caption="A „first look“ at the Müllers' wedding — 💍\n\tmore soon",
        permalink="https://example.org/p/1",
        thumbnail_url="https://example.org/t/1",
        media_url="https://example.org/m/1",
        link_url="https://example.org/l/1",
        published_at=NOON,
        expires_at=LATER,
        hashtags=("wedding", "first-look", "wedding"),
        alt_text="Two people who laugh",
        duration_seconds=Decimal("12.345"),
        board_id="board-1",
        category="wedding",
        is_promoted=True,
        deleted_at=LATER,
        extra=NESTED,
    ),
    ContentMetric(
        content_external_id="post-1",
        metric_date=DAY,
        basis="daily",
        as_of=NOON,
        views=1,
        reach=2,
        likes=3,
        comments=4,
        shares=5,
        saves=6,
        clicks=7,
        outbound_clicks=8,
        profile_visits=9,
        follows=10,
        video_views=2**40,
        watch_time_seconds=Decimal("99.125"),
        interactions=18,
        is_final=True,
        extra=NESTED,
    ),
    AdCampaign(
        account_id="ads-1",
        external_id="campaign-1",
        name="Spring weddings",
        status="active",
        as_of=NOON,
        raw_status="ENABLED",
        objective="leads",
        raw_objective="OUTCOME_LEADS",
        channel="social",
        daily_budget_micros=5_000_000,
        lifetime_budget_micros=2**40,
        currency="EUR",
        starts_on=DAY,
        ends_on=DAY + timedelta(days=30),
        platform_updated_at=NOON,
        deleted_at=LATER,
        extra=NESTED,
    ),
    AdMetric(
        account_id="ads-1",
        campaign_external_id="campaign-1",
        metric_date=DAY,
        spend_micros=12_345_678,
        currency="EUR",
        as_of=NOON,
        attribution="7d_click",
        impressions=1000,
        clicks=20,
        reach=800,
        frequency=Decimal("1.2500"),
        conversions=Decimal("2.5000"),
        conversions_value_micros=2**40,
        leads=Decimal("1.5000"),
        view_through_conversions=Decimal("0.5000"),
        video_views=30,
        is_final=True,
        extra=NESTED,
    ),
    Review(
        source="google",
        account_id="account-1",
        external_id="review-1",
        as_of=NOON,
        rating=5,
        recommends=True,
        body="Wonderful, from the first call to the album.",
        title="Wonderful",
        language="en",
        reviewer_name="A guest",
        reviewer_photo_url="https://example.org/r/1",
        is_anonymous=True,
        reviewed_at=NOON,
        platform_updated_at=NOON,
        reply_body="Thank you!",
        replied_at=LATER,
        status="published",
        deleted_at=LATER,
        extra=NESTED,
    ),
    Inquiry(
        source_system="website_form",
        external_id="inquiry-1",
        received_at=NOON,
        as_of=NOON,
        first_response_at=NOON,
        closed_at=LATER,
        contact_name="A couple",
        contact_email="couple@example.org",
        contact_phone="+49 30 123",
        contact_key="key-1",
        service_type="wedding",
        event_date=DAY,
        event_location="Potsdam",
        guest_count=80,
        message="Are you free?",
        budget_min_minor=200_000,
        budget_max_minor=300_000,
        estimated_value_minor=250_000,
        currency="EUR",
        stage="contacted",
        lost_reason="price",
        how_found_us="a friend",
        utm_source="instagram",
        utm_medium="social",
        utm_campaign="spring",
        utm_content="reel",
        utm_term="wedding photographer",
        click_id="click-1",
        click_id_type="fbclid",
        landing_url="https://example.org/",
        referrer_host="instagram.com",
        extra=NESTED,
    ),
    Booking(
        source_system="manual",
        external_id="booking-1",
        status="confirmed",
        total_minor=250_000,
        currency="EUR",
        as_of=NOON,
        inquiry_source_system="website_form",
        inquiry_external_id="inquiry-1",
        client_name="A couple",
        contact_key="key-1",
        service_type="wedding",
        package_name="Full day",
        event_date=DAY,
        event_timezone="Europe/Berlin",
        starts_at=NOON,
        location="Potsdam",
        proposal_sent_at=NOON,
        accepted_at=NOON,
        contract_signed_at=NOON,
        deposit_paid_at=NOON,
        booked_at=NOON,
        delivered_at=NOON,
        completed_at=NOON,
        cancelled_at=NOON,
        deposit_minor=50_000,
        paid_minor=60_000,
        discount_minor=10_000,
        tax_minor=39_916,
        refunded_minor=1,
        extra=NESTED,
    ),
    Attribution(
        inquiry_source_system="website_form",
        inquiry_external_id="inquiry-1",
        touch_seq=1,
        occurred_at=NOON,
        channel="paid_social",
        as_of=NOON,
        is_first=True,
        is_last=True,
        touch_platform="google",
        campaign_account_id="ads-1",
        campaign_external_id="campaign-1",
        content_external_id="post-1",
        utm_source="instagram",
        utm_medium="social",
        utm_campaign="spring",
        utm_content="reel",
        utm_term="wedding photographer",
        click_id="click-1",
        click_id_type="fbclid",
        landing_url="https://example.org/",
        referrer_host="instagram.com",
        evidence="click_id",
        confidence=Decimal("0.90"),
        credit_first=Decimal("1.000000"),
        credit_last=Decimal("0.500000"),
        credit_last_non_direct=Decimal("0.250000"),
        credit_linear=Decimal("0.333333"),
        credit_position=Decimal("0.400000"),
        credit_time_decay=Decimal("0.123456"),
        model_version=2,
        lookback_days=30,
    ),
)

NATURAL_KEYS: dict[type[Record], frozenset[str]] = {
    Metric: frozenset({"account_id", "metric", "period", "metric_date", "dimension"}),
    Content: frozenset({"external_id"}),
    ContentMetric: frozenset({"content_external_id", "metric_date", "basis"}),
    AdCampaign: frozenset({"account_id", "external_id"}),
    AdMetric: frozenset({"account_id", "campaign_external_id", "metric_date", "attribution"}),
    Review: frozenset({"source", "external_id"}),
    Inquiry: frozenset({"source_system", "external_id"}),
    Booking: frozenset({"source_system", "external_id"}),
    Attribution: frozenset({"inquiry_source_system", "inquiry_external_id", "touch_seq"}),
}

# Values of a closed set, and references, which must not lead nowhere.
_ALTERNATIVES: dict[str, Any] = {
    "period": "day",
    "unit": "count",
    "currency": "USD",
    "basis": "cumulative",
    "rating": 4,
    "confidence": Decimal("0.30"),
    "inquiry_external_id": "inquiry-2",
    "content_external_id": "post-2",
    "campaign_external_id": "campaign-2",
    "extra": {"story_taps": 3, "breakdown": {"age": ["18-24", None, 1.5, False]}},
}
_STATUSES: dict[type[Record], str] = {AdCampaign: "paused", Review: "hidden", Booking: "delivered"}
_REFERENCE_PARTS = {"inquiry_source_system", "campaign_account_id", "touch_platform"}


def with_another_value(record: Any, name: str) -> Any:
    """The same record, but for this field."""
    value = getattr(record, name)
    if name == "status":
        return replace(record, status=_STATUSES[type(record)])
    if name in _ALTERNATIVES:
        return replace(record, **{name: _ALTERNATIVES[name]})
    match value:
        case bool():
            return replace(record, **{name: not value})
        case str():
            return replace(record, **{name: f"{value} again"})
        case datetime() | date():
            return replace(record, **{name: value + timedelta(days=1)})
        case tuple():
            return replace(record, **{name: value[::-1] + value[:1]})
    return replace(record, **{name: value + 1})


def fields_with_values() -> Sequence[tuple[Record, str]]:
    """Every field of every kind that tells something, and does not tell which thing it is told of."""
    return [
        (record, field.name)
        for record in FULL_RECORDS
        for field in fields(record)
        if field.name not in NATURAL_KEYS[type(record)] | _REFERENCE_PARTS | {"as_of"}
    ]


def fields_that_may_be_empty() -> Sequence[tuple[Record, str]]:
    hints = {type(record): get_type_hints(type(record)) for record in FULL_RECORDS}
    return [(record, name) for record, name in fields_with_values() if NoneType in get_args(hints[type(record)][name])]
