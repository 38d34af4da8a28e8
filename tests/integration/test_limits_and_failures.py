"""Limits of platforms as settings of real daemons, and failing schedules in a terminal."""

import psycopg
import pytest

from tests.integration.processes import Home, patiently

WARNING = "The last 9 runs failed: one more failure switches this schedule off. The log tells why they failed."


@pytest.fixture
def connected(external: Home) -> Home:
    external.json("connections", "add", "google", "--access-token-file", "-", given="ya29.a-token\n")
    return external


def test_a_scheduler_with_limits_runs_what_is_queued_and_tells_of_limits_of_nothing(connected: Home) -> None:
    for frequency in ("hourly", "daily", "weekly"):
        connected.json("sync", "run", "google", "--frequency", frequency)
    limits = {"ANSELAI_RUNS_PER_PROCESS": "gogle=1,meta=2", "ANSELAI_RUNS_PER_FLEET": "google=1"}
    with connected.started("scheduler", **limits) as scheduler:
        for _ in patiently("the queued syncs do not run"):
            if len(connected.json("sync", "log", "--outcome", "succeeded")["entries"]) == 3:
                break
        assert scheduler.stop() == 0
    assert scheduler.printed.count("limit the runs of") == 1
    assert "limit the runs of gogle, but no platform of that name is installed here" in scheduler.printed


@pytest.mark.parametrize("command", ["serve", "scheduler"])
def test_limits_that_cannot_be_read_stop_the_start(external: Home, command: str) -> None:
    refused = external.run(command, ANSELAI_RUNS_PER_FLEET="google")
    assert refused.code != 0
    assert "ANSELAI_RUNS_PER_FLEET must be like google=20,meta=5" in refused.err


def test_a_schedule_that_keeps_failing_is_told(connected: Home, owners_url: str) -> None:
    with psycopg.connect(owners_url, autocommit=True) as connection:
        connection.execute("UPDATE sync_schedules SET failures_in_row = 9 WHERE frequency = 'daily'")
    lines = connected.run("sync", "status").out.splitlines()
    assert f"Warning: google daily: {WARNING}" in lines
    assert sum(line.startswith("Warning") for line in lines) == 1
    assert WARNING in " ".join(connected.run("sync", "schedule", "google", "daily", "--cron", "7 6 * * *").out.split())
    assert connected.json("sync", "schedule", "google", "daily")["failuresInRow"] == 0
