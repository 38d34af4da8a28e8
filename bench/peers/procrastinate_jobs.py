"""Procrastinate, 50 tasks at once, otherwise with its own defaults; a task does nothing."""

import argparse
import asyncio
import json
import time
from typing import Any

from procrastinate import App, PsycopgConnector

CONCURRENCY = 50


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["fill", "work"])
    parser.add_argument("dsn")
    parser.add_argument("--jobs", type=int, required=True)
    args = parser.parse_args()
    app = App(connector=PsycopgConnector(conninfo=args.dsn))

    @app.task(name="nothing")
    async def nothing(connection: int) -> None:
        pass

    async with app.open_async():
        if args.what == "fill":
            await app.schema_manager.apply_schema_async()
            arguments: list[dict[str, Any]] = [{"connection": each} for each in range(args.jobs)]
            await nothing.batch_defer_async(*arguments)
            return
        began = time.perf_counter()
        # wait=False ends the worker when nothing is queued; it keeps the rows of finished jobs, as AnselAI does.
        await app.run_worker_async(concurrency=CONCURRENCY, wait=False, install_signal_handlers=False)
        seconds = time.perf_counter() - began
        finished = await app.job_manager.list_jobs_async(status="succeeded")
        print(json.dumps({"seconds": seconds, "finished": len(list(finished))}))


if __name__ == "__main__":
    asyncio.run(main())
