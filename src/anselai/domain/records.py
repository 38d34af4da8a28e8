"""What a sync brings in. Each record is keyed by what the platform itself calls the thing, so storing it again changes
nothing; `as_of` is when it was read, and an older reading never overwrites a newer one.

Money of ads is in micros (a millionth) of `currency`, money of the business in its minor unit (ISO 4217). `None` means
that the platform gave nothing; 0 means that it said zero. Days are days as the platform counts them for the account.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One account-level figure for one period that ends on `metric_date`."""

    account_id: str
    metric: str
    metric_date: date
    value: Decimal
    as_of: datetime
    period: Literal["day", "week", "days_28", "month", "lifetime"] = "day"
    dimension: str = ""
    unit: Literal["count", "ratio", "seconds", "currency"] = "count"
    currency: str | None = None
    platform_metric: str | None = None
    data_status: str | None = None
    is_final: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """A post, reel, story, pin or video."""

    account_id: str
    external_id: str
    content_type: str
    as_of: datetime
    raw_type: str | None = None
    title: str | None = None
    caption: str | None = None
    permalink: str | None = None
    thumbnail_url: str | None = None
    media_url: str | None = None
    link_url: str | None = None
    published_at: datetime | None = None
    expires_at: datetime | None = None
    hashtags: tuple[str, ...] = ()
    alt_text: str | None = None
    duration_seconds: Decimal | None = None
    board_id: str | None = None
    category: str | None = None
    is_promoted: bool | None = None
    deleted_at: datetime | None = None
    extra: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ContentMetric:
    """The figures of one piece of content: a running total seen on a day, or the activity of that day."""

    content_external_id: str
    metric_date: date
    basis: Literal["cumulative", "daily"]
    as_of: datetime
    views: int | None = None
    reach: int | None = None
    likes: int | None = None
    comments: int | None = None
    shares: int | None = None
    saves: int | None = None
    clicks: int | None = None
    outbound_clicks: int | None = None
    profile_visits: int | None = None
    follows: int | None = None
    video_views: int | None = None
    watch_time_seconds: Decimal | None = None
    interactions: int | None = None
    is_final: bool = False
    extra: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class AdCampaign:
    account_id: str
    external_id: str
    name: str
    status: Literal["draft", "active", "paused", "ended", "archived", "removed", "issue", "unknown"]
    as_of: datetime
    raw_status: str | None = None
    objective: str | None = None
    raw_objective: str | None = None
    channel: str | None = None
    daily_budget_micros: int | None = None
    lifetime_budget_micros: int | None = None
    currency: str | None = None
    starts_on: date | None = None
    ends_on: date | None = None
    platform_updated_at: datetime | None = None
    deleted_at: datetime | None = None
    extra: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class AdMetric:
    """A campaign's figures on one day. `attribution` names the window or report time that was asked for."""

    account_id: str
    campaign_external_id: str
    metric_date: date
    spend_micros: int
    currency: str
    as_of: datetime
    attribution: str = "default"
    impressions: int | None = None
    clicks: int | None = None
    reach: int | None = None
    frequency: Decimal | None = None
    conversions: Decimal | None = None
    conversions_value_micros: int | None = None
    leads: Decimal | None = None
    view_through_conversions: Decimal | None = None
    video_views: int | None = None
    is_final: bool = False
    extra: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    source: str
    account_id: str
    external_id: str
    as_of: datetime
    rating: int | None = None
    recommends: bool | None = None
    body: str | None = None
    title: str | None = None
    language: str | None = None
    reviewer_name: str | None = None
    reviewer_photo_url: str | None = None
    is_anonymous: bool = False
    reviewed_at: datetime | None = None
    platform_updated_at: datetime | None = None
    reply_body: str | None = None
    replied_at: datetime | None = None
    status: Literal["published", "hidden", "deleted"] = "published"
    deleted_at: datetime | None = None
    extra: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Inquiry:
    """Somebody asked for a shoot. Name, address and phone are personal data."""

    source_system: str
    external_id: str
    received_at: datetime
    as_of: datetime
    first_response_at: datetime | None = None
    closed_at: datetime | None = None
    contact_name: str | None = field(default=None, repr=False)
    contact_email: str | None = field(default=None, repr=False)
    contact_phone: str | None = field(default=None, repr=False)
    contact_key: str | None = field(default=None, repr=False)
    service_type: str | None = None
    event_date: date | None = None
    event_location: str | None = None
    guest_count: int | None = None
    message: str | None = field(default=None, repr=False)
    budget_min_minor: int | None = None
    budget_max_minor: int | None = None
    estimated_value_minor: int | None = None
    currency: str | None = None
    stage: str = "new"
    lost_reason: str | None = None
    how_found_us: str | None = None
    utm_source: str | None = None
    utm_medium: str | None = None
    utm_campaign: str | None = None
    utm_content: str | None = None
    utm_term: str | None = None
    click_id: str | None = field(default=None, repr=False)
    click_id_type: str | None = None
    landing_url: str | None = None
    referrer_host: str | None = None
    extra: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Booking:
    """A shoot that was agreed. `booked_at` is the day of its revenue; without it the booking is only a proposal."""

    source_system: str
    external_id: str
    status: Literal[
        "tentative", "confirmed", "in_progress", "editing", "delivered", "completed", "cancelled", "postponed"
    ]
    total_minor: int
    currency: str
    as_of: datetime
    inquiry_source_system: str | None = None
    inquiry_external_id: str | None = None
    client_name: str | None = field(default=None, repr=False)
    contact_key: str | None = field(default=None, repr=False)
    service_type: str | None = None
    package_name: str | None = None
    event_date: date | None = None
    event_timezone: str | None = None
    starts_at: datetime | None = None
    location: str | None = None
    proposal_sent_at: datetime | None = None
    accepted_at: datetime | None = None
    contract_signed_at: datetime | None = None
    deposit_paid_at: datetime | None = None
    booked_at: datetime | None = None
    delivered_at: datetime | None = None
    completed_at: datetime | None = None
    cancelled_at: datetime | None = None
    deposit_minor: int = 0
    paid_minor: int = 0
    discount_minor: int = 0
    tax_minor: int = 0
    refunded_minor: int = 0
    extra: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribution:
    """One touch on the way to an inquiry. The credits of one inquiry's touches sum to 1 in each model."""

    inquiry_source_system: str
    inquiry_external_id: str
    touch_seq: int
    occurred_at: datetime
    channel: str
    as_of: datetime
    is_first: bool = False
    is_last: bool = False
    touch_platform: str | None = None
    campaign_account_id: str | None = None
    campaign_external_id: str | None = None
    content_external_id: str | None = None
    utm_source: str | None = None
    utm_medium: str | None = None
    utm_campaign: str | None = None
    utm_content: str | None = None
    utm_term: str | None = None
    click_id: str | None = field(default=None, repr=False)
    click_id_type: str | None = None
    landing_url: str | None = None
    referrer_host: str | None = None
    evidence: str = "manual"
    confidence: Decimal = Decimal(1)
    credit_first: Decimal = Decimal(0)
    credit_last: Decimal = Decimal(0)
    credit_last_non_direct: Decimal = Decimal(0)
    credit_linear: Decimal = Decimal(0)
    credit_position: Decimal = Decimal(0)
    credit_time_decay: Decimal = Decimal(0)
    model_version: int = 1
    lookback_days: int = 90


Record = Metric | Content | ContentMetric | AdCampaign | AdMetric | Review | Inquiry | Booking | Attribution
RECORD_TYPES = (Metric, Content, ContentMetric, AdCampaign, AdMetric, Review, Inquiry, Booking, Attribution)
