"""APScheduler 4 as it is asked to do its best: what the benchmarks of its jobs and of its schedules share.

Of what was tried on two cores this was the fastest. Data store: its SQLAlchemy one on psycopg (asyncpg made no
difference), with a connection for each job at once, of which there are 50 (10 were slower, 100 no faster). Events stay
within the process: it is the only one, and the broker over PostgreSQL, which several would need, cost a third. A task
for each platform, because every job of a task updates the row of that task; without a limit of its own, which is one
job at a time unless told otherwise. Outcomes are kept for a day: without that a job leaves no trace at all.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from apscheduler import AsyncScheduler, SchedulerRole
from apscheduler.datastores.sqlalchemy import SQLAlchemyDataStore
from sqlalchemy.ext.asyncio import create_async_engine

CONCURRENCY = 50
TASKS = ("google", "meta", "pinterest", "tiktok")
KEPT = timedelta(days=1)


@asynccontextmanager
async def scheduler(dsn: str, role: SchedulerRole) -> AsyncIterator[AsyncScheduler]:
    """One over that database; its tables are made if they are not there. It does nothing until it is started."""
    engine = create_async_engine(dsn.replace("postgresql://", "postgresql+psycopg://"), pool_size=CONCURRENCY)
    try:
        store = SQLAlchemyDataStore(engine)
        async with AsyncScheduler(store, role=role, max_concurrent_jobs=CONCURRENCY) as opened:
            yield opened
    finally:
        await engine.dispose()
