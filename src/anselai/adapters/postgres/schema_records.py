"""The tables of what platforms tell of an account, its content and its ads, named and typed after `domain/records.py`.

Every natural key starts with the studio, but for those that hang on a parent's id. `platform` is the one that delivered
the row. There is no foreign key to `studios`: rows come only through a job, which has one, and each insert would lock
the studio's row.
"""

from sqlalchemy import (
    ARRAY,
    Boolean,
    Column,
    Date,
    ForeignKey,
    Index,
    Numeric,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)

from anselai.adapters.postgres.columns import (
    EMPTY,
    bigints,
    extra,
    finite,
    history,
    instants,
    iso_currency,
    record_id,
    texts,
)
from anselai.adapters.postgres.metadata import metadata, one_of, studio_and_platform

metrics = Table(
    "metrics",
    metadata,
    record_id(),
    *studio_and_platform(),
    *texts("account_id", "metric", "period", nullable=False),
    Column("metric_date", Date, nullable=False),
    *texts("dimension", nullable=False),
    Column("value", Numeric(20, 4), nullable=False),
    *texts("unit", nullable=False),
    *texts("currency", "platform_metric", "data_status"),
    Column("is_final", Boolean, nullable=False),
    *history(),
    UniqueConstraint(
        "studio", "platform", "account_id", "metric", "period", "metric_date", "dimension", name="natural_key"
    ),
    one_of("period", ("day", "week", "days_28", "month", "lifetime")),
    one_of("unit", ("count", "ratio", "seconds", "currency")),
    iso_currency(),
    finite("value"),
)
Index(
    "ix_metrics_series",
    metrics.c.studio,
    metrics.c.metric,
    metrics.c.period,
    metrics.c.metric_date,
    postgresql_include=["platform", "account_id", "value"],
)

content = Table(
    "content",
    metadata,
    record_id(),
    *studio_and_platform(),
    *texts("account_id", "external_id", "content_type", nullable=False),
    *texts("raw_type", "title", "caption", "permalink", "thumbnail_url", "media_url", "link_url"),
    *instants("published_at", "expires_at"),
    Column("hashtags", ARRAY(Text), nullable=False, server_default=EMPTY),
    *texts("alt_text"),
    Column("duration_seconds", Numeric(12, 3)),
    *texts("board_id", "category"),
    Column("is_promoted", Boolean),
    *instants("deleted_at"),
    extra(),
    *history(),
    UniqueConstraint("studio", "platform", "external_id", name="natural_key"),
    finite("duration_seconds"),
)
Index("ix_content_published_at", content.c.studio, content.c.published_at.desc())
Index(
    "ix_content_account",
    content.c.studio,
    content.c.platform,
    content.c.account_id,
    content.c.content_type,
    content.c.published_at.desc(),
)

content_metrics = Table(
    "content_metrics",
    metadata,
    record_id(),
    *studio_and_platform(),
    Column("content_id", Uuid, ForeignKey("content.id", ondelete="CASCADE"), nullable=False),
    Column("metric_date", Date, nullable=False),
    *texts("basis", nullable=False),
    *bigints("views", "reach", "likes", "comments", "shares", "saves", "clicks", "outbound_clicks"),
    *bigints("profile_visits", "follows", "video_views"),
    Column("watch_time_seconds", Numeric(18, 3)),
    *bigints("interactions"),
    Column("is_final", Boolean, nullable=False),
    extra(),
    *history(),
    UniqueConstraint("content_id", "metric_date", "basis", name="natural_key"),
    one_of("basis", ("cumulative", "daily")),
    finite("watch_time_seconds"),
)
Index("ix_content_metrics_metric_date", content_metrics.c.studio, content_metrics.c.metric_date)

ad_campaigns = Table(
    "ad_campaigns",
    metadata,
    record_id(),
    *studio_and_platform(),
    *texts("account_id", "external_id", "name", "status", nullable=False),
    *texts("raw_status", "objective", "raw_objective", "channel"),
    *bigints("daily_budget_micros", "lifetime_budget_micros"),
    *texts("currency"),
    Column("starts_on", Date),
    Column("ends_on", Date),
    *instants("platform_updated_at", "deleted_at"),
    extra(),
    *history(),
    UniqueConstraint("studio", "platform", "account_id", "external_id", name="natural_key"),
    one_of("status", ("draft", "active", "paused", "ended", "archived", "removed", "issue", "unknown")),
    iso_currency(),
)
Index(
    "ix_ad_campaigns_status",
    ad_campaigns.c.studio,
    ad_campaigns.c.status,
    postgresql_where=text("deleted_at IS NULL"),
)
Index("ix_ad_campaigns_name", ad_campaigns.c.studio, ad_campaigns.c.platform, ad_campaigns.c.name)

ad_metrics = Table(
    "ad_metrics",
    metadata,
    record_id(),
    *studio_and_platform(),
    Column("ad_campaign_id", Uuid, ForeignKey("ad_campaigns.id", ondelete="CASCADE"), nullable=False),
    Column("metric_date", Date, nullable=False),
    *texts("attribution", nullable=False),
    *bigints("spend_micros", nullable=False),
    *texts("currency", nullable=False),
    *bigints("impressions", "clicks", "reach"),
    Column("frequency", Numeric(12, 4)),
    Column("conversions", Numeric(18, 4)),
    *bigints("conversions_value_micros"),
    Column("leads", Numeric(18, 4)),
    Column("view_through_conversions", Numeric(18, 4)),
    *bigints("video_views"),
    Column("is_final", Boolean, nullable=False),
    extra(),
    *history(),
    UniqueConstraint("ad_campaign_id", "metric_date", "attribution", name="natural_key"),
    iso_currency(),
    finite("frequency", "conversions", "leads", "view_through_conversions"),
)
Index(
    "ix_ad_metrics_metric_date",
    ad_metrics.c.studio,
    ad_metrics.c.metric_date,
    postgresql_include=["platform", "spend_micros", "currency"],
)
Index(
    "ix_ad_metrics_not_final",
    ad_metrics.c.studio,
    ad_metrics.c.metric_date,
    postgresql_where=text("NOT is_final"),
)
