"""What platforms tell: figures of an account, its content, its ads."""

from alembic import op

revision = "0002_records"
down_revision = "0001_connections_and_sync"

TABLES = (
    """
    CREATE TABLE metrics (
        id uuid NOT NULL DEFAULT gen_random_uuid(),
        studio text NOT NULL,
        platform text NOT NULL,
        account_id text NOT NULL,
        metric text NOT NULL,
        period text NOT NULL,
        metric_date date NOT NULL,
        dimension text NOT NULL,
        value numeric(20, 4) NOT NULL,
        unit text NOT NULL,
        currency text,
        platform_metric text,
        data_status text,
        is_final boolean NOT NULL,
        as_of timestamptz NOT NULL,
        created_at timestamptz NOT NULL DEFAULT statement_timestamp(),
        updated_at timestamptz NOT NULL DEFAULT statement_timestamp(),
        CONSTRAINT pk_metrics PRIMARY KEY (id),
        CONSTRAINT uq_metrics_natural_key
            UNIQUE (studio, platform, account_id, metric, period, metric_date, dimension),
        CONSTRAINT ck_metrics_period CHECK (period IN ('day', 'week', 'days_28', 'month', 'lifetime')),
        CONSTRAINT ck_metrics_unit CHECK (unit IN ('count', 'ratio', 'seconds', 'currency')),
        CONSTRAINT ck_metrics_currency CHECK (currency ~ '^[A-Z]{3}$'),
        CONSTRAINT ck_metrics_finite CHECK ('NaN' NOT IN (value))
    )
    """,
    """
    CREATE TABLE content (
        id uuid NOT NULL DEFAULT gen_random_uuid(),
        studio text NOT NULL,
        platform text NOT NULL,
        account_id text NOT NULL,
        external_id text NOT NULL,
        content_type text NOT NULL,
        raw_type text,
        title text,
        caption text,
        permalink text,
        thumbnail_url text,
        media_url text,
        link_url text,
        published_at timestamptz,
        expires_at timestamptz,
        hashtags text[] NOT NULL DEFAULT '{}',
        alt_text text,
        duration_seconds numeric(12, 3),
        board_id text,
        category text,
        is_promoted boolean,
        deleted_at timestamptz,
        extra jsonb NOT NULL DEFAULT '{}',
        as_of timestamptz NOT NULL,
        created_at timestamptz NOT NULL DEFAULT statement_timestamp(),
        updated_at timestamptz NOT NULL DEFAULT statement_timestamp(),
        CONSTRAINT pk_content PRIMARY KEY (id),
        CONSTRAINT uq_content_natural_key UNIQUE (studio, platform, external_id),
        CONSTRAINT ck_content_finite CHECK ('NaN' NOT IN (duration_seconds))
    )
    """,
    """
    CREATE TABLE content_metrics (
        id uuid NOT NULL DEFAULT gen_random_uuid(),
        studio text NOT NULL,
        platform text NOT NULL,
        content_id uuid NOT NULL,
        metric_date date NOT NULL,
        basis text NOT NULL,
        views bigint,
        reach bigint,
        likes bigint,
        comments bigint,
        shares bigint,
        saves bigint,
        clicks bigint,
        outbound_clicks bigint,
        profile_visits bigint,
        follows bigint,
        video_views bigint,
        watch_time_seconds numeric(18, 3),
        interactions bigint,
        is_final boolean NOT NULL,
        extra jsonb NOT NULL DEFAULT '{}',
        as_of timestamptz NOT NULL,
        created_at timestamptz NOT NULL DEFAULT statement_timestamp(),
        updated_at timestamptz NOT NULL DEFAULT statement_timestamp(),
        CONSTRAINT pk_content_metrics PRIMARY KEY (id),
        CONSTRAINT uq_content_metrics_natural_key UNIQUE (content_id, metric_date, basis),
        CONSTRAINT ck_content_metrics_basis CHECK (basis IN ('cumulative', 'daily')),
        CONSTRAINT ck_content_metrics_finite CHECK ('NaN' NOT IN (watch_time_seconds)),
        CONSTRAINT fk_content_metrics_content FOREIGN KEY (content_id) REFERENCES content (id) ON DELETE CASCADE
    )
    """,
    """
    CREATE TABLE ad_campaigns (
        id uuid NOT NULL DEFAULT gen_random_uuid(),
        studio text NOT NULL,
        platform text NOT NULL,
        account_id text NOT NULL,
        external_id text NOT NULL,
        name text NOT NULL,
        status text NOT NULL,
        raw_status text,
        objective text,
        raw_objective text,
        channel text,
        daily_budget_micros bigint,
        lifetime_budget_micros bigint,
        currency text,
        starts_on date,
        ends_on date,
        platform_updated_at timestamptz,
        deleted_at timestamptz,
        extra jsonb NOT NULL DEFAULT '{}',
        as_of timestamptz NOT NULL,
        created_at timestamptz NOT NULL DEFAULT statement_timestamp(),
        updated_at timestamptz NOT NULL DEFAULT statement_timestamp(),
        CONSTRAINT pk_ad_campaigns PRIMARY KEY (id),
        CONSTRAINT uq_ad_campaigns_natural_key UNIQUE (studio, platform, account_id, external_id),
        CONSTRAINT ck_ad_campaigns_status
            CHECK (status IN ('draft', 'active', 'paused', 'ended', 'archived', 'removed', 'issue', 'unknown')),
        CONSTRAINT ck_ad_campaigns_currency CHECK (currency ~ '^[A-Z]{3}$')
    )
    """,
    """
    CREATE TABLE ad_metrics (
        id uuid NOT NULL DEFAULT gen_random_uuid(),
        studio text NOT NULL,
        platform text NOT NULL,
        ad_campaign_id uuid NOT NULL,
        metric_date date NOT NULL,
        attribution text NOT NULL,
        spend_micros bigint NOT NULL,
        currency text NOT NULL,
        impressions bigint,
        clicks bigint,
        reach bigint,
        frequency numeric(12, 4),
        conversions numeric(18, 4),
        conversions_value_micros bigint,
        leads numeric(18, 4),
        view_through_conversions numeric(18, 4),
        video_views bigint,
        is_final boolean NOT NULL,
        extra jsonb NOT NULL DEFAULT '{}',
        as_of timestamptz NOT NULL,
        created_at timestamptz NOT NULL DEFAULT statement_timestamp(),
        updated_at timestamptz NOT NULL DEFAULT statement_timestamp(),
        CONSTRAINT pk_ad_metrics PRIMARY KEY (id),
        CONSTRAINT uq_ad_metrics_natural_key UNIQUE (ad_campaign_id, metric_date, attribution),
        CONSTRAINT ck_ad_metrics_currency CHECK (currency ~ '^[A-Z]{3}$'),
        CONSTRAINT ck_ad_metrics_finite
            CHECK ('NaN' NOT IN (frequency, conversions, leads, view_through_conversions)),
        CONSTRAINT fk_ad_metrics_ad_campaigns
            FOREIGN KEY (ad_campaign_id) REFERENCES ad_campaigns (id) ON DELETE CASCADE
    )
    """,
)

INDEXES = (
    (
        "CREATE INDEX ix_metrics_series"
        " ON metrics (studio, metric, period, metric_date) INCLUDE (platform, account_id, value)"
    ),
    "CREATE INDEX ix_content_account ON content (studio, platform, account_id, content_type, published_at DESC)",
    "CREATE INDEX ix_content_published_at ON content (studio, published_at DESC)",
    "CREATE INDEX ix_content_metrics_metric_date ON content_metrics (studio, metric_date)",
    "CREATE INDEX ix_ad_campaigns_name ON ad_campaigns (studio, platform, name)",
    "CREATE INDEX ix_ad_campaigns_status ON ad_campaigns (studio, status) WHERE deleted_at IS NULL",
    (
        "CREATE INDEX ix_ad_metrics_metric_date"
        " ON ad_metrics (studio, metric_date) INCLUDE (platform, spend_micros, currency)"
    ),
    "CREATE INDEX ix_ad_metrics_not_final ON ad_metrics (studio, metric_date) WHERE NOT is_final",
)


def upgrade() -> None:
    for statement in (*TABLES, *INDEXES):
        op.execute(statement)


def downgrade() -> None:
    for table in ("ad_metrics", "ad_campaigns", "content_metrics", "content", "metrics"):
        op.execute(f"DROP TABLE {table}")
