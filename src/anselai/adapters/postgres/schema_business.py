"""The tables of the studio's own business: reviews, inquiries, bookings, and what led to them.

As in `schema_records`; `platform` is the plug-in that delivered the row, `source` the system it came from.
"""

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    Numeric,
    SmallInteger,
    Table,
    UniqueConstraint,
    Uuid,
    false,
    text,
)

from anselai.adapters.postgres.columns import bigints, extra, finite, history, instants, iso_currency, record_id, texts
from anselai.adapters.postgres.metadata import INSTANT, metadata, one_of, studio_and_platform

reviews = Table(
    "reviews",
    metadata,
    record_id(),
    *studio_and_platform(),
    *texts("source", "account_id", "external_id", nullable=False),
    Column("rating", SmallInteger),
    Column("recommends", Boolean),
    *texts("body", "title", "language", "reviewer_name", "reviewer_photo_url"),
    Column("is_anonymous", Boolean, nullable=False, server_default=false()),
    *instants("reviewed_at", "platform_updated_at"),
    *texts("reply_body"),
    *instants("replied_at"),
    *texts("status", nullable=False),
    *instants("deleted_at"),
    extra(),
    *history(),
    UniqueConstraint("studio", "source", "external_id", name="natural_key"),
    one_of("status", ("published", "hidden", "deleted")),
    CheckConstraint("rating BETWEEN 1 AND 5", name="rating"),
)
Index("ix_reviews_reviewed_at", reviews.c.studio, reviews.c.reviewed_at.desc())
Index("ix_reviews_rating", reviews.c.studio, reviews.c.source, reviews.c.rating)
Index(
    "ix_reviews_awaiting_reply",
    reviews.c.studio,
    reviews.c.reviewed_at,
    postgresql_where=text("replied_at IS NULL AND deleted_at IS NULL"),
)

inquiries = Table(
    "inquiries",
    metadata,
    record_id(),
    *studio_and_platform(),
    *texts("source_system", "external_id", nullable=False),
    Column("received_at", INSTANT, nullable=False),
    *instants("first_response_at", "closed_at"),
    *texts("contact_name", "contact_email", "contact_phone", "contact_key", "service_type"),
    Column("event_date", Date),
    *texts("event_location"),
    Column("guest_count", Integer),
    *texts("message"),
    *bigints("budget_min_minor", "budget_max_minor", "estimated_value_minor"),
    *texts("currency"),
    *texts("stage", nullable=False),
    *texts("lost_reason", "how_found_us", "utm_source", "utm_medium", "utm_campaign", "utm_content", "utm_term"),
    *texts("click_id", "click_id_type", "landing_url", "referrer_host"),
    extra(),
    *history(),
    UniqueConstraint("studio", "source_system", "external_id", name="natural_key"),
    iso_currency(),
)
Index("ix_inquiries_received_at", inquiries.c.studio, inquiries.c.received_at)
Index("ix_inquiries_stage", inquiries.c.studio, inquiries.c.stage, inquiries.c.received_at)
Index("ix_inquiries_contact_key", inquiries.c.studio, inquiries.c.contact_key)
Index("ix_inquiries_event_date", inquiries.c.studio, inquiries.c.event_date)

bookings = Table(
    "bookings",
    metadata,
    record_id(),
    *studio_and_platform(),
    Column("inquiry_id", Uuid, ForeignKey("inquiries.id", ondelete="SET NULL")),
    *texts("source_system", "external_id", nullable=False),
    *texts("client_name", "contact_key", "service_type", "package_name"),
    Column("event_date", Date),
    *texts("event_timezone"),
    *instants("starts_at"),
    *texts("location"),
    *texts("status", nullable=False),
    *instants("proposal_sent_at", "accepted_at", "contract_signed_at", "deposit_paid_at", "booked_at"),
    *instants("delivered_at", "completed_at", "cancelled_at"),
    *bigints(
        "total_minor", "deposit_minor", "paid_minor", "discount_minor", "tax_minor", "refunded_minor", nullable=False
    ),
    *texts("currency", nullable=False),
    extra(),
    *history(),
    UniqueConstraint("studio", "source_system", "external_id", name="natural_key"),
    one_of(
        "status",
        ("tentative", "confirmed", "in_progress", "editing", "delivered", "completed", "cancelled", "postponed"),
    ),
    iso_currency(),
)
Index("ix_bookings_booked_at", bookings.c.studio, bookings.c.booked_at)
Index("ix_bookings_event_date", bookings.c.studio, bookings.c.event_date)
Index("ix_bookings_status", bookings.c.studio, bookings.c.status)
Index("ix_bookings_inquiry_id", bookings.c.inquiry_id)

CREDITS = tuple(f"credit_{model}" for model in ("first", "last", "last_non_direct", "linear", "position", "time_decay"))

attribution = Table(
    "attribution",
    metadata,
    record_id(),
    *studio_and_platform(),
    Column("inquiry_id", Uuid, ForeignKey("inquiries.id", ondelete="CASCADE"), nullable=False),
    Column("touch_seq", Integer, nullable=False),
    Column("is_first", Boolean, nullable=False),
    Column("is_last", Boolean, nullable=False),
    Column("occurred_at", INSTANT, nullable=False),
    *texts("channel", nullable=False),
    # What the touch said, kept also where the campaign or post is not known (yet), and the rows that it names.
    *texts("touch_platform", "campaign_account_id", "campaign_external_id", "content_external_id"),
    Column("ad_campaign_id", Uuid, ForeignKey("ad_campaigns.id", ondelete="SET NULL")),
    Column("content_id", Uuid, ForeignKey("content.id", ondelete="SET NULL")),
    *texts("utm_source", "utm_medium", "utm_campaign", "utm_content", "utm_term"),
    *texts("click_id", "click_id_type", "landing_url", "referrer_host"),
    *texts("evidence", nullable=False),
    Column("confidence", Numeric(3, 2), nullable=False),
    *(Column(credit, Numeric(7, 6), nullable=False) for credit in CREDITS),
    Column("model_version", Integer, nullable=False),
    Column("lookback_days", Integer, nullable=False),
    *history(),
    UniqueConstraint("inquiry_id", "touch_seq", name="natural_key"),
    CheckConstraint("confidence BETWEEN 0 AND 1", name="confidence"),
    finite(*CREDITS),
)
Index("ix_attribution_channel", attribution.c.studio, attribution.c.channel, attribution.c.occurred_at)
Index("ix_attribution_ad_campaign_id", attribution.c.ad_campaign_id)
Index("ix_attribution_content_id", attribution.c.content_id)
