"""The tables of the machinery: connections, their schedules, the queue of jobs, the log, and the daemons.

Everything is keyed by studio. Instants have a zone; the database's clock sets those that decide anything.
"""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    false,
    text,
)

from anselai.adapters.postgres.metadata import INSTANT, NOW, metadata, one_of, studio_and_platform
from anselai.domain.connection import ConnectionStatus
from anselai.domain.frequency import Frequency
from anselai.domain.schedule import CatchUp
from anselai.domain.sync_job import JobState, Outcome, Trigger

studios = Table(
    "studios",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("created_at", INSTANT, nullable=False, server_default=NOW),
)

platform_connections = Table(
    "platform_connections",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("studio", Text, ForeignKey("studios.id"), nullable=False),
    Column("platform", Text, nullable=False),
    Column("account_id", Text),
    Column("access_token", Text, nullable=False),
    Column("refresh_token", Text),
    Column("token_expires_at", INSTANT),
    Column("scopes", ARRAY(Text), nullable=False),
    Column("status", Text, nullable=False),
    Column("last_sync_at", INSTANT),
    Column("last_error_code", Text),
    Column("last_error", Text),
    Column("version", BigInteger, nullable=False),
    Column("refresh_owner", Uuid),
    Column("refresh_lease_expires_at", INSTANT),
    # Moves when the tokens become others, and not when the same ones are sealed with another key.
    Column("token_version", BigInteger, nullable=False, server_default=text("1")),
    Column("refresh_at", INSTANT),  # when the tokens are to be refreshed, whether anybody uses them or not
    Column("refresh_asked_at", INSTANT),  # set before the platform is asked: an answer that never came is seen by it
    Column("refresh_asked_by", Uuid),
    Column("refresh_failures", Integer, nullable=False, server_default=text("0")),
    Column("refresh_not_before", INSTANT),
    Column("refresh_ended", Boolean, nullable=False, server_default=false()),  # only new tokens help
    Column("created_at", INSTANT, nullable=False),
    Column("updated_at", INSTANT, nullable=False),
    UniqueConstraint("studio", "platform", name="natural_key"),
    # Plug-ins add platforms, so the shape of a name is checked and not the name.
    CheckConstraint("platform ~ '^[a-z][a-z0-9-]{0,62}$'", name="platform"),
    one_of("status", ConnectionStatus),
    CheckConstraint("(refresh_owner IS NULL) = (refresh_lease_expires_at IS NULL)", name="refresh_right"),
    CheckConstraint("(refresh_asked_at IS NULL) = (refresh_asked_by IS NULL)", name="refresh_question"),
    # Every run rewrites its connection's row; with room on the page, no index has to follow (a HOT update).
    postgresql_with={"fillfactor": "50"},
)
Index(
    "ix_platform_connections_refresh_at",
    platform_connections.c.refresh_at,
    postgresql_where=text("refresh_at IS NOT NULL"),
)

# How often each key has sealed, against the bound of NIST SP 800-38D.
sealing_keys = Table(
    "sealing_keys",
    metadata,
    Column("id", Text, primary_key=True),
    Column("seals", BigInteger, nullable=False),
    Column("first_used_at", INSTANT, nullable=False, server_default=NOW),
    Column("last_used_at", INSTANT, nullable=False, server_default=NOW),
    CheckConstraint("seals >= 0", name="seals"),
)

sync_schedules = Table(
    "sync_schedules",
    metadata,
    *studio_and_platform(),
    Column("frequency", Text, nullable=False),
    Column("cron", Text, nullable=False),
    Column("timezone", Text, nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("catch_up", Text, nullable=False),
    Column("next_slot_at", INSTANT, nullable=False),
    Column("disabled_reason", Text),
    Column("version", BigInteger, nullable=False),
    Column("failures_in_row", Integer, nullable=False, server_default=text("0")),
    PrimaryKeyConstraint("studio", "platform", "frequency"),
    ForeignKeyConstraint(
        ["studio", "platform"], ["platform_connections.studio", "platform_connections.platform"], ondelete="CASCADE"
    ),
    one_of("frequency", Frequency),
    one_of("catch_up", CatchUp),
)
Index("ix_sync_schedules_next_slot_at", sync_schedules.c.next_slot_at)
# Every success asks whether its schedule had failed before: there is next to nothing to look through.
Index(
    "ix_sync_schedules_failing",
    sync_schedules.c.studio,
    sync_schedules.c.platform,
    sync_schedules.c.frequency,
    postgresql_where=text("failures_in_row > 0"),
)

# Jobs outlive the connection they ran for, so they refer to its key and not to its row.
sync_jobs = Table(
    "sync_jobs",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("studio", Text, ForeignKey("studios.id"), nullable=False),
    Column("platform", Text, nullable=False),
    Column("frequency", Text, nullable=False),
    Column("trigger", Text, nullable=False),
    Column("slot_at", INSTANT),
    Column("state", Text, nullable=False),
    Column("run_after", INSTANT, nullable=False),
    Column("attempt", Integer, nullable=False, server_default=text("0")),
    Column("failures", Integer, nullable=False, server_default=text("0")),
    Column("partial_failures", Integer, nullable=False, server_default=text("0")),
    Column("fence", BigInteger, nullable=False, server_default=text("0")),
    Column("cursor", Text),
    Column("records", BigInteger, nullable=False, server_default=text("0")),
    Column("worker", Uuid),
    Column("lease_expires_at", INSTANT),
    Column("created_at", INSTANT, nullable=False, server_default=NOW),
    Column("started_at", INSTANT),
    Column("finished_at", INSTANT),
    Column("last_error_class", Text),
    Column("last_error_code", Text),
    Column("last_error", Text),
    one_of("frequency", Frequency),
    one_of("trigger", (Trigger.SCHEDULE, Trigger.MANUAL)),
    one_of("state", JobState),
    CheckConstraint("(trigger = 'manual') = (slot_at IS NULL)", name="slot"),
    CheckConstraint("(state = 'running') = (lease_expires_at IS NOT NULL)", name="lease"),
    CheckConstraint("(state IN ('queued', 'running')) = (finished_at IS NULL)", name="finished"),
)
# A slot has one job for ever. Manual jobs have no slot; they are counted by the day. Each job is in one of the two.
Index(
    "uq_sync_jobs_slot",
    sync_jobs.c.studio,
    sync_jobs.c.platform,
    sync_jobs.c.frequency,
    sync_jobs.c.slot_at,
    unique=True,
    postgresql_where=text("slot_at IS NOT NULL"),
)
Index("ix_sync_jobs_manual", sync_jobs.c.studio, sync_jobs.c.created_at, postgresql_where=text("slot_at IS NULL"))
Index(
    "uq_sync_jobs_active",
    sync_jobs.c.studio,
    sync_jobs.c.platform,
    sync_jobs.c.frequency,
    unique=True,
    postgresql_where=text("state IN ('queued', 'running')"),
)
Index("ix_sync_jobs_queued", sync_jobs.c.run_after, postgresql_where=text("state = 'queued'"))
Index("ix_sync_jobs_running", sync_jobs.c.lease_expires_at, postgresql_where=text("state = 'running'"))
Index("ix_sync_jobs_finished", sync_jobs.c.finished_at, postgresql_where=text("finished_at IS NOT NULL"))

# What an Idempotency-Key asked for, so that asking again within a day is answered with the same job.
sync_requests = Table(
    "sync_requests",
    metadata,
    Column("studio", Text, ForeignKey("studios.id"), nullable=False),
    Column("idempotency_key", Text, nullable=False),
    Column("platform", Text, nullable=False),
    Column("frequency", Text),
    Column("job_id", Uuid, nullable=False),
    Column("requested_at", INSTANT, nullable=False, server_default=NOW),
    PrimaryKeyConstraint("studio", "idempotency_key"),
    one_of("frequency", Frequency),
    CheckConstraint("length(idempotency_key) BETWEEN 1 AND 255", name="idempotency_key"),
)
Index("ix_sync_requests_requested_at", sync_requests.c.requested_at)

# Append-only, and kept when the connection or the job goes: no foreign keys.
sync_log = Table(
    "sync_log",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("studio", Text, nullable=False),
    Column("platform", Text),
    Column("trigger", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("logged_at", INSTANT, nullable=False, server_default=NOW),
    Column("frequency", Text),
    Column("job_id", Uuid),
    Column("slot_at", INSTANT),
    Column("slot_last_at", INSTANT),
    Column("count", Integer, nullable=False, server_default=text("1")),
    Column("attempt", Integer),
    Column("started_at", INSTANT),
    Column("finished_at", INSTANT),
    Column("records", BigInteger, nullable=False, server_default=text("0")),
    Column("api_calls", Integer, nullable=False, server_default=text("0")),
    Column("simulated", Boolean, nullable=False, server_default=false()),
    Column("error_class", Text),
    Column("error_code", Text),
    Column("message", Text),
    Column("route", Text),
    Column("request_id", Text),
    Column("minute", INSTANT),
    one_of("frequency", Frequency),
    one_of("trigger", Trigger),
    one_of("outcome", Outcome),
    CheckConstraint("(outcome = 'api_error') = (minute IS NOT NULL)", name="minute"),
    CheckConstraint("count > 0", name="count"),
    CheckConstraint("length(message) <= 1000", name="message"),
)
Index("ix_sync_log_studio_id", sync_log.c.studio, sync_log.c.id.desc())
Index("ix_sync_log_studio_platform_id", sync_log.c.studio, sync_log.c.platform, sync_log.c.id.desc())
Index("ix_sync_log_job_id", sync_log.c.job_id, postgresql_where=text("job_id IS NOT NULL"))
Index(
    "ix_sync_log_runs",
    sync_log.c.studio,
    sync_log.c.platform,
    sync_log.c.frequency,
    sync_log.c.id.desc(),
    postgresql_where=text("outcome IN ('succeeded', 'failed', 'stalled', 'retrying')"),
)
Index(
    "uq_sync_log_api_error",
    sync_log.c.studio,
    sync_log.c.route,
    sync_log.c.error_code,
    sync_log.c.minute,
    unique=True,
    postgresql_where=text("outcome = 'api_error'"),
)

sync_workers = Table(
    "sync_workers",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("host", Text, nullable=False),
    Column("pid", BigInteger, nullable=False),
    Column("started_at", INSTANT, nullable=False, server_default=NOW),
    Column("last_beat_at", INSTANT, nullable=False, server_default=NOW),
)
