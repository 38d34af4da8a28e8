"""The limit of a worker that does one thing after the other: its own two statements over bare psycopg.

They and their parameters are taken from the adapter as it calls them, in the worker's own batch size. A worker that
claims the next jobs while it finishes the last ones can be faster than this.
"""

import argparse
import asyncio
import json
import time
from uuid import uuid4

import psycopg

from anselai.adapters.postgres.jobs import PostgresSyncJobs
from anselai.application.running_jobs import WorkerLimits
from anselai.domain.sync_job import AttemptResult, JobLease, Outcome
from bench.ours.overheard import Overheard


def overheard() -> tuple[Overheard, Overheard]:
    """A claim, and the finish of one job that succeeded."""
    claim, finish, limits = Overheard(), Overheard(), WorkerLimits()
    succeeded = AttemptResult(lease=JobLease(uuid4(), 1), outcome=Outcome.SUCCEEDED, simulated=True)
    asyncio.run(PostgresSyncJobs(database=claim.database).claim(uuid4(), limits.concurrency, limits.lease))
    asyncio.run(PostgresSyncJobs(database=finish.database).finish([succeeded]))
    return claim, finish


def drain(dsn: str, claim: Overheard, finish: Overheard) -> tuple[float, int]:
    """Seconds, and how many jobs the database accepted as finished."""
    [told] = json.loads(finish.params[0])
    finished = 0
    with psycopg.connect(dsn, autocommit=True) as connection:
        began = time.perf_counter()
        while True:
            cursor = connection.execute(claim.statement, claim.params, binary=True)
            claimed = cursor.fetchall()
            if not claimed:
                return time.perf_counter() - began, finished
            names = [column.name for column in cursor.description or ()]
            job_id, fence = names.index("id"), names.index("fence")
            results = [
                told | {"position": position, "id": str(row[job_id]), "fence": row[fence]}
                for position, row in enumerate(claimed)
            ]
            cursor = connection.execute(finish.statement, (json.dumps(results),), binary=True)
            finished += len(cursor.fetchall())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dsn")
    args = parser.parse_args()
    seconds, finished = drain(args.dsn, *overheard())
    print(json.dumps({"seconds": seconds, "finished": finished}))


if __name__ == "__main__":
    main()
