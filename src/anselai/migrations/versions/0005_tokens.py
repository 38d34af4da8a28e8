"""Which tokens a connection has, when they are refreshed, and how often each key has sealed."""

from alembic import op

revision = "0005_tokens"
down_revision = "0004_sync_requests"


def upgrade() -> None:
    op.execute("""
        ALTER TABLE platform_connections
            ADD COLUMN token_version bigint NOT NULL DEFAULT 1,
            ADD COLUMN refresh_at timestamptz,
            ADD COLUMN refresh_asked_at timestamptz,
            ADD COLUMN refresh_failures integer NOT NULL DEFAULT 0
    """)
    op.execute("""
        CREATE INDEX ix_platform_connections_refresh_at ON platform_connections (refresh_at)
        WHERE refresh_at IS NOT NULL
    """)
    op.execute("""
        CREATE TABLE sealing_keys (
            id text NOT NULL,
            seals bigint NOT NULL,
            first_used_at timestamptz NOT NULL DEFAULT statement_timestamp(),
            last_used_at timestamptz NOT NULL DEFAULT statement_timestamp(),
            CONSTRAINT pk_sealing_keys PRIMARY KEY (id),
            CONSTRAINT ck_sealing_keys_seals CHECK (seals >= 0)
        )
    """)


def downgrade() -> None:
    op.execute("DROP TABLE sealing_keys")
    op.execute("DROP INDEX ix_platform_connections_refresh_at")
    op.execute("""
        ALTER TABLE platform_connections
            DROP COLUMN token_version, DROP COLUMN refresh_at, DROP COLUMN refresh_asked_at,
            DROP COLUMN refresh_failures
    """)
