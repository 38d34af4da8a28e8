"""Sessions, keys and refreshes that ended, how many syncs a studio asked for, and fewer entries of indexes."""

from alembic import op

revision = "0008_sessions_and_bounds"
down_revision = "0007_row_security"


def upgrade() -> None:
    op.execute("""
        CREATE TABLE ended_sessions (
            id text NOT NULL,
            ends_at timestamptz NOT NULL,
            CONSTRAINT pk_ended_sessions PRIMARY KEY (id)
        )
    """)
    op.execute("CREATE INDEX ix_ended_sessions_ends_at ON ended_sessions (ends_at)")
    # Each job is in one of the two, since each step of its life costs an entry in each.
    op.execute("ALTER TABLE sync_jobs DROP CONSTRAINT uq_sync_jobs_slot")
    op.execute("""
        CREATE UNIQUE INDEX uq_sync_jobs_slot ON sync_jobs (studio, platform, frequency, slot_at)
        WHERE slot_at IS NOT NULL
    """)
    op.execute("CREATE INDEX ix_sync_jobs_manual ON sync_jobs (studio, created_at) WHERE slot_at IS NULL")
    op.execute("ALTER TABLE platform_connections ADD COLUMN refresh_ended boolean NOT NULL DEFAULT false")
    # Every sync writes its connection: half of a page is left for that, so that no index has to follow.
    op.execute("ALTER TABLE platform_connections SET (fillfactor = 50)")
    op.execute("DROP INDEX ix_platform_connections_token_expires_at")  # nothing asks by it any more
    op.execute("""
        UPDATE platform_connections SET refresh_ended = true
        WHERE status = 'expired' AND refresh_at IS NULL AND last_error_code IN ('PLATFORM_AUTH', 'REFRESH_UNANSWERED')
            AND (refresh_asked_at IS NOT NULL OR refresh_not_before IS NOT NULL)
    """)
    op.execute("""
        CREATE FUNCTION api_key_stays_revoked() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION 'a revoked key stays revoked' USING ERRCODE = 'insufficient_privilege';
        END
        $$
    """)
    # The function is named with its schema, as in 0006.
    op.execute("""
        DO $$
        DECLARE
            refuse text := (SELECT relnamespace::regnamespace FROM pg_class WHERE oid = 'api_keys'::regclass)
                || '.api_key_stays_revoked()';
        BEGIN
            EXECUTE 'CREATE TRIGGER stays_revoked BEFORE UPDATE OF revoked_at ON api_keys
                FOR EACH ROW WHEN (OLD.revoked_at IS NOT NULL AND NEW.revoked_at IS NULL) EXECUTE FUNCTION ' || refuse;
        END
        $$
    """)


def downgrade() -> None:
    op.execute("DROP TRIGGER stays_revoked ON api_keys")
    op.execute("DROP FUNCTION api_key_stays_revoked()")
    op.execute("ALTER TABLE platform_connections SET (fillfactor = 70)")
    op.execute("""
        CREATE INDEX ix_platform_connections_token_expires_at ON platform_connections (token_expires_at)
        WHERE status = 'active'
    """)
    op.execute("ALTER TABLE platform_connections DROP COLUMN refresh_ended")
    op.execute("DROP INDEX ix_sync_jobs_manual")
    op.execute("DROP INDEX uq_sync_jobs_slot")
    op.execute("""
        ALTER TABLE sync_jobs ADD CONSTRAINT uq_sync_jobs_slot UNIQUE (studio, platform, frequency, slot_at)
    """)
    op.execute("DROP TABLE ended_sessions")
