"""Studios, their connections and schedules, the queue of jobs, the log, and the daemons."""

from alembic import op

revision = "0001_connections_and_sync"
down_revision = None

TABLES = (
    """
    CREATE TABLE studios (
        id text NOT NULL,
        name text NOT NULL,
        created_at timestamptz NOT NULL DEFAULT statement_timestamp(),
        CONSTRAINT pk_studios PRIMARY KEY (id)
    )
    """,
    """
    CREATE TABLE platform_connections (
        id uuid NOT NULL,
        studio text NOT NULL,
        platform text NOT NULL,
        account_id text,
        access_token text NOT NULL,
        refresh_token text,
        token_expires_at timestamptz,
        scopes text[] NOT NULL,
        status text NOT NULL,
        last_sync_at timestamptz,
        last_error_code text,
        last_error text,
        version bigint NOT NULL,
        refresh_owner uuid,
        refresh_lease_expires_at timestamptz,
        created_at timestamptz NOT NULL,
        updated_at timestamptz NOT NULL,
        CONSTRAINT pk_platform_connections PRIMARY KEY (id),
        CONSTRAINT uq_platform_connections_natural_key UNIQUE (studio, platform),
        CONSTRAINT ck_platform_connections_platform CHECK (platform ~ '^[a-z][a-z0-9-]{0,62}$'),
        CONSTRAINT ck_platform_connections_status CHECK (status IN ('active', 'expired', 'error')),
        CONSTRAINT ck_platform_connections_refresh_right
            CHECK ((refresh_owner IS NULL) = (refresh_lease_expires_at IS NULL)),
        CONSTRAINT fk_platform_connections_studios FOREIGN KEY (studio) REFERENCES studios (id)
    ) WITH (fillfactor = 70)
    """,
    """
    CREATE TABLE sync_schedules (
        studio text NOT NULL,
        platform text NOT NULL,
        frequency text NOT NULL,
        cron text NOT NULL,
        timezone text NOT NULL,
        enabled boolean NOT NULL,
        catch_up text NOT NULL,
        next_slot_at timestamptz NOT NULL,
        disabled_reason text,
        version bigint NOT NULL,
        CONSTRAINT pk_sync_schedules PRIMARY KEY (studio, platform, frequency),
        CONSTRAINT fk_sync_schedules_platform_connections
            FOREIGN KEY (studio, platform) REFERENCES platform_connections (studio, platform) ON DELETE CASCADE,
        CONSTRAINT ck_sync_schedules_frequency CHECK (frequency IN ('hourly', 'daily', 'weekly')),
        CONSTRAINT ck_sync_schedules_catch_up CHECK (catch_up IN ('latest', 'all', 'skip'))
    )
    """,
    """
    CREATE TABLE sync_jobs (
        id uuid NOT NULL,
        studio text NOT NULL,
        platform text NOT NULL,
        frequency text NOT NULL,
        trigger text NOT NULL,
        slot_at timestamptz,
        state text NOT NULL,
        run_after timestamptz NOT NULL,
        attempt integer NOT NULL DEFAULT 0,
        failures integer NOT NULL DEFAULT 0,
        partial_failures integer NOT NULL DEFAULT 0,
        fence bigint NOT NULL DEFAULT 0,
        cursor text,
        records bigint NOT NULL DEFAULT 0,
        worker uuid,
        lease_expires_at timestamptz,
        created_at timestamptz NOT NULL DEFAULT statement_timestamp(),
        started_at timestamptz,
        finished_at timestamptz,
        last_error_class text,
        last_error_code text,
        last_error text,
        CONSTRAINT pk_sync_jobs PRIMARY KEY (id),
        CONSTRAINT uq_sync_jobs_slot UNIQUE (studio, platform, frequency, slot_at),
        CONSTRAINT ck_sync_jobs_frequency CHECK (frequency IN ('hourly', 'daily', 'weekly')),
        CONSTRAINT ck_sync_jobs_trigger CHECK (trigger IN ('schedule', 'manual')),
        CONSTRAINT ck_sync_jobs_state
            CHECK (state IN ('queued', 'running', 'succeeded', 'failed', 'cancelled')),
        CONSTRAINT ck_sync_jobs_slot CHECK ((trigger = 'manual') = (slot_at IS NULL)),
        CONSTRAINT ck_sync_jobs_lease CHECK ((state = 'running') = (lease_expires_at IS NOT NULL)),
        CONSTRAINT ck_sync_jobs_finished CHECK ((state IN ('queued', 'running')) = (finished_at IS NULL)),
        CONSTRAINT fk_sync_jobs_studios FOREIGN KEY (studio) REFERENCES studios (id)
    )
    """,
    """
    CREATE TABLE sync_log (
        id bigint GENERATED ALWAYS AS IDENTITY,
        studio text NOT NULL,
        platform text,
        trigger text NOT NULL,
        outcome text NOT NULL,
        logged_at timestamptz NOT NULL DEFAULT statement_timestamp(),
        frequency text,
        job_id uuid,
        slot_at timestamptz,
        slot_last_at timestamptz,
        count integer NOT NULL DEFAULT 1,
        attempt integer,
        started_at timestamptz,
        finished_at timestamptz,
        records bigint NOT NULL DEFAULT 0,
        api_calls integer NOT NULL DEFAULT 0,
        simulated boolean NOT NULL DEFAULT false,
        error_class text,
        error_code text,
        message text,
        route text,
        request_id text,
        minute timestamptz,
        CONSTRAINT pk_sync_log PRIMARY KEY (id),
        CONSTRAINT ck_sync_log_frequency CHECK (frequency IN ('hourly', 'daily', 'weekly')),
        CONSTRAINT ck_sync_log_trigger CHECK (trigger IN ('schedule', 'manual', 'api')),
        CONSTRAINT ck_sync_log_outcome
            CHECK (outcome IN ('succeeded', 'failed', 'stalled', 'retrying', 'abandoned', 'released',
                'cancelled', 'overlapped', 'missed', 'coalesced', 'paused', 'api_error')),
        CONSTRAINT ck_sync_log_minute CHECK ((outcome = 'api_error') = (minute IS NOT NULL)),
        CONSTRAINT ck_sync_log_count CHECK (count > 0),
        CONSTRAINT ck_sync_log_message CHECK (length(message) <= 1000)
    )
    """,
    """
    CREATE TABLE sync_workers (
        id uuid NOT NULL,
        host text NOT NULL,
        pid bigint NOT NULL,
        started_at timestamptz NOT NULL DEFAULT statement_timestamp(),
        last_beat_at timestamptz NOT NULL DEFAULT statement_timestamp(),
        CONSTRAINT pk_sync_workers PRIMARY KEY (id)
    )
    """,
)

INDEXES = (
    (
        "CREATE INDEX ix_platform_connections_token_expires_at"
        " ON platform_connections (token_expires_at) WHERE status = 'active'"
    ),
    "CREATE INDEX ix_sync_schedules_next_slot_at ON sync_schedules (next_slot_at)",
    "CREATE INDEX ix_sync_jobs_finished ON sync_jobs (finished_at) WHERE finished_at IS NOT NULL",
    "CREATE INDEX ix_sync_jobs_queued ON sync_jobs (run_after) WHERE state = 'queued'",
    "CREATE INDEX ix_sync_jobs_running ON sync_jobs (lease_expires_at) WHERE state = 'running'",
    (
        "CREATE UNIQUE INDEX uq_sync_jobs_active"
        " ON sync_jobs (studio, platform, frequency) WHERE state IN ('queued', 'running')"
    ),
    "CREATE INDEX ix_sync_log_job_id ON sync_log (job_id) WHERE job_id IS NOT NULL",
    (
        "CREATE INDEX ix_sync_log_runs ON sync_log (studio, platform, frequency, id DESC)"
        " WHERE outcome IN ('succeeded', 'failed', 'stalled', 'retrying')"
    ),
    "CREATE INDEX ix_sync_log_studio_id ON sync_log (studio, id DESC)",
    "CREATE INDEX ix_sync_log_studio_platform_id ON sync_log (studio, platform, id DESC)",
    (
        "CREATE UNIQUE INDEX uq_sync_log_api_error"
        " ON sync_log (studio, route, error_code, minute) WHERE outcome = 'api_error'"
    ),
)


def upgrade() -> None:
    for statement in (*TABLES, *INDEXES):
        op.execute(statement)
    op.execute("INSERT INTO studios (id, name) VALUES ('default', 'My studio')")


def downgrade() -> None:
    for table in ("sync_workers", "sync_log", "sync_jobs", "sync_schedules", "platform_connections", "studios"):
        op.execute(f"DROP TABLE {table}")
