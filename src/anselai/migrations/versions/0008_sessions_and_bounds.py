"""Sessions that were signed out, and how many syncs a studio asked for."""

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
    op.execute("CREATE INDEX ix_sync_jobs_manual ON sync_jobs (studio, created_at) WHERE trigger = 'manual'")


def downgrade() -> None:
    op.execute("DROP INDEX ix_sync_jobs_manual")
    op.execute("DROP TABLE ended_sessions")
