"""What a daemon uses while none of a million schedules is due, and what its database uses for it."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from bench import daemon
from bench.contest import Contest, Contestant, Figures
from bench.footprint import cpu_seconds, family_cpu_seconds, resident_megabytes
from bench.growth import MANY
from bench.many import many_schedules
from bench.server import BenchServer

SECONDS = 60.0
SETTLED_AFTER = 5.0  # seconds
MOST_OF_A_CORE, MOST_MEGABYTES = 2.0, 150.0
OUR_SHARE, MEMORY = "% of a core", "MB"


@contextmanager
def contest(server: BenchServer) -> Iterator[Contest]:
    dsn = many_schedules(server, MANY)
    with psycopg.connect(dsn, autocommit=True) as connection:  # what another contest has left behind
        connection.execute("TRUNCATE sync_jobs, sync_log")
        connection.execute(
            "UPDATE sync_schedules SET next_slot_at = next_slot_at + interval '1 week'"
            " WHERE next_slot_at < now() + interval '1 hour'"
        )
        connection.execute("VACUUM (ANALYZE)")
        connection.execute("CHECKPOINT")
    yield Contest(
        title=f"An idle daemon with {MANY:,} schedules, for {SECONDS:.0f} seconds",
        rounds=1,
        contestants=[
            Contestant(
                name="AnselAI",
                measure=lambda: _idled(server, dsn),
                at_most={OUR_SHARE: MOST_OF_A_CORE, MEMORY: MOST_MEGABYTES},
            )
        ],
    )


def _idled(server: BenchServer, dsn: str) -> Figures:
    with daemon.scheduler(dsn) as ours:
        time.sleep(SETTLED_AFTER)
        began, cpu, database_cpu = time.perf_counter(), cpu_seconds(ours.pid), family_cpu_seconds(server.postmaster())
        time.sleep(SECONDS)
        took = time.perf_counter() - began
        cpu, database_cpu = cpu_seconds(ours.pid) - cpu, family_cpu_seconds(server.postmaster()) - database_cpu
        megabytes = resident_megabytes(ours.pid)
        assert not ours.calls(), "a schedule was due"
    return {OUR_SHARE: 100 * cpu / took, MEMORY: megabytes, "% of a core for its database": 100 * database_cpu / took}
