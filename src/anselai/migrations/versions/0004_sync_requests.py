"""Requests that may be repeated, and how often in a row a schedule failed."""

from alembic import op

revision = "0004_sync_requests"
down_revision = "0003_business"


def upgrade() -> None:
    op.execute("ALTER TABLE sync_schedules ADD COLUMN failures_in_row integer NOT NULL DEFAULT 0")
    op.execute("""
        CREATE INDEX ix_sync_schedules_failing ON sync_schedules (studio, platform, frequency)
        WHERE failures_in_row > 0
    """)
    op.execute("""
        CREATE TABLE sync_requests (
            studio text NOT NULL,
            idempotency_key text NOT NULL,
            platform text NOT NULL,
            frequency text,
            job_id uuid NOT NULL,
            requested_at timestamptz NOT NULL DEFAULT statement_timestamp(),
            CONSTRAINT pk_sync_requests PRIMARY KEY (studio, idempotency_key),
            CONSTRAINT fk_sync_requests_studios FOREIGN KEY (studio) REFERENCES studios (id),
            CONSTRAINT ck_sync_requests_frequency CHECK (frequency IN ('hourly', 'daily', 'weekly')),
            CONSTRAINT ck_sync_requests_idempotency_key CHECK (length(idempotency_key) BETWEEN 1 AND 255)
        )
    """)
    op.execute("CREATE INDEX ix_sync_requests_requested_at ON sync_requests (requested_at)")


def downgrade() -> None:
    op.execute("DROP TABLE sync_requests")
    op.execute("DROP INDEX ix_sync_schedules_failing")
    op.execute("ALTER TABLE sync_schedules DROP COLUMN failures_in_row")
