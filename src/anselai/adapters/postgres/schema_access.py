"""The tables of who may come in, and of what they did."""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Identity,
    Index,
    LargeBinary,
    Table,
    Text,
    Uuid,
)

from anselai.adapters.postgres.metadata import INSTANT, NOW, metadata

# The secret of a key is shown once and kept as its SHA-256 only: it is random, so a slow hash would add nothing.
api_keys = Table(
    "api_keys",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("studio", Text, ForeignKey("studios.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("secret_hash", LargeBinary, nullable=False),
    Column("scopes", ARRAY(Text), nullable=False),
    Column("created_at", INSTANT, nullable=False, server_default=NOW),
    Column("expires_at", INSTANT),
    Column("last_used_at", INSTANT),
    Column("revoked_at", INSTANT),
    CheckConstraint("length(secret_hash) = 32", name="secret_hash"),
    CheckConstraint("cardinality(scopes) > 0 AND scopes <@ ARRAY['read', 'write', 'admin']", name="scopes"),
    CheckConstraint("length(name) BETWEEN 1 AND 100", name="name"),
)
Index("ix_api_keys_studio", api_keys.c.studio, api_keys.c.created_at)

# Append-only by a trigger, and kept when the studio goes: no foreign key.
audit_log = Table(
    "audit_log",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("at", INSTANT, nullable=False, server_default=NOW),
    Column("studio", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("address", Text),
    Column("action", Text, nullable=False),
    Column("subject", Text),
    Column("detail", Text),
    Column("request_id", Text),
    CheckConstraint("length(detail) <= 1000", name="detail"),
)
Index("ix_audit_log_studio_id", audit_log.c.studio, audit_log.c.id.desc())

# Sessions are signed cookies; only those that ended before their time are kept, until they would have ended anyway.
ended_sessions = Table(
    "ended_sessions",
    metadata,
    Column("id", Text, primary_key=True),
    Column("ends_at", INSTANT, nullable=False),
)
Index("ix_ended_sessions_ends_at", ended_sessions.c.ends_at)
