"""What the PostgreSQL adapters do while their server is away, and that they recover by themselves."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from time import monotonic
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from anselai.adapters.postgres.connections import PostgresConnections
from anselai.adapters.postgres.database import Database
from anselai.adapters.postgres.health import PostgresHealth
from anselai.adapters.postgres.jobs import PostgresSyncJobs
from anselai.adapters.postgres.records import PostgresRecords
from anselai.adapters.postgres.schedules import PostgresSchedules
from anselai.adapters.postgres.sync_log import PostgresSyncLog
from anselai.adapters.postgres.workers import PostgresWorkers
from anselai.domain.errors import LeaseLost, StoreUnavailable
from anselai.domain.frequency import Frequency
from anselai.domain.insights import Period
from anselai.domain.ports.schedules import PlannedSlot
from anselai.domain.ports.sync_log import ApiError, LogQuery
from anselai.domain.schedule import SlotPlan
from anselai.domain.secret import Secret
from anselai.domain.sync_job import AttemptResult, JobLease, Outcome
from tests.fakes import NOON
from tests.samples import GOOGLE, a_connection, a_metric, a_schedule, some_id

MINUTE = timedelta(minutes=1)
LEASE = JobLease(some_id(), 1)
PERIOD = Period(first=NOON.date(), last=NOON.date())
PLAN = SlotPlan(schedule=a_schedule(), run_slot_at=NOON, accounted=(), next_slot_at=NOON + MINUTE)
API_ERROR = ApiError(studio="default", route="/", code="CODE", message="", request_id="")

Act = Callable[[Database], Awaitable[Any]]
ACTS: dict[str, Act] = {
    "connections.get": lambda db: PostgresConnections(database=db).get(GOOGLE),
    "connections.list": lambda db: PostgresConnections(database=db).list("default"),
    "connections.begin_refresh": lambda db: PostgresConnections(database=db).begin_refresh(GOOGLE, some_id(), -MINUTE),
    "schedules.get": lambda db: PostgresSchedules(database=db).get(GOOGLE, Frequency.HOURLY),
    "schedules.list": lambda db: PostgresSchedules(database=db).list("default"),
    "schedules.due": lambda db: PostgresSchedules(database=db).due(1),
    "schedules.commit": lambda db: PostgresSchedules(database=db).commit([PlannedSlot(plan=PLAN, job_id=some_id())]),
    "schedules.next_due_at": lambda db: PostgresSchedules(database=db).next_due_at(),
    "jobs.enqueue": lambda db: PostgresSyncJobs(database=db).enqueue(some_id(), GOOGLE, Frequency.DAILY),
    "jobs.enqueue with a key": lambda db: PostgresSyncJobs(database=db).enqueue(
        some_id(), GOOGLE, Frequency.DAILY, "a-key"
    ),
    "jobs.cancel": lambda db: PostgresSyncJobs(database=db).cancel(GOOGLE, None),
    "jobs.claim": lambda db: PostgresSyncJobs(database=db).claim(some_id(), 1, MINUTE),
    "jobs.renew": lambda db: PostgresSyncJobs(database=db).renew([LEASE], MINUTE),
    "jobs.finish": lambda db: PostgresSyncJobs(database=db).finish(
        [AttemptResult(lease=LEASE, outcome=Outcome.SUCCEEDED)]
    ),
    "jobs.reclaim": lambda db: PostgresSyncJobs(database=db).reclaim(1),
    "jobs.active": lambda db: PostgresSyncJobs(database=db).active("default"),
    "jobs.next_run_at": lambda db: PostgresSyncJobs(database=db).next_run_at(),
    "jobs.prune": lambda db: PostgresSyncJobs(database=db).prune(MINUTE, MINUTE, 1),
    "sync_log.query": lambda db: PostgresSyncLog(database=db).query(LogQuery(studio="default", limit=1)),
    "sync_log.attempts": lambda db: PostgresSyncLog(database=db).attempts("default", some_id()),
    "sync_log.last_runs": lambda db: PostgresSyncLog(database=db).last_runs("default"),
    "sync_log.record_api_error": lambda db: PostgresSyncLog(database=db).record_api_error(API_ERROR),
    "records.store": lambda db: _refused(PostgresRecords(database=db).store(LEASE, [a_metric()], None)),
    "records.platform_figures": lambda db: PostgresRecords(database=db).platform_figures("default", PERIOD),
    "records.business_figures": lambda db: PostgresRecords(database=db).business_figures("default", PERIOD),
    "workers.beat": lambda db: PostgresWorkers(database=db).beat(some_id(), "host", 1),
    "workers.leave": lambda db: PostgresWorkers(database=db).leave(some_id()),
    "workers.alive": lambda db: PostgresWorkers(database=db).alive(MINUTE),
    "health.ping": lambda db: PostgresHealth(database=db).ping(),
    "health.check_schema": lambda db: PostgresHealth(database=db).check_schema(),
}


async def _refused(act: Awaitable[object]) -> None:
    """The act reached the store, which has no such job."""
    with pytest.raises(LeaseLost):
        await act


@dataclass(slots=True)
class Wire:
    """The way to the server, which a test can cut, block for newcomers, or let fall silent."""

    target: dict[str, Any]
    server: asyncio.Server | None = None
    port: int = 0
    speaking: asyncio.Event = field(default_factory=asyncio.Event)
    forgotten: list[asyncio.Event] = field(default_factory=list)
    writers: list[asyncio.StreamWriter] = field(default_factory=list)
    pumps: list[asyncio.Task[None]] = field(default_factory=list)

    @property
    def dsn(self) -> Secret:
        target = {key: value for key, value in self.target.items() if key not in ("host", "port", "hostaddr")}
        return Secret(psycopg.conninfo.make_conninfo("", **target, host="127.0.0.1", port=self.port))

    async def up(self) -> None:
        self.speaking.set()
        self.server = await asyncio.start_server(self._carry, "127.0.0.1", self.port, reuse_address=True)
        self.port = self.server.sockets[0].getsockname()[1]

    async def down(self) -> None:
        """Refuse newcomers and cut off everybody who is there."""
        assert self.server is not None
        self.server.close()
        for writer in self.writers:
            writer.close()
        await asyncio.gather(*self.pumps)
        self.writers.clear()
        self.pumps.clear()

    def fall_silent(self) -> None:
        """Everybody stays connected, and nothing gets through."""
        self.speaking.clear()

    def forget_those_who_are_there(self) -> None:
        """They stay connected and hear nothing any more; newcomers are served."""
        self.speaking.clear()
        self.forgotten.append(self.speaking)
        self.speaking = asyncio.Event()
        self.speaking.set()

    def release(self) -> None:
        for speaking in (self.speaking, *self.forgotten):
            speaking.set()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        host, port = str(self.target.get("host", "localhost")), int(self.target.get("port", 5432))
        there = (
            await asyncio.open_unix_connection(f"{host}/.s.PGSQL.{port}")
            if host.startswith("/")
            else await asyncio.open_connection(host, port)
        )
        self.writers += [writer, there[1]]
        ways = ((reader, there[1]), (there[0], writer))
        self.pumps += [asyncio.create_task(self._pump(*ends, self.speaking)) for ends in ways]

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, speaking: asyncio.Event) -> None:
        with suppress(OSError):
            while data := await source.read(65536):
                await speaking.wait()
                sink.write(data)
        sink.close()


@pytest.fixture
async def wire(database_url: str) -> AsyncIterator[Wire]:
    wire = Wire(conninfo_to_dict(database_url))
    await wire.up()
    yield wire
    wire.release()
    await wire.down()


@pytest.fixture
async def far_away(wire: Wire) -> AsyncIterator[Database]:
    """A Database at the other end of the wire."""
    async with Database(wire.dsn) as database:
        yield database


@pytest.fixture
def free_port() -> Iterator[int]:
    """A port where nobody listens."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


def end_sessions(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


async def test_every_act_works_at_once_after_all_sessions_were_ended(database: Database, database_url: str) -> None:
    await PostgresConnections(database=database).add(a_connection(), [a_schedule()])
    for act in ACTS.values():
        await act(database)
        end_sessions(database_url)
        await act(database)


async def test_every_act_says_that_the_store_is_away_and_works_at_once_when_it_is_back(
    wire: Wire, far_away: Database
) -> None:
    await PostgresConnections(database=far_away).add(a_connection(), [a_schedule()])
    for act in ACTS.values():
        await wire.down()
        began = monotonic()
        with pytest.raises(StoreUnavailable):
            await act(far_away)
        assert monotonic() - began < 5
        await wire.up()
        await act(far_away)


async def test_many_at_once_are_all_told_soon_and_all_served_when_it_is_back(wire: Wire, far_away: Database) -> None:
    await asyncio.gather(*(far_away.rows("SELECT 1") for _ in range(50)))
    await wire.down()
    began = monotonic()
    answers = await asyncio.gather(*(far_away.rows("SELECT 1") for _ in range(50)), return_exceptions=True)
    assert monotonic() - began < 5
    assert {type(answer) for answer in answers} == {StoreUnavailable}
    await wire.up()
    assert await asyncio.gather(*(far_away.rows("SELECT 1") for _ in range(50))) == [[(1,)]] * 50


async def test_a_statement_that_is_cut_off_half_way_is_reported(wire: Wire, far_away: Database) -> None:
    statement = asyncio.create_task(far_away.rows("SELECT pg_sleep(60)"))
    while not await far_away.rows("SELECT FROM pg_stat_activity WHERE wait_event = 'PgSleep'"):
        pass
    await wire.down()
    with pytest.raises(StoreUnavailable):
        await statement


async def test_a_server_that_falls_silent_counts_as_away(wire: Wire, far_away: Database) -> None:
    await far_away.rows("SELECT 1")
    wire.fall_silent()
    with pytest.raises(StoreUnavailable):
        await far_away.rows("SELECT 1", within=0.2)
    wire.speaking.set()
    assert await far_away.rows("SELECT 1") == [(1,)]


async def test_when_one_connection_has_fallen_silent_the_others_of_that_time_are_not_tried(
    wire: Wire, far_away: Database
) -> None:
    await asyncio.gather(*(far_away.rows("SELECT pg_sleep(0.2)") for _ in range(5)))
    wire.forget_those_who_are_there()
    with pytest.raises(StoreUnavailable):
        await far_away.rows("SELECT 1", within=0.2)
    assert await asyncio.gather(*(far_away.rows("SELECT 1", within=1) for _ in range(10))) == [[(1,)]] * 10


async def test_a_database_opens_while_its_server_is_away(wire: Wire) -> None:
    await wire.down()
    async with Database(wire.dsn) as database:
        with pytest.raises(StoreUnavailable):
            await database.rows("SELECT 1")
        await wire.up()
        assert await database.rows("SELECT 1") == [(1,)]


async def test_where_nobody_listens_the_store_is_away(free_port: int) -> None:
    async with Database(Secret(f"postgresql://somebody@127.0.0.1:{free_port}/nothing")) as database:
        began = monotonic()
        with pytest.raises(StoreUnavailable):
            await database.rows("SELECT 1")
        assert monotonic() - began < 5


async def test_wake_ups_come_again_after_an_outage(wire: Wire, far_away: Database, database: Database) -> None:
    jobs, elsewhere = PostgresSyncJobs(database=far_away), PostgresSyncJobs(database=database)
    await PostgresConnections(database=database).add(a_connection(), [])
    await jobs.wait_for_work(MINUTE)  # which ends as soon as somebody listens
    await wire.down()
    await wire.up()
    await jobs.wait_for_work(MINUTE)  # which ends as soon as somebody listens again
    waiting = asyncio.create_task(jobs.wait_for_work(MINUTE))
    await elsewhere.enqueue(some_id(), GOOGLE, None)
    await asyncio.wait_for(waiting, timeout=10)


async def test_while_the_server_is_away_waiting_for_work_lasts_its_time_and_raises_nothing(
    wire: Wire, far_away: Database
) -> None:
    await wire.down()
    began = monotonic()
    await PostgresSyncJobs(database=far_away).wait_for_work(timedelta(milliseconds=100))
    assert monotonic() - began >= 0.1


async def test_work_that_comes_between_asking_and_waiting_is_not_slept_over(database: Database) -> None:
    jobs = PostgresSyncJobs(database=database)
    await PostgresConnections(database=database).add(a_connection(), [])
    await jobs.wait_for_work(MINUTE)  # which ends as soon as somebody listens
    heard = asyncio.create_task(jobs.wait_for_work(MINUTE))
    await jobs.claim(some_id(), 1, MINUTE)
    await jobs.enqueue(some_id(), GOOGLE, None)
    await asyncio.wait_for(heard, timeout=10)
    waiting = asyncio.create_task(jobs.wait_for_work(MINUTE))  # in a task of its own, as a daemon does that can stop
    await asyncio.wait_for(waiting, timeout=10)


async def test_an_act_that_the_server_undid_because_of_a_deadlock_is_done_again(
    database: Database, owners_url: str
) -> None:
    with psycopg.connect(owners_url, autocommit=True) as owner:
        owner.execute("CREATE TABLE pair (id, touched) AS VALUES (1, 0), (2, 0)")
        owner.execute("GRANT SELECT, UPDATE ON pair TO PUBLIC")
    both_hold_one = asyncio.Barrier(2)
    attempts = 0

    async def touch(connection: Any, first: int, second: int) -> None:
        nonlocal attempts
        attempts += 1
        async with connection.transaction():
            await connection.execute("UPDATE pair SET touched = touched + 1 WHERE id = %s", [first])
            if attempts <= 2:
                await both_hold_one.wait()
            await connection.execute("UPDATE pair SET touched = touched + 1 WHERE id = %s", [second])

    await asyncio.gather(
        database.act(lambda connection: touch(connection, 1, 2)),
        database.act(lambda connection: touch(connection, 2, 1)),
    )
    assert attempts > 2
    assert await database.rows("SELECT touched FROM pair ORDER BY id") == [(2,), (2,)]
