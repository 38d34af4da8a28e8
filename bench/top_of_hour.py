"""Schedules that come due in the same second, and one real `anselai scheduler`: how soon all of them have run.

The worst case, where 10,000 studios wrote the same minute into their crons; and what the default crons make of the same
studios, which are hashed: their busiest minute of a week, when all three rhythms of all connections are looked at.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from math import ceil

import psycopg

from bench import daemon, studios
from bench.contest import Contest, Contestant, Figures
from bench.processes import PEERS, told_by
from bench.server import BenchServer
from bench.studios import Schedule

STUDIOS = 10_000
CONNECTIONS = 4 * STUDIOS
APSCHEDULERS = 500
GET_READY = 1.0  # seconds, and one for every SLOTS_WRITTEN
SLOTS_WRITTEN = 5_000
ROUNDS = 3
MINUTES_OF_A_DAY = 24 * 60


@contextmanager
def contest(server: BenchServer) -> Iterator[Contest]:
    dsn = server.create_migrated("hour")
    studios.fill(dsn, 3 * CONNECTIONS, studios.default_cron)
    server.analyze("hour")
    busiest = _busiest_minute(dsn)
    together = [schedule for schedule in map(studios.schedule, range(3 * CONNECTIONS)) if schedule[2] == "hourly"]
    told_by(PEERS, "bench.peers.apscheduler_due", "fill", server.create("their_hour"), f"--schedules={APSCHEDULERS}")
    server.analyze("their_hour")

    def measured(due: Collection[Schedule], cron: str | None) -> Callable[[], Figures]:
        return lambda: _drained(server.create("hour_round", "hour"), due, cron)

    def apscheduler() -> Figures:
        dsn = server.create("hour_round", "their_hour")
        told = told_by(PEERS, "bench.peers.apscheduler_due", "work", dsn, f"--schedules={APSCHEDULERS}")
        return _figures(APSCHEDULERS, told["seconds"], max(told["late"]))

    in_half_an_hour = datetime.now(UTC) + timedelta(minutes=30)  # so that nothing comes due twice
    yield Contest(
        title="Schedules due in the same second: plan, claim, run, log, finish",
        rounds=ROUNDS,
        contestants=[
            Contestant(
                name=f"AnselAI: {STUDIOS:,} studios, all at the same minute",
                measure=measured(together, f"{in_half_an_hour.minute} * * * *"),
            ),
            Contestant(
                name="AnselAI: their default crons, the busiest second of a week",
                measure=measured(busiest, None),
                is_ours=True,
            ),
            Contestant(name="APScheduler 4, 50 jobs at once", measure=apscheduler),
        ],
    )


def _busiest_minute(dsn: str) -> Collection[Schedule]:
    """The schedules that share the minute of a week that most of them share."""
    at: dict[Schedule, range] = {}
    with psycopg.connect(dsn) as connection:
        for *schedule, cron in connection.execute("SELECT studio, platform, frequency, cron FROM sync_schedules"):
            at[schedule[0], schedule[1], schedule[2]] = _minutes(cron)
    due = Counter(minute for minutes in at.values() for minute in minutes)
    [(busiest, _)] = due.most_common(1)
    return [schedule for schedule, minutes in at.items() if busiest in minutes]


def _minutes(cron: str) -> range:
    """The minutes of a week at which a default cron fires."""
    minute, hour, _, _, weekday = cron.split(" ")
    if hour == "*":
        return range(int(minute), 7 * MINUTES_OF_A_DAY, 60)
    first = int(hour) * 60 + int(minute)
    if weekday == "*":
        return range(first, 7 * MINUTES_OF_A_DAY, MINUTES_OF_A_DAY)
    first += int(weekday) * MINUTES_OF_A_DAY
    return range(first, first + 1)


def _drained(dsn: str, due: Collection[Schedule], cron: str | None) -> Figures:
    if cron is not None:
        with psycopg.connect(dsn) as connection:
            connection.execute("UPDATE sync_schedules SET cron = %s WHERE frequency = 'hourly'", [cron])
    with daemon.scheduler(dsn) as ours:
        slot = ceil(daemon.now() + GET_READY + len(due) / SLOTS_WRITTEN)
        studios.make_due(dsn, ((schedule, daemon.instant(slot)) for schedule in due))
        assert daemon.now() < slot, "the slots were due before they were written"
        ours.wait_for_calls(len(due))
        last_call = max(called_at for called_at, _ in ours.calls())
        last_finish = _finished(dsn, len(due))
    return _figures(len(due), last_finish - slot, last_call - slot)


def _finished(dsn: str, jobs: int) -> float:
    """When the last result was written, in seconds since 1970. The daemon has been seen to start all of them."""
    statement = "SELECT count(*), extract(epoch FROM max(finished_at)) FROM sync_log WHERE outcome = 'succeeded'"
    with psycopg.connect(dsn, autocommit=True) as connection:
        for _ in daemon.patiently("the results to be written"):
            [(finished, last)] = connection.execute(statement)
            if finished == jobs:
                return float(last)
    raise AssertionError


def _figures(due: int, seconds: float, last_start: float) -> Figures:
    return {"jobs/s": due / seconds, "due": due, "s until all have run": seconds, "s late, last start": last_start}
