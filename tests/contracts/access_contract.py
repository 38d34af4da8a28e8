"""What every Studios, ApiKeys, AuditLog and EndedSessions has to do."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from anselai.domain.access import ApiKey, Scope
from anselai.domain.audit import LONGEST_DETAIL, Actor, AuditAction, Deed
from anselai.domain.errors import (
    ApiKeyNotFound,
    InvalidInput,
    StudioExists,
    StudioInUse,
    StudioNotFound,
)
from anselai.domain.frequency import Frequency
from anselai.domain.insights import Period
from anselai.domain.ports.sync_log import ApiError, LogQuery
from tests.contracts.full_records import FULL_RECORDS, PARENTS
from tests.contracts.stores import BROKEN, ELSEWHERE, HOUR, MINUTE, OTHER_STUDIO, SECOND, Stores
from tests.samples import GOOGLE, some_id

SOMEBODY = Actor(name="key laptop", address="127.0.0.1", request_id="r1")
NOBODY_YET = "newcomer"
ALL_TIME = Period(first=date(2000, 1, 1), last=date(2100, 1, 1))


def a_deed(studio: str = "default", action: AuditAction = AuditAction.KEY_CREATED, detail: str | None = None) -> Deed:
    return Deed(studio=studio, actor=SOMEBODY, action=action, subject="something", detail=detail)


async def a_key(stores: Stores, studio: str = "default", **given: object) -> ApiKey:
    now = await stores.now()
    key = ApiKey(
        id=some_id(), studio=studio, name="laptop", scopes=(Scope.READ,), secret_hash=b"h" * 32, created_at=now
    )
    return replace(key, **given)  # type: ignore[arg-type]


def an_api_error(studio: str) -> ApiError:
    return ApiError(studio=studio, route="/api/sync", code="STORE_UNAVAILABLE", message="away", request_id="r1")


async def written(stores: Stores, studio: str = "default") -> list[str]:
    return [each.action for each in await stores.audit_log.query(studio, 100)]


class StudiosContract:
    async def test_a_studio_that_was_added_is_listed_by_id(self, stores: Stores) -> None:
        before = await stores.now()
        added = await stores.studios.add(NOBODY_YET, "A new studio", a_deed(NOBODY_YET, AuditAction.STUDIO_ADDED))
        assert (added.id, added.name) == (NOBODY_YET, "A new studio")
        assert before <= added.created_at <= await stores.now()
        assert [each.id for each in await stores.studios.list()] == ["default", NOBODY_YET, OTHER_STUDIO]
        assert added in await stores.studios.list()

    async def test_a_studio_is_added_once_and_written_down_once(self, stores: Stores) -> None:
        await stores.studios.add(NOBODY_YET, "first", a_deed(NOBODY_YET, AuditAction.STUDIO_ADDED))
        with pytest.raises(StudioExists):
            await stores.studios.add(NOBODY_YET, "second", a_deed(NOBODY_YET, AuditAction.STUDIO_ADDED))
        assert [each.name for each in await stores.studios.list() if each.id == NOBODY_YET] == ["first"]
        assert await written(stores, NOBODY_YET) == ["studio.added"]

    async def test_a_studio_with_a_connection_is_not_removed(self, stores: Stores) -> None:
        await stores.connect(ELSEWHERE)
        key = await a_key(stores, OTHER_STUDIO)
        await stores.api_keys.add(key, a_deed(OTHER_STUDIO))
        with pytest.raises(StudioInUse):
            await stores.studios.remove(OTHER_STUDIO, a_deed(OTHER_STUDIO, AuditAction.STUDIO_REMOVED))
        assert await stores.api_keys.find(key.id) == key
        assert await written(stores, OTHER_STUDIO) == ["key.created"]

    async def test_an_unknown_studio_is_not_removed(self, stores: Stores) -> None:
        with pytest.raises(StudioNotFound):
            await stores.studios.remove(NOBODY_YET, a_deed(NOBODY_YET, AuditAction.STUDIO_REMOVED))
        assert await stores.audit_log.query_all(10) == []

    async def test_everything_of_a_removed_studio_goes_and_nothing_of_another(self, stores: Stores) -> None:
        keys = {studio: await a_key(stores, studio) for studio in ("default", OTHER_STUDIO)}
        nothing = await stores.records.business_figures(OTHER_STUDIO, ALL_TIME)
        for place in (GOOGLE, ELSEWHERE):
            lease = await stores.lease(place, storing=PARENTS)
            await stores.records.store(lease, FULL_RECORDS, None)
        for place in (GOOGLE, ELSEWHERE):
            await stores.jobs.enqueue(some_id(), place, Frequency.DAILY, "a-key")
            await stores.api_keys.add(keys[place.studio], a_deed(place.studio))
            await stores.sync_log.record_api_error(an_api_error(place.studio))
        mine = await stores.records.business_figures("default", ALL_TIME)
        assert mine == await stores.records.business_figures(OTHER_STUDIO, ALL_TIME) != nothing
        await stores.connections.remove(ELSEWHERE)
        await stores.studios.remove(OTHER_STUDIO, a_deed(OTHER_STUDIO, AuditAction.STUDIO_REMOVED))

        assert [each.id for each in await stores.studios.list()] == ["default"]
        assert await stores.api_keys.find(keys[OTHER_STUDIO].id) is None
        assert await stores.sync_log.query(LogQuery(studio=OTHER_STUDIO, limit=100)) == []
        assert await stores.records.business_figures(OTHER_STUDIO, ALL_TIME) == nothing
        assert await stores.records.platform_figures(OTHER_STUDIO, ALL_TIME) == []
        assert await stores.api_keys.find(keys["default"].id) == keys["default"]
        assert len(await stores.sync_log.query(LogQuery(studio="default", limit=100))) == 1
        assert len(await stores.jobs.active("default")) == 2
        assert await stores.records.business_figures("default", ALL_TIME) == mine

    async def test_a_studio_that_is_added_again_sees_nothing_of_the_one_before_it(self, stores: Stores) -> None:
        await stores.lease(ELSEWHERE, storing=FULL_RECORDS)
        await stores.connections.remove(ELSEWHERE)
        await stores.studios.remove(OTHER_STUDIO, a_deed(OTHER_STUDIO, AuditAction.STUDIO_REMOVED))
        await stores.sync_log.record_api_error(an_api_error(OTHER_STUDIO))  # comes late
        stores.pass_time(SECOND)
        await stores.studios.add(OTHER_STUDIO, "again", a_deed(OTHER_STUDIO, AuditAction.STUDIO_ADDED))

        assert await stores.sync_log.query(LogQuery(studio=OTHER_STUDIO, limit=100)) == []
        assert await stores.api_keys.list(OTHER_STUDIO) == []
        assert await stores.jobs.active(OTHER_STUDIO) == []
        assert [each.action for each in await stores.audit_log.query_all(1)] == ["studio.added"]


class ApiKeysContract:
    async def test_a_key_is_found_as_it_was_added(self, stores: Stores) -> None:
        key = await a_key(stores, scopes=(Scope.READ, Scope.ADMIN), expires_at=await stores.now() + HOUR)
        await stores.api_keys.add(key, a_deed())
        assert await stores.api_keys.find(key.id) == key
        assert await written(stores) == ["key.created"]

    async def test_an_unknown_key_is_not_found(self, stores: Stores) -> None:
        assert await stores.api_keys.find(some_id()) is None

    async def test_a_key_of_no_studio_is_refused_and_not_written_down(self, stores: Stores) -> None:
        with pytest.raises(StudioNotFound):
            await stores.api_keys.add(await a_key(stores, NOBODY_YET), a_deed(NOBODY_YET))
        assert await stores.audit_log.query_all(10) == []

    async def test_a_studio_lists_its_own_keys_the_oldest_first(self, stores: Stores) -> None:
        now = await stores.now()
        newer, older, same = [await a_key(stores, created_at=now - by * SECOND) for by in (1, 2, 1)]
        for key in (newer, older, same, await a_key(stores, OTHER_STUDIO)):
            await stores.api_keys.add(key, a_deed(key.studio))
        assert await stores.api_keys.list("default") == [older, newer, same]

    async def test_a_revoked_key_is_kept_and_says_since_when(self, stores: Stores) -> None:
        key = await a_key(stores)
        await stores.api_keys.add(key, a_deed())
        before = await stores.now()
        revoked = await stores.api_keys.revoke("default", key.id, a_deed(action=AuditAction.KEY_REVOKED))
        assert revoked.revoked_at is not None
        assert before <= revoked.revoked_at <= await stores.now()
        assert await stores.api_keys.find(key.id) == revoked == replace(key, revoked_at=revoked.revoked_at)

    async def test_revoking_again_changes_and_records_nothing(self, stores: Stores) -> None:
        key = await a_key(stores)
        await stores.api_keys.add(key, a_deed())
        first = await stores.api_keys.revoke("default", key.id, a_deed(action=AuditAction.KEY_REVOKED))
        again = await stores.api_keys.revoke("default", key.id, a_deed(action=AuditAction.KEY_REVOKED))
        assert again == first
        assert await written(stores) == ["key.revoked", "key.created"]

    async def test_another_studios_key_cannot_be_revoked(self, stores: Stores) -> None:
        key = await a_key(stores, OTHER_STUDIO)
        await stores.api_keys.add(key, a_deed(OTHER_STUDIO))
        for key_id in (key.id, some_id()):
            with pytest.raises(ApiKeyNotFound):
                await stores.api_keys.revoke("default", key_id, a_deed(action=AuditAction.KEY_REVOKED))
        assert await stores.api_keys.find(key.id) == key
        assert await written(stores) == []

    async def test_a_use_is_noted_once_in_the_time_given(self, stores: Stores) -> None:
        key = await a_key(stores)
        await stores.api_keys.add(key, a_deed())
        before = await stores.now()
        await stores.api_keys.note_use(key.id, MINUTE)
        [first] = await stores.api_keys.list("default")
        assert first.last_used_at is not None
        assert before <= first.last_used_at <= await stores.now()
        await stores.api_keys.note_use(key.id, MINUTE)
        assert await stores.api_keys.list("default") == [first]

    async def test_a_later_use_is_noted_again(self, stores: Stores) -> None:
        key = await a_key(stores)
        await stores.api_keys.add(key, a_deed())
        await stores.api_keys.note_use(key.id, MINUTE)
        stores.pass_time(2 * MINUTE)
        [before] = await stores.api_keys.list("default")
        await stores.api_keys.note_use(key.id, MINUTE)
        [after] = await stores.api_keys.list("default")
        assert before.last_used_at is not None
        assert after.last_used_at is not None
        assert after.last_used_at >= before.last_used_at + timedelta(minutes=1)

    async def test_the_use_of_an_unknown_key_is_no_error(self, stores: Stores) -> None:
        await stores.api_keys.note_use(some_id(), MINUTE)

    @pytest.mark.parametrize("broken", BROKEN)
    async def test_a_text_that_cannot_be_kept_is_refused(self, stores: Stores, broken: str) -> None:
        with pytest.raises(InvalidInput):
            await stores.api_keys.add(await a_key(stores, name=broken), a_deed())
        with pytest.raises(InvalidInput):
            await stores.api_keys.list(broken)
        with pytest.raises(InvalidInput):
            await stores.api_keys.revoke(broken, some_id(), a_deed())


class AuditLogContract:
    async def test_a_deed_is_kept_with_who_when_and_from_where(self, stores: Stores) -> None:
        before = await stores.now()
        await stores.audit_log.append(a_deed(detail="read, write"))
        [row] = await stores.audit_log.query("default", 10)
        assert before <= row.at <= await stores.now()
        assert (row.actor, row.address, row.request_id) == ("key laptop", "127.0.0.1", "r1")
        assert (row.studio, row.action, row.subject, row.detail) == (
            "default",
            "key.created",
            "something",
            "read, write",
        )

    async def test_a_studio_sees_its_own_rows_only_and_who_runs_it_all_sees_them_all(self, stores: Stores) -> None:
        for studio in ("default", OTHER_STUDIO, "default"):
            await stores.audit_log.append(a_deed(studio))
        mine = await stores.audit_log.query("default", 10)
        assert [each.studio for each in mine] == ["default", "default"]
        everything = await stores.audit_log.query_all(10)
        assert [each.studio for each in everything] == ["default", OTHER_STUDIO, "default"]
        assert [each.id for each in everything] == sorted((each.id for each in everything), reverse=True)

    async def test_pages_follow_each_other_without_a_gap(self, stores: Stores) -> None:
        for number in range(5):
            await stores.audit_log.append(a_deed(detail=str(number)))
        first = await stores.audit_log.query("default", 2)
        second = await stores.audit_log.query("default", 2, first[-1].id)
        last = await stores.audit_log.query_all(2, second[-1].id)
        assert [each.detail for each in (*first, *second, *last)] == ["4", "3", "2", "1", "0"]
        assert await stores.audit_log.query("default", 2, last[-1].id) == []

    async def test_rows_of_a_studio_that_is_not_there_are_seen_by_who_runs_it_all(self, stores: Stores) -> None:
        await stores.audit_log.append(a_deed(NOBODY_YET))
        assert await stores.audit_log.query(NOBODY_YET, 10) == []
        assert [each.studio for each in await stores.audit_log.query_all(10)] == [NOBODY_YET]

    async def test_a_long_detail_is_cut(self, stores: Stores) -> None:
        await stores.audit_log.append(a_deed(detail="x" * (LONGEST_DETAIL + 1)))
        [row] = await stores.audit_log.query("default", 10)
        assert row.detail == "x" * LONGEST_DETAIL

    @pytest.mark.parametrize("broken", BROKEN)
    async def test_what_cannot_be_kept_is_replaced_and_not_asked_for(self, stores: Stores, broken: str) -> None:
        await stores.audit_log.append(a_deed(detail=f"a{broken}b"))
        [row] = await stores.audit_log.query("default", 10)
        assert row.detail == "a\ufffdb"
        with pytest.raises(InvalidInput):
            await stores.audit_log.query(broken, 10)


class EndedSessionsContract:
    async def test_a_session_that_was_ended_is_and_no_other(self, stores: Stores) -> None:
        until = await stores.now() + HOUR
        await stores.ended_sessions.end("one", until)
        assert await stores.ended_sessions.is_ended("one")
        assert not await stores.ended_sessions.is_ended("another")

    async def test_to_end_it_again_changes_nothing(self, stores: Stores) -> None:
        until = await stores.now() + HOUR
        for _ in range(2):
            await stores.ended_sessions.end("one", until)
        stores.pass_time(HOUR - MINUTE)
        await stores.ended_sessions.end("one", await stores.now() - SECOND)
        await stores.ended_sessions.end("another", await stores.now() + HOUR)
        assert await stores.ended_sessions.is_ended("one")

    async def test_it_is_forgotten_once_its_cookie_is_good_no_longer_and_not_before(self, stores: Stores) -> None:
        now = await stores.now()
        await stores.ended_sessions.end("first", now + HOUR)
        await stores.ended_sessions.end("later", now + 2 * HOUR)
        stores.pass_time(HOUR)
        await stores.ended_sessions.end("another", await stores.now() + HOUR)
        found = [await stores.ended_sessions.is_ended(each) for each in ("first", "later", "another")]
        assert found == [False, True, True]
