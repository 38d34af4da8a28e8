"""The PostgreSQL adapters keep every contract."""

from collections.abc import AsyncIterator, Iterator

import pytest

from anselai.adapters.postgres.api_keys import PostgresApiKeys
from anselai.adapters.postgres.audit_log import PostgresAuditLog
from anselai.adapters.postgres.connections import PostgresConnections
from anselai.adapters.postgres.database import Database
from anselai.adapters.postgres.ended_sessions import PostgresEndedSessions
from anselai.adapters.postgres.health import PostgresHealth
from anselai.adapters.postgres.jobs import PostgresSyncJobs
from anselai.adapters.postgres.records import PostgresRecords
from anselai.adapters.postgres.schedules import PostgresSchedules
from anselai.adapters.postgres.sealed_tokens import PostgresSealedTokens
from anselai.adapters.postgres.studios import PostgresStudios
from anselai.adapters.postgres.sync_log import PostgresSyncLog
from anselai.adapters.postgres.workers import PostgresWorkers
from anselai.domain.secret import Secret
from tests.contracts.access_contract import ApiKeysContract, AuditLogContract, EndedSessionsContract, StudiosContract
from tests.contracts.cancelling_contract import CancellingContract
from tests.contracts.claim_limits_contract import ClaimLimitsContract
from tests.contracts.connections_contract import (
    ConnectionsContract,
    RemovingConnectionsContract,
    ReplacingConnectionsContract,
)
from tests.contracts.figures_contract import BusinessFiguresContract, PlatformFiguresContract
from tests.contracts.finishing_contract import FinishingContract, TellingConnectionsContract
from tests.contracts.idempotency_contract import MOST_KEYS, IdempotencyContract
from tests.contracts.jobs_contract import MOST_SYNCS, ClaimingContract, EnqueueingContract
from tests.contracts.kept_jobs_contract import PruningContract, ReadingJobsContract
from tests.contracts.leases_contract import LeasesContract, ReclaimingContract
from tests.contracts.planning_contract import CommittingPlansContract
from tests.contracts.postgres_reset import SharedDatabase
from tests.contracts.queue_state_contract import QueueStateContract
from tests.contracts.records_contract import CheckpointsContract, StoringContract
from tests.contracts.refresh_questions_contract import RefreshQuestionsContract, RefreshTimesContract
from tests.contracts.refreshing_contract import RefreshingConnectionsContract
from tests.contracts.refused_records_contract import MisfitsContract, ParentsContract, UnstorableContract
from tests.contracts.schedules_contract import DueSchedulesContract, SavingSchedulesContract, SchedulesContract
from tests.contracts.sealed_tokens_contract import CountingSealsContract, SealedTokensContract
from tests.contracts.stores import Stores
from tests.contracts.streaks_contract import FailureStreaksContract
from tests.contracts.sync_log_contract import ApiErrorsContract, AttemptsContract, LastRunsContract, QueryingContract
from tests.contracts.wakeups_contract import WakeupsContract
from tests.contracts.workers_contract import HealthContract, WorkersContract
from tests.postgres_server import PostgresServer


@pytest.fixture(scope="session")
def shared_database(postgres_server: PostgresServer, database_names: Iterator[str]) -> Iterator[SharedDatabase]:
    name = next(database_names)
    shared = SharedDatabase(postgres_server.create(name), postgres_server.owners_address(name))
    yield shared
    shared.close()
    postgres_server.drop(name)


@pytest.fixture
async def stores(shared_database: SharedDatabase) -> AsyncIterator[Stores]:
    shared_database.empty()
    async with Database(Secret(shared_database.address)) as database:
        yield Stores(
            connections=PostgresConnections(database=database),
            schedules=PostgresSchedules(database=database),
            jobs=PostgresSyncJobs(database=database, most_keys=MOST_KEYS, most_syncs=MOST_SYNCS),
            sync_log=PostgresSyncLog(database=database),
            records=PostgresRecords(database=database),
            sealed_tokens=PostgresSealedTokens(database=database),
            workers=PostgresWorkers(database=database),
            health=PostgresHealth(database=database),
            studios=PostgresStudios(database=database),
            api_keys=PostgresApiKeys(database=database),
            audit_log=PostgresAuditLog(database=database),
            ended_sessions=PostgresEndedSessions(database=database),
            pass_time=shared_database.pass_time,
        )


class TestPostgresConnections(
    ConnectionsContract,
    ReplacingConnectionsContract,
    RemovingConnectionsContract,
    RefreshingConnectionsContract,
    RefreshQuestionsContract,
    RefreshTimesContract,
):
    pass


class TestPostgresSchedules(SchedulesContract, SavingSchedulesContract, DueSchedulesContract, CommittingPlansContract):
    pass


class TestPostgresSyncJobs(
    EnqueueingContract,
    ClaimingContract,
    ClaimLimitsContract,
    LeasesContract,
    FinishingContract,
    TellingConnectionsContract,
    FailureStreaksContract,
    ReclaimingContract,
    ReadingJobsContract,
    QueueStateContract,
    PruningContract,
    CancellingContract,
    IdempotencyContract,
    WakeupsContract,
):
    pass


class TestPostgresSyncLog(QueryingContract, AttemptsContract, LastRunsContract, ApiErrorsContract):
    pass


class TestPostgresRecords(StoringContract, CheckpointsContract, ParentsContract, MisfitsContract, UnstorableContract):
    pass


class TestPostgresPlatformFigures(PlatformFiguresContract):
    pass


class TestPostgresBusinessFigures(BusinessFiguresContract):
    pass


class TestPostgresWorkersAndHealth(WorkersContract, HealthContract):
    pass


class TestPostgresAccess(StudiosContract, ApiKeysContract, AuditLogContract, EndedSessionsContract):
    pass


class TestPostgresSealedTokens(SealedTokensContract, CountingSealsContract):
    pass
