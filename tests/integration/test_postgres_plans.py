"""The statements that run all the time find their rows by an index, also in a database that is full."""

from datetime import timedelta
from typing import Any

import psycopg
import pytest

from anselai.adapters.postgres import job_statements, schedules, sync_log
from tests.samples import some_id

# A fleet with months behind it: 40,000 jobs of which a few are active, and their log.
FILL = """
INSERT INTO platform_connections (id, studio, platform, access_token, scopes, status, version, created_at, updated_at)
SELECT gen_random_uuid(), 'default', 'p' || n, '', '{}', 'active', 1, now(), now() FROM generate_series(1, 2000) n;
INSERT INTO sync_schedules (studio, platform, frequency, cron, timezone, enabled, catch_up, next_slot_at, version)
SELECT 'default', platform, frequency, '* * * * *', 'UTC', true, 'latest', now() + random() * interval '1 hour', 1
FROM platform_connections, unnest(ARRAY['hourly', 'daily', 'weekly']) frequency;
INSERT INTO sync_jobs (id, studio, platform, frequency, trigger, slot_at, state, run_after, finished_at)
SELECT gen_random_uuid(), 'default', platform, 'hourly', 'schedule', now() - n * interval '1 hour', 'succeeded',
    now() - n * interval '1 hour', now() - n * interval '1 hour'
FROM platform_connections, generate_series(1, 20) n;
INSERT INTO sync_jobs (id, studio, platform, frequency, trigger, slot_at, state, run_after)
SELECT gen_random_uuid(), 'default', platform, 'daily', 'schedule', now(), 'queued', now()
FROM platform_connections LIMIT 300;
INSERT INTO sync_jobs (id, studio, platform, frequency, trigger, slot_at, state, run_after, lease_expires_at)
SELECT gen_random_uuid(), 'default', platform, 'weekly', 'schedule', now(), 'running', now(), now()
FROM platform_connections LIMIT 300;
INSERT INTO sync_log (studio, platform, trigger, outcome, frequency, job_id)
SELECT studio, platform, 'schedule', 'succeeded', frequency, id FROM sync_jobs;
ANALYZE
"""


@pytest.fixture(scope="module")
def full_database(postgres_server: Any, database_names: Any) -> Any:
    name = next(database_names)
    with psycopg.connect(postgres_server.create(name), autocommit=True) as connection:
        connection.execute(FILL)
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


def test_finishing_finds_its_jobs_and_connections_by_index(full_database: psycopg.Connection) -> None:
    used = scans(full_database, job_statements.FINISH, ("[]",))
    assert not any(each.startswith("all of") for each in used)


def test_reclaiming_reads_the_leases_and_nothing_else(full_database: psycopg.Connection) -> None:
    used = scans(full_database, job_statements.RECLAIM, (50,))
    assert "ix_sync_jobs_running" in used
    assert not any(each.startswith("all of") for each in used)


def test_the_next_run_is_the_first_entry_of_two_indexes(full_database: psycopg.Connection) -> None:
    used = scans(full_database, job_statements.NEXT_RUN, None)
    assert used == {"ix_sync_jobs_queued", "ix_sync_jobs_running"}


def test_what_is_due_is_found_by_its_slot(full_database: psycopg.Connection) -> None:
    used = scans(full_database, schedules.DUE, (50,))
    assert "ix_sync_schedules_next_slot_at" in used
    assert "all of sync_schedules" not in used


def test_the_last_runs_are_found_without_reading_the_log(full_database: psycopg.Connection) -> None:
    used = scans(full_database, sync_log.LAST_RUNS, {"studio": "default"})
    assert used == {"ix_sync_log_runs"}


def test_pruning_reads_only_what_is_old(full_database: psycopg.Connection) -> None:
    old = timedelta(days=30)
    used = scans(full_database, job_statements.PRUNE, {"finished_before": old, "logged_before": old, "limit": 50})
    assert {"ix_sync_jobs_finished", "pk_sync_log"} <= used
    assert not any(each.startswith("all of") for each in used)
