"""The statements that run all the time find their rows by an index, also in a database that is full."""

from datetime import timedelta
from typing import Any

import psycopg
import pytest

from anselai.adapters.postgres import (
    job_cancelling,
    job_requests,
    job_statements,
    limited_claims,
    queue_state,
    schedules,
    sync_log,
)
from anselai.domain.claim_limits import ClaimLimits
from anselai.domain.frequency import Frequency
from anselai.domain.idempotency import KEY_HOLDS, MOST_KEYS
from anselai.domain.ports.sync_log import LogQuery
from anselai.domain.sync_job import MOST_SYNCS, SYNCS_COUNT_FOR
from tests.samples import some_id

# A fleet with months behind it: a million finished jobs, a few active ones, and some of their log.
FILL = """
INSERT INTO platform_connections (id, studio, platform, access_token, scopes, status, version, created_at, updated_at)
SELECT gen_random_uuid(), 'default', 'p' || n, '', '{}', 'active', 1, now(), now() FROM generate_series(1, 2000) n;
INSERT INTO sync_schedules (studio, platform, frequency, cron, timezone, enabled, catch_up, next_slot_at, version)
SELECT 'default', platform, frequency, '* * * * *', 'UTC', true, 'latest', now() + random() * interval '1 hour', 1
FROM platform_connections, unnest(ARRAY['hourly', 'daily', 'weekly']) frequency;
SET session_replication_role = replica;  -- it need not look up the studio a million times
INSERT INTO sync_jobs (id, studio, platform, frequency, trigger, slot_at, state, run_after, finished_at)
SELECT lpad(to_hex(n * 10000 + row_number() OVER ()), 32, '0')::uuid, 'default', platform, 'hourly', 'schedule',
    now() - n * interval '1 hour', 'succeeded', now() - n * interval '1 hour', now() - n * interval '1 hour'
FROM platform_connections, generate_series(1, 500) n;
RESET session_replication_role;
INSERT INTO sync_jobs (id, studio, platform, frequency, trigger, slot_at, state, run_after)
SELECT gen_random_uuid(), 'default', platform, 'daily', 'schedule', now(), 'queued', now()
FROM platform_connections LIMIT 300;
INSERT INTO sync_jobs (id, studio, platform, frequency, trigger, slot_at, state, run_after, lease_expires_at)
SELECT gen_random_uuid(), 'default', platform, 'weekly', 'schedule', now(), 'running', now(), now()
FROM platform_connections LIMIT 300;
INSERT INTO studios (id, name) SELECT 's' || n, '' FROM generate_series(1, 100) n;
INSERT INTO sync_requests (studio, idempotency_key, platform, job_id, requested_at)
SELECT 's' || n % 100 + 1, gen_random_uuid(), 'p1', gen_random_uuid(), now() - random() * interval '1 day'
FROM generate_series(1, 50000) n;
INSERT INTO sync_log (studio, platform, trigger, outcome, frequency, job_id)
SELECT studio, platform, 'schedule', 'succeeded', frequency, id FROM sync_jobs LIMIT 100000;
ANALYZE
"""


@pytest.fixture(scope="module")
def full_database(postgres_server: Any, database_names: Any) -> Any:
    name = next(database_names)
    serving = postgres_server.create(name)
    with psycopg.connect(postgres_server.owners_address(name), autocommit=True) as owner:
        owner.execute(FILL)
    with psycopg.connect(serving, autocommit=True) as connection:
        connection.execute("SELECT set_config('anselai.studio', '*', false)")
        yield connection
    postgres_server.drop(name)


def scans(connection: psycopg.Connection, statement: str, values: Any) -> set[str]:
    """The tables that are read as a whole, and the indexes that are used, in the plan of a statement."""
    with connection.transaction(force_rollback=True):
        [(plan,)] = connection.execute(f"EXPLAIN (FORMAT JSON) {statement}", values).fetchall()
    nodes = [plan[0]["Plan"]]
    found = set()
    while nodes:
        node = nodes.pop()
        nodes += node.get("Plans", [])
        if node["Node Type"] == "Seq Scan":
            found.add(f"all of {node['Relation Name']}")
        if "Index Name" in node:
            found.add(node["Index Name"])
    return found


def test_claiming_reads_the_queue_and_nothing_else(full_database: psycopg.Connection) -> None:
    values = {"worker": some_id(), "limit": 50, "lease": timedelta(minutes=1)}
    used = scans(full_database, job_statements.CLAIM, values)
    assert "ix_sync_jobs_queued" in used
    assert not any(each.startswith("all of") for each in used)


@pytest.mark.parametrize("statement", [limited_claims.CLAIM, limited_claims.NEXT_RUN])
def test_claiming_with_limits_reads_the_queue_and_what_runs_and_nothing_else(
    full_database: psycopg.Connection, statement: str
) -> None:
    values = {"worker": some_id(), "limit": 50, "lease": timedelta(minutes=1)}
    limits = ClaimLimits(here={"p1": 3, "p2": 0}, fleet={"p2": 9, "p3": 10})
    used = scans(full_database, statement, values | limited_claims.parameters(limits))
    assert {"ix_sync_jobs_queued", "ix_sync_jobs_running"} <= used
    assert not any(each.startswith("all of") for each in used)


def test_finishing_finds_its_jobs_and_connections_by_index(full_database: psycopg.Connection) -> None:
    used = scans(full_database, job_statements.FINISH, ("[]",))
    assert "ix_sync_schedules_failing" in used
    assert not any(each.startswith("all of") for each in used)


def test_reclaiming_reads_the_leases_and_nothing_else(full_database: psycopg.Connection) -> None:
    used = scans(full_database, job_statements.RECLAIM, (50,))
    assert "ix_sync_jobs_running" in used
    assert not any(each.startswith("all of") for each in used)


def test_the_next_run_is_the_first_entry_of_two_indexes(full_database: psycopg.Connection) -> None:
    used = scans(full_database, job_statements.NEXT_RUN, None)
    assert used == {"ix_sync_jobs_queued", "ix_sync_jobs_running"}


def test_the_state_of_the_queue_reads_no_job_that_has_ended(full_database: psycopg.Connection) -> None:
    used = scans(full_database, queue_state.OF_ALL, None)
    assert used == {"ix_sync_jobs_queued", "ix_sync_jobs_running"}


def test_the_state_of_a_studios_queue_reads_no_job_that_has_ended(full_database: psycopg.Connection) -> None:
    used = scans(full_database, queue_state.OF_STUDIO, {"studio": "default"})
    assert used
    assert used <= {"ix_sync_jobs_queued", "ix_sync_jobs_running", "uq_sync_jobs_active"}


@pytest.mark.parametrize("values", [{"platform": "p7", "frequency": None}, {"id": some_id()}], ids=["all", "one"])
def test_cancelling_reads_no_job_that_has_ended_and_no_other_connections(
    full_database: psycopg.Connection, values: dict[str, object]
) -> None:
    statement = job_cancelling.CANCEL_ONE if "id" in values else job_cancelling.CANCEL
    used = scans(full_database, statement, {"studio": "default", **values})
    assert used <= {"uq_sync_jobs_active", "pk_sync_jobs", "uq_platform_connections_natural_key"}


def test_a_key_is_found_and_taken_without_reading_those_of_other_studios(full_database: psycopg.Connection) -> None:
    values = {
        "id": some_id(),
        "studio": "s7",
        "platform": "p7",
        "frequency": None,
        "idempotency_key": "k",
        "key_holds": KEY_HOLDS,
        "most_keys": MOST_KEYS,
    }
    assert scans(full_database, job_requests.KNOWN_KEY, values) == {"pk_sync_requests", "pk_sync_jobs"}
    used = scans(full_database, job_requests.TAKE_KEY, values)
    assert used == {"pk_sync_requests", "uq_platform_connections_natural_key"}


def test_asking_for_a_sync_reads_what_is_active_and_what_was_asked_for_and_nothing_else(
    full_database: psycopg.Connection,
) -> None:
    values = {
        "id": some_id(),
        "studio": "default",
        "platform": "p7",
        "frequency": None,
        "count_for": SYNCS_COUNT_FOR,
        "most_syncs": MOST_SYNCS,
    }
    used = scans(full_database, job_statements.ENQUEUE, values)
    assert "ix_sync_jobs_manual" in used
    assert not any(each.startswith("all of") for each in used)


def test_what_is_due_is_found_by_its_slot(full_database: psycopg.Connection) -> None:
    used = scans(full_database, schedules.DUE, (50,))
    assert "ix_sync_schedules_next_slot_at" in used
    assert "all of sync_schedules" not in used


def test_the_last_runs_are_found_without_reading_the_log(full_database: psycopg.Connection) -> None:
    used = scans(full_database, sync_log.LAST_RUNS, {"studio": "default"})
    assert used == {"ix_sync_log_runs"}


def test_the_newest_rows_of_a_sync_are_found_without_reading_the_log(full_database: psycopg.Connection) -> None:
    query = LogQuery(studio="default", platform="p7", frequency=Frequency.WEEKLY, limit=60)
    used = scans(full_database, *sync_log.statement_of(query))
    assert used == {"ix_sync_log_studio_platform_id"}


def test_pruning_reads_only_what_is_old(full_database: psycopg.Connection) -> None:
    old = timedelta(days=30)
    values = {"finished_before": old, "logged_before": old, "key_holds": KEY_HOLDS, "limit": 50}
    used = scans(full_database, job_statements.PRUNE, values)
    assert {"ix_sync_jobs_finished", "pk_sync_log", "ix_sync_requests_requested_at"} <= used
    assert not any(each.startswith("all of") for each in used)
