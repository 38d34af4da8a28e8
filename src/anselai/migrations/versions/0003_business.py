"""The studio's own business: reviews, inquiries, bookings, and what led to them."""

from alembic import op

revision = "0003_business"
down_revision = "0002_records"

TABLES = (
    """
    CREATE TABLE reviews (
        id uuid NOT NULL DEFAULT gen_random_uuid(),
        studio text NOT NULL,
        platform text NOT NULL,
        source text NOT NULL,
        account_id text NOT NULL,
        external_id text NOT NULL,
        rating smallint,
        recommends boolean,
        body text,
        title text,
        language text,
        reviewer_name text,
        reviewer_photo_url text,
        is_anonymous boolean NOT NULL DEFAULT false,
        reviewed_at timestamptz,
        platform_updated_at timestamptz,
        reply_body text,
        replied_at timestamptz,
        status text NOT NULL,
        deleted_at timestamptz,
        extra jsonb NOT NULL DEFAULT '{}',
        as_of timestamptz NOT NULL,
        created_at timestamptz NOT NULL DEFAULT statement_timestamp(),
        updated_at timestamptz NOT NULL DEFAULT statement_timestamp(),
        CONSTRAINT pk_reviews PRIMARY KEY (id),
        CONSTRAINT uq_reviews_natural_key UNIQUE (studio, source, external_id),
        CONSTRAINT ck_reviews_status CHECK (status IN ('published', 'hidden', 'deleted')),
        CONSTRAINT ck_reviews_rating CHECK (rating BETWEEN 1 AND 5)
    )
    """,
    """
    CREATE TABLE inquiries (
        id uuid NOT NULL DEFAULT gen_random_uuid(),
        studio text NOT NULL,
        platform text NOT NULL,
        source_system text NOT NULL,
        external_id text NOT NULL,
        received_at timestamptz NOT NULL,
        first_response_at timestamptz,
        closed_at timestamptz,
        contact_name text,
        contact_email text,
        contact_phone text,
        contact_key text,
        service_type text,
        event_date date,
        event_location text,
        guest_count integer,
        message text,
        budget_min_minor bigint,
        budget_max_minor bigint,
        estimated_value_minor bigint,
        currency text,
        stage text NOT NULL,
        lost_reason text,
        how_found_us text,
        utm_source text,
        utm_medium text,
        utm_campaign text,
        utm_content text,
        utm_term text,
        click_id text,
        click_id_type text,
        landing_url text,
        referrer_host text,
        extra jsonb NOT NULL DEFAULT '{}',
        as_of timestamptz NOT NULL,
        created_at timestamptz NOT NULL DEFAULT statement_timestamp(),
        updated_at timestamptz NOT NULL DEFAULT statement_timestamp(),
        CONSTRAINT pk_inquiries PRIMARY KEY (id),
        CONSTRAINT uq_inquiries_natural_key UNIQUE (studio, source_system, external_id),
        CONSTRAINT ck_inquiries_currency CHECK (currency ~ '^[A-Z]{3}$')
    )
    """,
    """
    CREATE TABLE bookings (
        id uuid NOT NULL DEFAULT gen_random_uuid(),
        studio text NOT NULL,
        platform text NOT NULL,
        inquiry_id uuid,
        source_system text NOT NULL,
        external_id text NOT NULL,
        client_name text,
        contact_key text,
        service_type text,
        package_name text,
        event_date date,
        event_timezone text,
        starts_at timestamptz,
        location text,
        status text NOT NULL,
        proposal_sent_at timestamptz,
        accepted_at timestamptz,
        contract_signed_at timestamptz,
        deposit_paid_at timestamptz,
        booked_at timestamptz,
        delivered_at timestamptz,
        completed_at timestamptz,
        cancelled_at timestamptz,
        total_minor bigint NOT NULL,
        deposit_minor bigint NOT NULL,
        paid_minor bigint NOT NULL,
        discount_minor bigint NOT NULL,
        tax_minor bigint NOT NULL,
        refunded_minor bigint NOT NULL,
        currency text NOT NULL,
        extra jsonb NOT NULL DEFAULT '{}',
        as_of timestamptz NOT NULL,
        created_at timestamptz NOT NULL DEFAULT statement_timestamp(),
        updated_at timestamptz NOT NULL DEFAULT statement_timestamp(),
        CONSTRAINT pk_bookings PRIMARY KEY (id),
        CONSTRAINT uq_bookings_natural_key UNIQUE (studio, source_system, external_id),
        CONSTRAINT ck_bookings_status
            CHECK (status IN ('tentative', 'confirmed', 'in_progress', 'editing', 'delivered',
                'completed', 'cancelled', 'postponed')),
        CONSTRAINT ck_bookings_currency CHECK (currency ~ '^[A-Z]{3}$'),
        CONSTRAINT fk_bookings_inquiries FOREIGN KEY (inquiry_id) REFERENCES inquiries (id) ON DELETE SET NULL
    )
    """,
    """
    CREATE TABLE attribution (
        id uuid NOT NULL DEFAULT gen_random_uuid(),
        studio text NOT NULL,
        platform text NOT NULL,
        inquiry_id uuid NOT NULL,
        touch_seq integer NOT NULL,
        is_first boolean NOT NULL,
        is_last boolean NOT NULL,
        occurred_at timestamptz NOT NULL,
        channel text NOT NULL,
        touch_platform text,
        campaign_account_id text,
        campaign_external_id text,
        content_external_id text,
        ad_campaign_id uuid,
        content_id uuid,
        utm_source text,
        utm_medium text,
        utm_campaign text,
        utm_content text,
        utm_term text,
        click_id text,
        click_id_type text,
        landing_url text,
        referrer_host text,
        evidence text NOT NULL,
        confidence numeric(3, 2) NOT NULL,
        credit_first numeric(7, 6) NOT NULL,
        credit_last numeric(7, 6) NOT NULL,
        credit_last_non_direct numeric(7, 6) NOT NULL,
        credit_linear numeric(7, 6) NOT NULL,
        credit_position numeric(7, 6) NOT NULL,
        credit_time_decay numeric(7, 6) NOT NULL,
        model_version integer NOT NULL,
        lookback_days integer NOT NULL,
        as_of timestamptz NOT NULL,
        created_at timestamptz NOT NULL DEFAULT statement_timestamp(),
        updated_at timestamptz NOT NULL DEFAULT statement_timestamp(),
        CONSTRAINT pk_attribution PRIMARY KEY (id),
        CONSTRAINT uq_attribution_natural_key UNIQUE (inquiry_id, touch_seq),
        CONSTRAINT ck_attribution_confidence CHECK (confidence BETWEEN 0 AND 1),
        CONSTRAINT ck_attribution_finite
            CHECK ('NaN' NOT IN (credit_first, credit_last, credit_last_non_direct, credit_linear,
                credit_position, credit_time_decay)),
        CONSTRAINT fk_attribution_inquiries
            FOREIGN KEY (inquiry_id) REFERENCES inquiries (id) ON DELETE CASCADE,
        CONSTRAINT fk_attribution_ad_campaigns
            FOREIGN KEY (ad_campaign_id) REFERENCES ad_campaigns (id) ON DELETE SET NULL,
        CONSTRAINT fk_attribution_content FOREIGN KEY (content_id) REFERENCES content (id) ON DELETE SET NULL
    )
    """,
)

INDEXES = (
    (
        "CREATE INDEX ix_reviews_awaiting_reply"
        " ON reviews (studio, reviewed_at) WHERE replied_at IS NULL AND deleted_at IS NULL"
    ),
    "CREATE INDEX ix_reviews_rating ON reviews (studio, source, rating)",
    "CREATE INDEX ix_reviews_reviewed_at ON reviews (studio, reviewed_at DESC)",
    "CREATE INDEX ix_inquiries_contact_key ON inquiries (studio, contact_key)",
    "CREATE INDEX ix_inquiries_event_date ON inquiries (studio, event_date)",
    "CREATE INDEX ix_inquiries_received_at ON inquiries (studio, received_at)",
    "CREATE INDEX ix_inquiries_stage ON inquiries (studio, stage, received_at)",
    "CREATE INDEX ix_bookings_booked_at ON bookings (studio, booked_at)",
    "CREATE INDEX ix_bookings_event_date ON bookings (studio, event_date)",
    "CREATE INDEX ix_bookings_inquiry_id ON bookings (inquiry_id)",
    "CREATE INDEX ix_bookings_status ON bookings (studio, status)",
    "CREATE INDEX ix_attribution_ad_campaign_id ON attribution (ad_campaign_id)",
    "CREATE INDEX ix_attribution_channel ON attribution (studio, channel, occurred_at)",
    "CREATE INDEX ix_attribution_content_id ON attribution (content_id)",
)


def upgrade() -> None:
    for statement in (*TABLES, *INDEXES):
        op.execute(statement)


def downgrade() -> None:
    for table in ("attribution", "bookings", "inquiries", "reviews"):
        op.execute(f"DROP TABLE {table}")
