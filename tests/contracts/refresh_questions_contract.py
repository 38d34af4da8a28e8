"""What every Connections has to do so that no answer of a platform is lost without a word, and none is asked too often.

A question is open from `begin_refresh` until somebody tells that it was answered, or was never asked.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from anselai.domain.connection import ConnectionStatus, PlatformConnection, SealedToken
from anselai.domain.errors import ConnectionChanged
from anselai.domain.ports.sealed_tokens import Resealed, SealedRow
from anselai.domain.refreshing import RefreshState
from tests.contracts.refreshing_contract import begun
from tests.contracts.stores import ELSEWHERE, HOUR, META, MINUTE, SECOND, Stores
from tests.samples import GOOGLE, a_connection, some_id


async def asked_at(stores: Stores) -> datetime | None:
    return (await stores.connections.get(GOOGLE)).refresh.asked_at


async def left_open(stores: Stores) -> None:
    """Somebody asked the platform, and was never heard of again."""
    await begun(stores, some_id())
    stores.pass_time(MINUTE + SECOND)


def renewed(before: PlatformConnection, name: str = "new") -> PlatformConnection:
    return replace(
        before,
        access_token=SealedToken(f"{name}-access"),
        refresh_token=SealedToken(f"{name}-refresh"),
        refresh=RefreshState(),
    )


def failed(before: PlatformConnection, **state: Any) -> PlatformConnection:
    return replace(before, refresh=RefreshState(**state))


class RefreshQuestionsContract:
    async def test_whoever_takes_the_right_opens_a_question_in_the_same_step(self, stores: Stores) -> None:
        await stores.connect()
        await begun(stores, some_id())
        asked = await asked_at(stores)
        assert asked is not None
        assert abs(asked - await stores.now()) < MINUTE

    @pytest.mark.parametrize("ending", ["new tokens", "an answer", "never asked"])
    async def test_its_owner_closes_it(self, stores: Stores, ending: str) -> None:
        await stores.connect()
        owner = some_id()
        before = await begun(stores, owner)
        after = {"new tokens": renewed(before), "an answer": failed(before, failures=1), "never asked": None}[ending]
        stored = await stores.connections.end_refresh(owner, before, after)
        assert stored.refresh.asked_at is None
        assert await asked_at(stores) is None

    async def test_without_an_answer_it_stays_open(self, stores: Stores) -> None:
        await stores.connect()
        owner = some_id()
        before = await begun(stores, owner)
        asked = await asked_at(stores)
        stored = await stores.connections.end_refresh(owner, before, failed(before, asked_at=await stores.now()))
        assert stored.refresh.asked_at == asked

    async def test_the_next_owner_learns_since_when_it_is_open(self, stores: Stores) -> None:
        await stores.connect()
        await left_open(stores)
        asked = await asked_at(stores)
        assert (await begun(stores, some_id())).refresh.asked_at == asked
        assert await asked_at(stores) == asked

    async def test_an_owner_who_takes_the_right_again_is_not_told_of_its_own_question(self, stores: Stores) -> None:
        await stores.connect()
        owner = some_id()
        await begun(stores, owner)
        assert (await begun(stores, owner)).refresh.asked_at is None

    @pytest.mark.parametrize("ending", ["an answer", "never asked"])
    async def test_that_of_somebody_else_stays_open_whatever_the_next_one_is_told(
        self, stores: Stores, ending: str
    ) -> None:
        await stores.connect()
        await left_open(stores)
        owner = some_id()
        before = await begun(stores, owner)
        after = None if ending == "never asked" else failed(before, failures=1)
        stored = await stores.connections.end_refresh(owner, before, after)
        assert stored.refresh.asked_at is not None
        assert (await begun(stores, some_id())).refresh.asked_at is not None

    async def test_new_tokens_close_every_question(self, stores: Stores) -> None:
        await stores.connect()
        await left_open(stores)
        owner = some_id()
        before = await begun(stores, owner)
        assert (await stores.connections.end_refresh(owner, before, renewed(before))).refresh.asked_at is None
        assert (await begun(stores, some_id())).refresh.asked_at is None

    async def test_who_lost_its_right_closes_nothing(self, stores: Stores) -> None:
        await stores.connect()
        late = some_id()
        before = await begun(stores, late)
        stores.pass_time(MINUTE + SECOND)
        await begun(stores, some_id())
        await stores.connections.end_refresh(late, before, None)
        assert await asked_at(stores) is not None
        await stores.connections.end_refresh(late, before, failed(before, failures=1))
        assert await asked_at(stores) is not None

    async def test_a_change_of_something_else_leaves_it_open(self, stores: Stores) -> None:
        connection = await stores.connect()
        await left_open(stores)
        stored = await stores.connections.replace(replace(connection, account_id="renamed"))
        assert stored.refresh.asked_at is not None
        stored = await stores.connections.replace(replace(stored, access_token=SealedToken("theirs")))
        assert stored.refresh.asked_at is not None, "the refresh token is still the one that was given"

    @pytest.mark.parametrize(
        ("connected_with", "change"),
        [
            ({}, {"refresh_token": SealedToken("theirs")}),
            ({}, {"refresh_token": None}),
            ({"refresh_token": None}, {"access_token": SealedToken("theirs")}),
        ],
    )
    async def test_it_ends_with_what_the_platform_was_given(
        self, stores: Stores, connected_with: dict[str, Any], change: dict[str, Any]
    ) -> None:
        connection = a_connection(**connected_with)
        await stores.connections.add(connection, ())
        await left_open(stores)
        stored = await stores.connections.replace(replace(connection, **change))
        assert stored.refresh.asked_at is None
        assert (await begun(stores, some_id())).refresh.asked_at is None

    async def test_where_only_the_access_token_was_replaced_a_new_refresh_token_takes_the_place_of_the_used_one(
        self, stores: Stores
    ) -> None:
        await stores.connect()
        owner = some_id()
        before = await begun(stores, owner)
        theirs = await stores.connections.replace(replace(before, access_token=SealedToken("theirs")))
        with pytest.raises(ConnectionChanged):
            await stores.connections.end_refresh(owner, before, renewed(before))
        stored = await stores.connections.get(GOOGLE)
        assert (stored.access_token, stored.refresh_token) == ("theirs", "new-refresh")
        assert (stored.version, stored.token_version) == (theirs.version + 1, theirs.token_version + 1)
        assert stored.refresh.asked_at is None
        assert (await begun(stores, some_id())) == stored, "the right was kept"

    async def test_so_it_does_where_the_used_one_was_sealed_with_another_key_meanwhile(self, stores: Stores) -> None:
        await stores.connect()
        owner = some_id()
        before = await begun(stores, owner)
        row = SealedRow(id=before.id, key=GOOGLE, access_token=before.access_token, refresh_token=before.refresh_token)
        resealed = Resealed(before=row, access_token=SealedToken("1.k2.a"), refresh_token=SealedToken("1.k2.r"))
        assert await stores.sealed_tokens.reseal([resealed]) == 1
        sealed = await stores.connections.get(GOOGLE)
        await stores.connections.replace(replace(sealed, access_token=SealedToken("theirs")))
        with pytest.raises(ConnectionChanged):
            await stores.connections.end_refresh(owner, before, renewed(before))
        stored = await stores.connections.get(GOOGLE)
        assert (stored.access_token, stored.refresh_token) == ("theirs", "new-refresh")
        assert stored.refresh.asked_at is None

    async def test_a_refresh_token_of_a_person_is_kept_although_somebody_else_asks_with_it_already(
        self, stores: Stores
    ) -> None:
        await stores.connect()
        owner = some_id()
        before = await begun(stores, owner)
        await stores.connections.replace(replace(before, refresh_token=SealedToken("theirs")))
        stores.pass_time(MINUTE + SECOND)
        await begun(stores, some_id())
        with pytest.raises(ConnectionChanged):
            await stores.connections.end_refresh(owner, before, renewed(before))
        assert (await stores.connections.get(GOOGLE)).refresh_token == "theirs"
        assert await asked_at(stores) is not None

    @pytest.mark.parametrize("change", [{"account_id": "renamed"}, {"access_token": SealedToken("theirs")}])
    @pytest.mark.parametrize("planned_in", [None, timedelta(days=9)])
    async def test_while_it_is_open_nobody_puts_off_the_time_at_which_it_is_looked_into(
        self, stores: Stores, change: dict[str, Any], planned_in: timedelta | None
    ) -> None:
        at = None if planned_in is None else await stores.now() + planned_in
        await stores.connections.add(a_connection(refresh=RefreshState(at=at)), ())
        seen = await stores.connections.get(GOOGLE)
        await begun(stores, some_id())
        await stores.connections.replace(replace(seen, **change))
        stores.pass_time(MINUTE + SECOND)
        assert len(await stores.connections.due_refreshes("google", 10, MINUTE)) == 1

    async def test_a_connection_made_anew_inherits_no_question(self, stores: Stores) -> None:
        await stores.connect()
        await begun(stores, some_id())
        await stores.connections.remove(GOOGLE)
        await stores.connect()
        assert (await begun(stores, some_id())).refresh.asked_at is None


class RefreshTimesContract:
    async def test_after_a_failure_nobody_gets_the_right_before_the_time(self, stores: Stores) -> None:
        await stores.connect()
        owner = some_id()
        before = await begun(stores, owner)
        until = await stores.now() + MINUTE
        waiting = failed(before, at=until + HOUR, failures=3, not_before=until)
        stored = await stores.connections.end_refresh(owner, before, waiting)
        assert stored.refresh == waiting.refresh
        turn = await stores.connections.begin_refresh(GOOGLE, some_id(), MINUTE)
        assert turn is not None
        assert (turn.held, turn.connection) == (False, stored)
        assert await stores.connections.get(GOOGLE) == stored
        stores.pass_time(MINUTE + SECOND)
        assert (await begun(stores, some_id())).refresh.failures == 3

    async def test_it_ends_with_the_tokens_that_it_was_met_with(self, stores: Stores) -> None:
        await stores.connect()
        owner = some_id()
        before = await begun(stores, owner)
        until = await stores.now() + MINUTE
        waiting = failed(before, at=until, failures=3, not_before=until)
        stored = await stores.connections.end_refresh(owner, before, waiting)
        stored = await stores.connections.replace(replace(stored, account_id="renamed"))
        assert stored.refresh == waiting.refresh
        theirs = replace(stored, access_token=SealedToken("theirs"), refresh=RefreshState(at=until + HOUR))
        assert (await stores.connections.replace(theirs)).refresh == RefreshState(at=until + HOUR)

    async def test_new_tokens_bring_their_own_time(self, stores: Stores) -> None:
        await stores.connect()
        owner = some_id()
        before = await begun(stores, owner)
        at = await stores.now() + HOUR
        stored = await stores.connections.end_refresh(owner, before, renewed(before).refreshed_at(at))
        assert stored.refresh == RefreshState(at=at)
        assert await stores.connections.get(GOOGLE) == stored

    async def test_a_connection_is_handed_out_once_its_time_has_come_and_to_one_at_a_time(self, stores: Stores) -> None:
        now = await stores.now()
        connection = a_connection(refresh=RefreshState(at=now + MINUTE))
        await stores.connections.add(connection, ())
        assert await stores.connections.due_refreshes("google", 10, MINUTE) == []
        stores.pass_time(MINUTE + SECOND)
        [due] = await stores.connections.due_refreshes("google", 10, MINUTE)
        assert due.has_tokens_of(connection)
        assert await stores.connections.due_refreshes("google", 10, MINUTE) == []
        stores.pass_time(MINUTE + SECOND)
        assert len(await stores.connections.due_refreshes("google", 10, MINUTE)) == 1

    async def test_the_longest_due_of_a_platform_come_first(self, stores: Stores) -> None:
        now = await stores.now()
        for key, since in ((GOOGLE, MINUTE), (ELSEWHERE, HOUR), (META, 2 * HOUR)):
            await stores.connections.add(a_connection(key, refresh=RefreshState(at=now - since)), ())
        assert [each.key for each in await stores.connections.due_refreshes("google", 1, MINUTE)] == [ELSEWHERE]
        assert [each.key for each in await stores.connections.due_refreshes("google", 1, MINUTE)] == [GOOGLE]
        assert [each.key for each in await stores.connections.due_refreshes("meta", 5, MINUTE)] == [META]

    async def test_those_whose_question_is_open_can_be_handed_out_alone(self, stores: Stores) -> None:
        for key in (GOOGLE, ELSEWHERE):
            await stores.connections.add(a_connection(key, refresh=RefreshState(at=await stores.now())), ())
        await left_open(stores)
        asked = await stores.connections.due_refreshes("google", 10, MINUTE, asked_only=True)
        assert [each.key for each in asked] == [GOOGLE]
        assert [each.key for each in await stores.connections.due_refreshes("google", 10, MINUTE)] == [ELSEWHERE]

    async def test_what_a_refresh_ended_stays_so_until_it_is_given_other_tokens(self, stores: Stores) -> None:
        await stores.connect()
        owner = some_id()
        before = await begun(stores, owner)
        expired = before.marked(ConnectionStatus.EXPIRED, now=await stores.now())
        await stores.connections.end_refresh(owner, before, replace(expired, refresh=RefreshState(ended=True)))
        before = await begun(stores, owner)
        assert before.needs_new_tokens
        kept = await stores.connections.end_refresh(owner, before, None)
        assert (kept.needs_new_tokens, kept.refresh.at) == (True, None)
        renamed = await stores.connections.replace(replace(kept, account_id="renamed"))
        assert renamed.needs_new_tokens
        given = await stores.connections.replace(replace(renamed, refresh_token=SealedToken("another")))
        assert not given.needs_new_tokens
        assert not (await stores.connections.get(GOOGLE)).needs_new_tokens

    async def test_one_that_somebody_is_refreshing_is_passed_over_until_the_right_ends(self, stores: Stores) -> None:
        now = await stores.now()
        await stores.connections.add(a_connection(refresh=RefreshState(at=now - MINUTE)), ())
        await begun(stores, some_id())
        assert await stores.connections.due_refreshes("google", 10, MINUTE) == []
        stores.pass_time(MINUTE + SECOND)
        assert len(await stores.connections.due_refreshes("google", 10, MINUTE)) == 1

    @pytest.mark.parametrize("planned_in", [None, timedelta(days=9)])
    async def test_of_an_owner_who_is_never_heard_of_again_the_connection_is_due_when_the_lease_ends(
        self, stores: Stores, planned_in: timedelta | None
    ) -> None:
        at = None if planned_in is None else await stores.now() + planned_in
        await stores.connections.add(a_connection(refresh=RefreshState(at=at)), ())
        assert (await begun(stores, some_id())).refresh.at == at
        assert await stores.connections.due_refreshes("google", 10, MINUTE) == []
        stores.pass_time(MINUTE + SECOND)
        assert len(await stores.connections.due_refreshes("google", 10, MINUTE)) == 1

    async def test_a_right_that_was_not_used_leaves_the_time_as_it_was(self, stores: Stores) -> None:
        at = await stores.now() + timedelta(days=9)
        await stores.connections.add(a_connection(refresh=RefreshState(at=at)), ())
        owner = some_id()
        before = await begun(stores, owner)
        assert (await stores.connections.end_refresh(owner, before, None)).refresh.at == at
        assert (await stores.connections.get(GOOGLE)).refresh.at == at

    async def test_one_without_a_time_is_never_handed_out(self, stores: Stores) -> None:
        await stores.connect()
        stores.pass_time(timedelta(days=400))
        assert await stores.connections.due_refreshes("google", 10, MINUTE) == []

    async def test_being_handed_out_does_not_make_a_change_of_somebody_else_fail(self, stores: Stores) -> None:
        now = await stores.now()
        connection = a_connection(refresh=RefreshState(at=now - MINUTE))
        await stores.connections.add(connection, ())
        await stores.connections.due_refreshes("google", 10, MINUTE)
        marked = connection.marked(ConnectionStatus.ERROR, now=now)
        assert (await stores.connections.replace(marked)).status is ConnectionStatus.ERROR
