"""Sync jobs through their whole life: claimed, run, logged, finished, all of it durable."""

from typing import Any

from bench.contest import Contest, Contestant, Figures
from bench.processes import PEERS, PRODUCT, told_by
from bench.server import BenchServer

OURS = 12_000
PROCRASTINATES = 1_200  # so that a round of each takes some seconds
APSCHEDULERS = 600
AT_LEAST_OF_PROCRASTINATE, AT_LEAST_OF_THE_LIMIT = 15.0, 0.4


def contest(server: BenchServer) -> Contest:
    """Each round of each contestant works on a fresh copy of a database that was filled once."""
    told_by(PRODUCT, "bench.ours.jobs", "fill", server.create_migrated("our_jobs"), f"--jobs={OURS}")
    told_by(PEERS, "bench.peers.procrastinate_jobs", "fill", server.create("their_jobs"), f"--jobs={PROCRASTINATES}")
    told_by(PEERS, "bench.peers.apscheduler_jobs", "fill", server.create("other_jobs"), f"--jobs={APSCHEDULERS}")
    for filled in ("our_jobs", "their_jobs", "other_jobs"):
        server.analyze(filled)

    def ours() -> Figures:
        dsn = server.create("jobs_round", "our_jobs")
        return _rate(OURS, told_by(PRODUCT, "bench.ours.jobs", "work", dsn, f"--jobs={OURS}"))

    def limit() -> Figures:
        dsn = server.create("jobs_round", "our_jobs")
        return _rate(OURS, told_by(PRODUCT, "bench.ours.jobs_limit", dsn))

    def procrastinate() -> Figures:
        dsn = server.create("jobs_round", "their_jobs")
        arguments = ("work", dsn, f"--jobs={PROCRASTINATES}")
        return _rate(PROCRASTINATES, told_by(PEERS, "bench.peers.procrastinate_jobs", *arguments))

    def apscheduler() -> Figures:
        dsn = server.create("jobs_round", "other_jobs")
        arguments = ("work", dsn, f"--jobs={APSCHEDULERS}")
        return _rate(APSCHEDULERS, told_by(PEERS, "bench.peers.apscheduler_jobs", *arguments))

    return Contest(
        title="Sync jobs: claim, run, log, finish",
        contestants=[
            Contestant(name="AnselAI", measure=ours),
            Contestant(name="the same SQL in a bare psycopg loop", measure=limit, at_least=AT_LEAST_OF_THE_LIMIT),
            Contestant(
                name="Procrastinate 3, 50 tasks at once", measure=procrastinate, at_least=AT_LEAST_OF_PROCRASTINATE
            ),
            Contestant(name="APScheduler 4, 50 jobs at once", measure=apscheduler),
        ],
    )


def _rate(jobs: int, told: dict[str, Any]) -> Figures:
    assert told["finished"] == jobs, f"{told['finished']} of {jobs} jobs are finished"
    return {"jobs/s": jobs / told["seconds"], "µs a job": told["seconds"] / jobs * 1e6}
