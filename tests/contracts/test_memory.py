"""The memory adapters keep every contract."""

import pytest

from anselai.adapters.memory.api_keys import MemoryApiKeys
from anselai.adapters.memory.audit_log import MemoryAuditLog
from anselai.adapters.memory.connections import MemoryConnections
from anselai.adapters.memory.ended_sessions import MemoryEndedSessions
from anselai.adapters.memory.health import MemoryHealth
from anselai.adapters.memory.jobs import MemorySyncJobs
from anselai.adapters.memory.records import MemoryRecords
from anselai.adapters.memory.schedules import MemorySchedules
from anselai.adapters.memory.sealed_tokens import MemorySealedTokens
from anselai.adapters.memory.store import MemoryStore
from anselai.adapters.memory.studios import MemoryStudios
from anselai.adapters.memory.sync_log import MemorySyncLog
from anselai.adapters.memory.workers import MemoryWorkers
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
from tests.contracts.queue_state_contract import QueueStateContract
from tests.contracts.records_contract import CheckpointsContract, StoringContract
from tests.contracts.refresh_questions_contract import RefreshQuestionsContract, RefreshTimesContract
from tests.contracts.refreshing_contract import RefreshingConnectionsContract
from tests.contracts.refused_records_contract import MisfitsContract, ParentsContract, UnstorableContract
from tests.contracts.schedules_contract import DueSchedulesContract, SavingSchedulesContract, SchedulesContract
from tests.contracts.sealed_tokens_contract import CountingSealsContract, SealedTokensContract
from tests.contracts.stores import OTHER_STUDIO, Stores
from tests.contracts.streaks_contract import FailureStreaksContract
from tests.contracts.sync_log_contract import ApiErrorsContract, AttemptsContract, LastRunsContract, QueryingContract
from tests.contracts.wakeups_contract import WakeupsContract
from tests.contracts.workers_contract import HealthContract, WorkersContract
from tests.fakes import FakeClock


@pytest.fixture
def stores() -> Stores:
    clock = FakeClock()
    store = MemoryStore(clock=clock)
    store.add_studio(OTHER_STUDIO, OTHER_STUDIO)
    return Stores(
        connections=MemoryConnections(store=store),
        schedules=MemorySchedules(store=store),
        jobs=MemorySyncJobs(store=store, most_keys=MOST_KEYS, most_syncs=MOST_SYNCS),
        sync_log=MemorySyncLog(store=store),
        records=MemoryRecords(memory=store),
        sealed_tokens=MemorySealedTokens(store=store),
        workers=MemoryWorkers(store=store),
        health=MemoryHealth(store=store),
        studios=MemoryStudios(store=store),
        api_keys=MemoryApiKeys(store=store),
        audit_log=MemoryAuditLog(store=store),
        ended_sessions=MemoryEndedSessions(store=store),
        pass_time=clock.advance,
    )


class TestMemoryConnections(
    ConnectionsContract,
    ReplacingConnectionsContract,
    RemovingConnectionsContract,
    RefreshingConnectionsContract,
    RefreshQuestionsContract,
    RefreshTimesContract,
):
    pass


class TestMemorySchedules(SchedulesContract, SavingSchedulesContract, DueSchedulesContract, CommittingPlansContract):
    pass


class TestMemorySyncJobs(
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


class TestMemorySyncLog(QueryingContract, AttemptsContract, LastRunsContract, ApiErrorsContract):
    pass


class TestMemoryRecords(StoringContract, CheckpointsContract, ParentsContract, MisfitsContract, UnstorableContract):
    pass


class TestMemoryPlatformFigures(PlatformFiguresContract):
    pass


class TestMemoryBusinessFigures(BusinessFiguresContract):
    pass


class TestMemoryWorkersAndHealth(WorkersContract, HealthContract):
    pass


class TestMemoryAccess(StudiosContract, ApiKeysContract, AuditLogContract, EndedSessionsContract):
    pass


class TestMemorySealedTokens(SealedTokensContract, CountingSealsContract):
    pass
