"""Sync jobs through their whole life: claimed, run, logged, finished, all of it durable."""

from typing import Any

from bench.contest import Contest, Contestant, Figures
from bench.processes import PEERS, PRODUCT, told_by
from bench.server import BenchServer

OURS = 12_000
PROCRASTINATES = 1_200  # so that a round of either takes some seconds
AT_LEAST = 10.0


def contest(server: BenchServer) -> Contest:
    """Each round of each contestant works on a fresh copy of a database that was filled once."""
    told_by(PRODUCT, "bench.ours.jobs", "fill", server.create_migrated("our_jobs"), f"--jobs={OURS}")
    told_by(PEERS, "bench.peers.procrastinate_jobs", "fill", server.create("their_jobs"), f"--jobs={PROCRASTINATES}")
    for filled in ("our_jobs", "their_jobs"):
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

    return Contest(
        title="Sync jobs: claim, run, log, finish",
        contestants=[
            Contestant(name="AnselAI", measure=ours),
            Contestant(name="the same SQL in a bare psycopg loop", measure=limit),
            Contestant(name="Procrastinate, 50 tasks at once", measure=procrastinate, at_least=AT_LEAST),
        ],
    )


def _rate(jobs: int, told: dict[str, Any]) -> Figures:
    assert told["finished"] == jobs, f"{told['finished']} of {jobs} jobs are finished"
    return {"jobs/s": jobs / told["seconds"], "µs a job": told["seconds"] / jobs * 1e6}
