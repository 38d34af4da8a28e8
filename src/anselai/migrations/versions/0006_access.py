"""Who may come in, and what they did."""

from alembic import op

revision = "0006_access"
down_revision = "0005_tokens"


def upgrade() -> None:
    op.execute("""
        CREATE TABLE api_keys (
            id uuid NOT NULL,
            studio text NOT NULL,
            name text NOT NULL,
            secret_hash bytea NOT NULL,
            scopes text[] NOT NULL,
            created_at timestamptz NOT NULL DEFAULT statement_timestamp(),
            expires_at timestamptz,
            last_used_at timestamptz,
            revoked_at timestamptz,
            CONSTRAINT pk_api_keys PRIMARY KEY (id),
            CONSTRAINT fk_api_keys_studios FOREIGN KEY (studio) REFERENCES studios (id),
            CONSTRAINT ck_api_keys_secret_hash CHECK (length(secret_hash) = 32),
            CONSTRAINT ck_api_keys_scopes
                CHECK (cardinality(scopes) > 0 AND scopes <@ ARRAY['read', 'write', 'admin']),
            CONSTRAINT ck_api_keys_name CHECK (length(name) BETWEEN 1 AND 100)
        )
    """)
    op.execute("CREATE INDEX ix_api_keys_studio ON api_keys (studio, created_at)")
    op.execute("""
        CREATE TABLE audit_log (
            id bigint GENERATED ALWAYS AS IDENTITY,
            at timestamptz NOT NULL DEFAULT statement_timestamp(),
            studio text NOT NULL,
            actor text NOT NULL,
            address text,
            action text NOT NULL,
            subject text,
            detail text,
            request_id text,
            CONSTRAINT pk_audit_log PRIMARY KEY (id),
            CONSTRAINT ck_audit_log_detail CHECK (length(detail) <= 1000)
        )
    """)
    op.execute("CREATE INDEX ix_audit_log_studio_id ON audit_log (studio, id DESC)")
    op.execute("""
        CREATE FUNCTION audit_log_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION 'the audit log is append-only' USING ERRCODE = 'insufficient_privilege';
        END
        $$
    """)
    # The function is named with its schema, which is that of the tables: in a temporary one it would not be found.
    op.execute("""
        DO $$
        DECLARE
            refuse text := (SELECT relnamespace::regnamespace FROM pg_class WHERE oid = 'audit_log'::regclass)
                || '.audit_log_is_append_only()';
        BEGIN
            EXECUTE 'CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON audit_log
                FOR EACH ROW EXECUTE FUNCTION ' || refuse;
            EXECUTE 'CREATE TRIGGER never_emptied BEFORE TRUNCATE ON audit_log
                FOR EACH STATEMENT EXECUTE FUNCTION ' || refuse;
        END
        $$
    """)


def downgrade() -> None:
    op.execute("DROP TABLE audit_log")
    op.execute("DROP FUNCTION audit_log_is_append_only()")
    op.execute("DROP TABLE api_keys")
