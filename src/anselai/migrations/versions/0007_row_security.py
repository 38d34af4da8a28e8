"""Whose question to a platform is open, how long it is left in peace, and rows that are seen by their studio alone."""

from alembic import op

revision = "0007_row_security"
down_revision = "0006_access"

# Every table with a studio. The role that owns them is not held by the policies; the one that serves is.
KEYED_BY_STUDIO = (
    *("platform_connections", "sync_schedules", "sync_jobs", "sync_requests", "sync_log", "api_keys", "audit_log"),
    *("metrics", "content", "content_metrics", "ad_campaigns", "ad_metrics"),
    *("reviews", "inquiries", "bookings", "attribution"),
)

# Without the setting, or with an empty one, nothing is seen; `*` is for what concerns all studios, as claiming jobs.
POLICY = """
    CREATE POLICY of_studio ON {table} USING (
        {studio} = current_setting('anselai.studio', true) OR current_setting('anselai.studio', true) = '*'
    )
"""


def upgrade() -> None:
    # What is stored already gets its own margin with its next tokens. Nobody has asked a platform under these columns.
    op.execute("""
        UPDATE platform_connections SET refresh_asked_at = NULL, refresh_at = token_expires_at - interval '30 minutes'
    """)
    op.execute("""
        ALTER TABLE platform_connections
            ADD COLUMN refresh_asked_by uuid,
            ADD COLUMN refresh_not_before timestamptz,
            ADD CONSTRAINT ck_platform_connections_refresh_question
                CHECK ((refresh_asked_at IS NULL) = (refresh_asked_by IS NULL))
    """)
    # Earlier versions did not count their seals: at least what is stored was sealed.
    op.execute("""
        INSERT INTO sealing_keys (id, seals)
        SELECT substr(token, 4, 12), count(*) FROM (
            SELECT access_token AS token FROM platform_connections
            UNION ALL SELECT refresh_token FROM platform_connections
        ) AS tokens
        WHERE token ~ '^v[0-9][.][0-9a-f]{12}[.]' GROUP BY 1
        ON CONFLICT (id) DO NOTHING
    """)
    for table in ("studios", *KEYED_BY_STUDIO):
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(POLICY.format(table=table, studio="id" if table == "studios" else "studio"))


def downgrade() -> None:
    for table in ("studios", *KEYED_BY_STUDIO):
        op.execute(f"DROP POLICY of_studio ON {table}")
        op.execute(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY")
    op.execute("""
        ALTER TABLE platform_connections
            DROP CONSTRAINT ck_platform_connections_refresh_question,
            DROP COLUMN refresh_asked_by, DROP COLUMN refresh_not_before
    """)
