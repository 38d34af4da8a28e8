"""Procrastinate: a task that is deferred in one process and starts in another, which waits by LISTEN for work.

`work` runs until SIGTERM and prints a line for each start; `ask` defers tasks, one after the other, and prints when.
"""

import argparse
import asyncio
import json
import logging
import random
import time

from procrastinate import App, PsycopgConnector

CONCURRENCY = 50


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["fill", "work", "ask"])
    parser.add_argument("dsn")
    parser.add_argument("--tasks", type=int, default=0)
    parser.add_argument("--pause", type=float, default=0.0, help="seconds between two of them, more or less")
    args = parser.parse_args()
    logging.getLogger("procrastinate").setLevel(logging.ERROR)  # it warns of apps that are made in `__main__`
    app = App(connector=PsycopgConnector(conninfo=args.dsn))

    @app.task(name="note")
    async def note(number: int) -> None:
        print(number, time.time(), flush=True)

    async with app.open_async():
        match args.what:
            case "fill":
                await app.schema_manager.apply_schema_async()
            case "work":
                await app.run_worker_async(concurrency=CONCURRENCY)
            case "ask":
                asked_at = []
                for number in range(args.tasks):
                    await asyncio.sleep(args.pause * random.uniform(0.5, 1.5))  # noqa: S311
                    asked_at.append(time.time())
                    await note.defer_async(number=number)
                print(json.dumps({"asked_at": asked_at}))


if __name__ == "__main__":
    asyncio.run(main())
