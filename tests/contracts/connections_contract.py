"""What every Connections has to do."""

import asyncio
from collections.abc import Coroutine
from dataclasses import replace

import pytest

from anselai.domain.connection import ConnectionKey, ConnectionStatus, SealedToken
from anselai.domain.errors import (
    ConnectionChanged,
    ConnectionExists,
    ConnectionNotFound,
    InvalidInput,
    LeaseLost,
    NotFound,
)
from anselai.domain.frequency import Frequency
from anselai.domain.sync_job import AttemptResult, JobState, Outcome
from tests.contracts.stores import BROKEN, ELSEWHERE, FAR_OFF, HOUR, META, OTHER_STUDIO, Stores
from tests.fakes import NOON
from tests.samples import GOOGLE, a_connection, a_metric, a_schedule, some_id


class ConnectionsContract:
    async def test_what_was_added_is_read_back(self, stores: Stores) -> None:
        connection = await stores.connect()
        assert await stores.connections.get(GOOGLE) == connection

    async def test_a_connection_may_lack_everything_that_is_optional(self, stores: Stores) -> None:
        bare = a_connection(account_id=None, refresh_token=None, token_expires_at=None, scopes=())
        await stores.connections.add(bare, [])
        assert await stores.connections.get(GOOGLE) == bare

    async def test_schedules_are_added_together_with_their_connection(self, stores: Stores) -> None:
        schedules = [a_schedule(frequency=frequency) for frequency in Frequency]
        await stores.connect(GOOGLE, *schedules)
        assert list(await stores.schedules.list("default")) == schedules

    async def test_a_taken_key_is_refused_and_nothing_of_the_second_is_stored(self, stores: Stores) -> None:
        first = await stores.connect()
        with pytest.raises(ConnectionExists):
            await stores.connections.add(a_connection(account_id="second"), [a_schedule()])
        assert await stores.connections.list("default") == [first]
        assert await stores.schedules.list("default") == []

    async def test_of_two_that_add_the_same_key_at_once_one_wins(self, stores: Stores) -> None:
        outcomes = await asyncio.gather(
            *(stores.connections.add(a_connection(), [a_schedule()]) for _ in range(5)), return_exceptions=True
        )
        assert outcomes.count(None) == 1
        assert sum(isinstance(each, ConnectionExists) for each in outcomes) == 4

    @pytest.mark.parametrize("broken", BROKEN)
    async def test_a_key_that_no_store_can_hold_is_refused_without_being_quoted(
        self, stores: Stores, broken: str
    ) -> None:
        await stores.connect()
        for key in (ConnectionKey(f"default{broken}", "google"), ConnectionKey("default", f"google{broken}")):
            for ask in (
                stores.connections.get(key),
                stores.connections.replace(a_connection(key)),
                stores.connections.remove(key),
                stores.jobs.enqueue(some_id(), key, Frequency.DAILY),
                stores.schedules.get(key, Frequency.DAILY),
                stores.schedules.save(a_schedule(key)),
            ):
                with pytest.raises(InvalidInput) as refused:
                    await ask
                assert broken not in str(refused.value)

    async def test_a_connection_of_a_studio_that_does_not_exist_is_refused(self, stores: Stores) -> None:
        nowhere = ConnectionKey("nowhere", "google")
        with pytest.raises(InvalidInput) as refused:
            await stores.connections.add(a_connection(nowhere), [a_schedule(nowhere)])
        assert [problem.path for problem in refused.value.problems] == ["studio"]
        assert await stores.connections.list("nowhere") == []

    async def test_a_missing_connection_is_not_found(self, stores: Stores) -> None:
        with pytest.raises(ConnectionNotFound):
            await stores.connections.get(GOOGLE)

    async def test_another_studios_connection_is_not_found(self, stores: Stores) -> None:
        await stores.connect(ELSEWHERE)
        with pytest.raises(ConnectionNotFound):
            await stores.connections.get(GOOGLE)

    async def test_connections_are_listed_by_platform(self, stores: Stores) -> None:
        for platform in ("tiktok", "google", "tiktok-ads", "meta"):
            await stores.connect(ConnectionKey("default", platform))
        listed = await stores.connections.list("default")
        assert [each.key.platform for each in listed] == ["google", "meta", "tiktok", "tiktok-ads"]

    async def test_a_studio_lists_only_its_own_connections(self, stores: Stores) -> None:
        own = await stores.connect()
        await stores.connect(ELSEWHERE)
        assert await stores.connections.list("default") == [own]

    async def test_a_studio_without_connections_lists_none(self, stores: Stores) -> None:
        await stores.connect()
        assert await stores.connections.list(OTHER_STUDIO) == []

    async def test_two_studios_may_connect_the_same_platform(self, stores: Stores) -> None:
        await stores.connect()
        elsewhere = await stores.connect(ELSEWHERE)
        await stores.connections.remove(GOOGLE)
        assert await stores.connections.get(ELSEWHERE) == elsewhere


class ReplacingConnectionsContract:
    async def test_replacing_gives_the_next_version_and_is_stored(self, stores: Stores) -> None:
        connection = await stores.connect()
        replaced = await stores.connections.replace(replace(connection, account_id="account-2"))
        assert replaced == replace(connection, account_id="account-2", version=connection.version + 1)
        assert await stores.connections.get(GOOGLE) == replaced

    async def test_everything_is_replaced_but_identity_creation_and_last_sync(self, stores: Stores) -> None:
        connection = await stores.connect()
        wanted = replace(
            connection,
            account_id=None,
            access_token=SealedToken("new-access"),
            refresh_token=None,
            token_expires_at=None,
            scopes=("other",),
            status=ConnectionStatus.ERROR,
            updated_at=NOON + HOUR,
            last_error_code="CODE",
            last_error="a reason",
        )
        asked = replace(wanted, id=some_id(), created_at=NOON + HOUR, last_sync_at=NOON + HOUR)
        stored = await stores.connections.replace(asked)
        assert stored == replace(wanted, version=connection.version + 1, token_version=connection.token_version + 1)

    @pytest.mark.parametrize("field", ["access_token", "refresh_token"])
    async def test_another_token_moves_the_token_version(self, stores: Stores, field: str) -> None:
        connection = await stores.connect()
        replaced = await stores.connections.replace(replace(connection, **{field: SealedToken("another")}))  # type: ignore[arg-type]
        assert replaced.token_version == connection.token_version + 1
        assert not replaced.has_tokens_of(connection)

    async def test_a_refresh_token_that_comes_or_goes_moves_the_token_version(self, stores: Stores) -> None:
        connection = await stores.connect()
        without = await stores.connections.replace(replace(connection, refresh_token=None))
        again = await stores.connections.replace(replace(without, refresh_token=SealedToken("another")))
        assert [without.token_version, again.token_version] == [2, 3]

    async def test_what_is_not_a_token_leaves_the_token_version_whatever_the_caller_says_it_is(
        self, stores: Stores
    ) -> None:
        connection = await stores.connect()
        replaced = await stores.connections.replace(replace(connection, scopes=("other",), token_version=9))
        assert replaced.token_version == connection.token_version

    async def test_a_stale_version_is_refused_and_changes_nothing(self, stores: Stores) -> None:
        connection = await stores.connect()
        current = await stores.connections.replace(replace(connection, account_id="first"))
        with pytest.raises(ConnectionChanged):
            await stores.connections.replace(replace(connection, account_id="second"))
        assert await stores.connections.get(GOOGLE) == current

    async def test_of_two_that_replace_at_once_one_wins(self, stores: Stores) -> None:
        connection = await stores.connect()
        outcomes = await asyncio.gather(
            *(stores.connections.replace(replace(connection, account_id=f"account-{n}")) for n in range(5)),
            return_exceptions=True,
        )
        assert sum(isinstance(each, ConnectionChanged) for each in outcomes) == 4
        assert await stores.connections.get(GOOGLE) in outcomes

    async def test_a_connection_that_is_gone_cannot_be_replaced(self, stores: Stores) -> None:
        connection = await stores.connect()
        await stores.connections.remove(GOOGLE)
        with pytest.raises(ConnectionNotFound):
            await stores.connections.replace(connection)

    async def test_another_studios_connection_is_not_replaced(self, stores: Stores) -> None:
        connection = await stores.connect()
        elsewhere = await stores.connect(ELSEWHERE)
        await stores.connections.replace(replace(connection, account_id="changed"))
        assert await stores.connections.get(ELSEWHERE) == elsewhere


class RemovingConnectionsContract:
    async def test_a_removed_connection_is_gone_with_its_schedules(self, stores: Stores) -> None:
        schedules = [a_schedule(frequency=frequency, next_slot_at=FAR_OFF) for frequency in Frequency]
        await stores.connect(GOOGLE, *schedules)
        await stores.connections.remove(GOOGLE)
        assert await stores.connections.list("default") == []
        assert await stores.schedules.list("default") == []
        assert await stores.schedules.next_due_at() is None

    async def test_it_cannot_be_removed_while_a_slot_of_it_is_due(self, stores: Stores) -> None:
        await stores.connect(GOOGLE, a_schedule(next_slot_at=FAR_OFF))
        due = await stores.schedule_due(frequency=Frequency.DAILY)
        queued = await stores.jobs.enqueue(some_id(), GOOGLE, Frequency.HOURLY)
        with pytest.raises(ConnectionChanged):
            await stores.connections.remove(GOOGLE)
        assert await stores.jobs.active("default") == [queued.job]
        assert due in await stores.schedules.list("default")
        assert await stores.log() == []

    async def test_removing_what_is_not_there_is_refused(self, stores: Stores) -> None:
        await stores.connect(ELSEWHERE)
        with pytest.raises(ConnectionNotFound):
            await stores.connections.remove(GOOGLE)

    async def test_its_queued_jobs_are_gone_and_have_a_row_in_the_log(self, stores: Stores) -> None:
        await stores.connect()
        queued = await stores.jobs.enqueue(some_id(), GOOGLE, Frequency.DAILY)
        await stores.connections.remove(GOOGLE)
        with pytest.raises(NotFound):
            await stores.jobs.get("default", queued.job.id)
        assert await stores.jobs.active("default") == []
        assert await stores.claim() == []
        assert [(row.job_id, row.outcome) for row in await stores.log()] == [(queued.job.id, Outcome.CANCELLED)]

    async def test_its_running_jobs_end_as_cancelled_with_a_row_in_the_log(self, stores: Stores) -> None:
        await stores.connect()
        running = (await stores.running()).job
        await stores.connections.remove(GOOGLE)
        ended = await stores.jobs.get("default", running.id)
        assert (ended.state, ended.lease_expires_at) == (JobState.CANCELLED, None)
        assert ended.finished_at is not None
        [row] = await stores.sync_log.attempts("default", running.id)
        assert (row.outcome, row.attempt, row.frequency) == (Outcome.CANCELLED, 1, running.frequency)
        assert row.message

    async def test_a_run_under_way_is_fenced_off(self, stores: Stores) -> None:
        await stores.connect()
        lease = (await stores.running()).job.lease
        await stores.connections.remove(GOOGLE)
        assert await stores.jobs.renew([lease], HOUR) == frozenset()
        assert await stores.jobs.finish([AttemptResult(lease=lease, outcome=Outcome.SUCCEEDED)]) == frozenset()
        with pytest.raises(LeaseLost):
            await stores.records.store(lease, [a_metric()], "cursor")
        stores.pass_time(HOUR)
        assert await stores.jobs.reclaim(10) == 0

    async def test_a_late_result_does_not_touch_the_connection_that_came_after(self, stores: Stores) -> None:
        await stores.connect()
        lease = (await stores.running()).job.lease
        await stores.connections.remove(GOOGLE)
        again = await stores.connect()
        await stores.jobs.finish([AttemptResult(lease=lease, outcome=Outcome.SUCCEEDED)])
        assert await stores.connections.get(GOOGLE) == again

    async def test_the_log_and_the_jobs_that_had_ended_stay(self, stores: Stores) -> None:
        await stores.connect()
        job = (await stores.finished()).job
        before = await stores.log()
        await stores.connections.remove(GOOGLE)
        assert await stores.log() == before
        assert (await stores.jobs.get("default", job.id)).state is JobState.SUCCEEDED

    async def test_other_connections_keep_their_jobs_and_schedules(self, stores: Stores) -> None:
        await stores.connect(GOOGLE, a_schedule(next_slot_at=FAR_OFF))
        for key in (META, ELSEWHERE):
            await stores.connect(key, a_schedule(key))
            await stores.jobs.enqueue(some_id(), key, Frequency.HOURLY)
        await stores.connections.remove(GOOGLE)
        assert [each.job.key for each in await stores.claim()] == [META, ELSEWHERE]
        assert await stores.schedules.list("default") == [a_schedule(META)]
        assert await stores.schedules.list(OTHER_STUDIO) == [a_schedule(ELSEWHERE)]

    async def test_what_happens_during_a_removal_leaves_no_job_and_no_schedule_behind(self, stores: Stores) -> None:
        for turn in range(8):
            await stores.connect(GOOGLE, a_schedule(next_slot_at=FAR_OFF))
            running = (await stores.running(GOOGLE, Frequency.WEEKLY)).job
            planned = stores.plan(await stores.schedules.get(GOOGLE, Frequency.HOURLY))
            acts: list[Coroutine[None, None, object]] = [
                stores.jobs.enqueue(some_id(), GOOGLE, Frequency.DAILY),
                stores.schedules.commit([planned]),
                stores.schedules.save(a_schedule(frequency=Frequency.DAILY, next_slot_at=FAR_OFF)),
                stores.jobs.finish([AttemptResult(lease=running.lease, outcome=Outcome.RETRYING)]),
                stores.claim(),
            ]
            acts.insert(turn % 6, stores.connections.remove(GOOGLE))
            outcomes = await asyncio.gather(*acts, return_exceptions=True)
            refused = [each for each in outcomes if isinstance(each, BaseException)]
            assert all(isinstance(each, ConnectionNotFound) for each in refused)
            assert await stores.jobs.active("default") == []
            assert await stores.schedules.list("default") == []
            rows = await stores.sync_log.attempts("default", running.id)
            assert rows[-1].outcome is Outcome.CANCELLED

    async def test_a_platform_can_be_connected_again_after_its_removal(self, stores: Stores) -> None:
        await stores.connect(GOOGLE, a_schedule(next_slot_at=FAR_OFF))
        await stores.running()
        await stores.connections.remove(GOOGLE)
        again = await stores.connect(GOOGLE, a_schedule())
        assert await stores.connections.get(GOOGLE) == again
        queued = await stores.jobs.enqueue(some_id(), GOOGLE, Frequency.HOURLY)
        assert not queued.deduplicated
