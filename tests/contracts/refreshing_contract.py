"""What every Connections has to do for token refreshes, one at a time."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from anselai.domain.connection import ConnectionStatus, PlatformConnection, SealedToken
from anselai.domain.errors import (
    ConnectionChanged,
    ConnectionNotFound,
)
from tests.contracts.stores import ELSEWHERE, HOUR, META, MINUTE, SECOND, Stores
from tests.fakes import NOON
from tests.samples import GOOGLE, some_id


async def begun(stores: Stores, owner: UUID) -> PlatformConnection:
    """The connection as it was before this owner took the right to refresh it."""
    turn = await stores.connections.begin_refresh(GOOGLE, owner, MINUTE)
    assert turn is not None
    assert turn.held
    return turn.connection


class RefreshingConnectionsContract:
    async def test_who_takes_the_right_to_refresh_reads_the_connection_as_it_was_before(self, stores: Stores) -> None:
        connection = await stores.connect()
        turn = await stores.connections.begin_refresh(GOOGLE, some_id(), MINUTE)
        assert turn is not None
        assert (turn.connection, turn.held) == (connection, True)
        assert abs(turn.now - await stores.now()) < MINUTE

    async def test_the_right_is_given_to_one_at_a_time(self, stores: Stores) -> None:
        await stores.connect()
        await stores.connections.begin_refresh(GOOGLE, some_id(), MINUTE)
        assert await stores.connections.begin_refresh(GOOGLE, some_id(), MINUTE) is None

    async def test_of_many_that_ask_at_once_one_gets_the_right(self, stores: Stores) -> None:
        await stores.connect()
        answers = await asyncio.gather(*(stores.connections.begin_refresh(GOOGLE, some_id(), MINUTE) for _ in range(5)))
        assert sum(each is not None for each in answers) == 1

    async def test_its_owner_may_take_it_again_and_holds_it_longer(self, stores: Stores) -> None:
        await stores.connect()
        owner = some_id()
        await stores.connections.begin_refresh(GOOGLE, owner, MINUTE)
        stores.pass_time(timedelta(seconds=40))
        assert await stores.connections.begin_refresh(GOOGLE, owner, MINUTE) is not None
        stores.pass_time(timedelta(seconds=40))
        assert await stores.connections.begin_refresh(GOOGLE, some_id(), MINUTE) is None

    async def test_who_saw_other_tokens_gets_no_right_and_opens_no_question(self, stores: Stores) -> None:
        seen = await stores.connect()
        renewed = await stores.connections.replace(replace(seen, access_token=SealedToken("renewed")))
        turn = await stores.connections.begin_refresh(GOOGLE, some_id(), MINUTE, seen)
        assert turn is not None
        assert (turn.held, turn.connection) == (False, renewed)
        assert await stores.connections.get(GOOGLE) == renewed
        other_id = replace(renewed, id=some_id())
        turn = await stores.connections.begin_refresh(GOOGLE, some_id(), MINUTE, other_id)
        assert turn is not None
        assert not turn.held, "of a connection that was made anew"
        turn = await stores.connections.begin_refresh(GOOGLE, some_id(), MINUTE, renewed)
        assert turn is not None
        assert turn.held

    async def test_a_right_that_ran_out_goes_to_the_next_who_asks(self, stores: Stores) -> None:
        await stores.connect()
        await stores.connections.begin_refresh(GOOGLE, some_id(), MINUTE)
        stores.pass_time(MINUTE + SECOND)
        assert await stores.connections.begin_refresh(GOOGLE, some_id(), MINUTE) is not None

    async def test_connections_are_refreshed_independently(self, stores: Stores) -> None:
        for key in (GOOGLE, META, ELSEWHERE):
            await stores.connect(key)
            assert await stores.connections.begin_refresh(key, some_id(), MINUTE) is not None

    async def test_what_is_not_connected_cannot_be_refreshed(self, stores: Stores) -> None:
        with pytest.raises(ConnectionNotFound):
            await stores.connections.begin_refresh(GOOGLE, some_id(), MINUTE)

    async def test_a_new_connection_inherits_no_right_from_one_that_was_removed(self, stores: Stores) -> None:
        await stores.connect()
        await stores.connections.begin_refresh(GOOGLE, some_id(), MINUTE)
        await stores.connections.remove(GOOGLE)
        await stores.connect()
        assert await stores.connections.begin_refresh(GOOGLE, some_id(), MINUTE) is not None

    async def test_new_tokens_are_stored_and_the_right_given_back(self, stores: Stores) -> None:
        await stores.connect()
        owner = some_id()
        before = await begun(stores, owner)
        after = before.renewed(
            access_token=SealedToken("new-access"),
            refresh_token=SealedToken("new-refresh"),
            token_expires_at=NOON + HOUR,
            scopes=("read",),
            now=NOON + MINUTE,
        )
        stored = await stores.connections.end_refresh(owner, before, after)
        assert stored == replace(after, version=before.version + 1, token_version=before.token_version + 1)
        assert await stores.connections.get(GOOGLE) == stored
        assert await stores.connections.begin_refresh(GOOGLE, some_id(), MINUTE) is not None

    async def test_a_refused_refresh_leaves_its_status_and_error(self, stores: Stores) -> None:
        await stores.connect()
        owner = some_id()
        before = await begun(stores, owner)
        refused = before.marked(ConnectionStatus.EXPIRED, now=NOON + MINUTE, code="PLATFORM_AUTH", reason="revoked")
        stored = await stores.connections.end_refresh(owner, before, refused)
        assert stored == replace(refused, version=before.version + 1)

    async def test_the_right_can_be_given_back_without_a_change(self, stores: Stores) -> None:
        connection = await stores.connect()
        owner = some_id()
        await stores.connections.begin_refresh(GOOGLE, owner, MINUTE)
        stored = await stores.connections.end_refresh(owner, connection, connection)
        assert replace(stored, version=connection.version) == connection
        assert await stores.connections.begin_refresh(GOOGLE, some_id(), MINUTE) is not None

    async def test_what_else_changed_during_a_refresh_stays(self, stores: Stores) -> None:
        await stores.connect()
        owner = some_id()
        before = await begun(stores, owner)
        await stores.connections.replace(replace(before, account_id="renamed"))
        await stores.finished()
        after = replace(before, access_token=SealedToken("new-access"), updated_at=NOON + HOUR)
        stored = await stores.connections.end_refresh(owner, before, after)
        assert (stored.account_id, stored.access_token) == ("renamed", "new-access")
        assert stored.last_sync_at is not None
        assert await stores.connections.get(GOOGLE) == stored

    @pytest.mark.parametrize("field", ["access_token", "refresh_token"])
    async def test_tokens_that_somebody_else_stored_meanwhile_are_kept(self, stores: Stores, field: str) -> None:
        await stores.connect()
        owner = some_id()
        before = await begun(stores, owner)
        theirs = await stores.connections.replace(replace(before, **{field: SealedToken("theirs")}))  # type: ignore[arg-type]
        with pytest.raises(ConnectionChanged):
            await stores.connections.end_refresh(owner, before, replace(before, access_token=SealedToken("ours")))
        assert replace(await stores.connections.get(GOOGLE), refresh=theirs.refresh) == theirs
        assert await stores.connections.begin_refresh(GOOGLE, some_id(), MINUTE) is not None, "the right was kept"

    async def test_a_refresh_token_that_was_taken_away_meanwhile_stays_away(self, stores: Stores) -> None:
        await stores.connect()
        owner = some_id()
        before = await begun(stores, owner)
        theirs = await stores.connections.replace(replace(before, refresh_token=None))
        with pytest.raises(ConnectionChanged):
            await stores.connections.end_refresh(owner, before, replace(before, access_token=SealedToken("ours")))
        assert await stores.connections.get(GOOGLE) == theirs

    async def test_a_refresh_of_a_connection_that_was_made_anew_meanwhile_is_not_stored(self, stores: Stores) -> None:
        await stores.connect()
        owner = some_id()
        before = await begun(stores, owner)
        await stores.connections.remove(GOOGLE)
        anew = await stores.connect()
        assert anew.token_version == before.token_version
        with pytest.raises(ConnectionChanged):
            await stores.connections.end_refresh(owner, before, replace(before, access_token=SealedToken("ours")))
        assert await stores.connections.get(GOOGLE) == anew

    async def test_a_late_refresh_is_stored_but_leaves_the_right_to_its_new_owner(self, stores: Stores) -> None:
        await stores.connect()
        late, next_owner = some_id(), some_id()
        await stores.connections.begin_refresh(GOOGLE, late, MINUTE)
        stores.pass_time(MINUTE + SECOND)
        before = await begun(stores, next_owner)
        after = replace(before, access_token=SealedToken("late-access"))
        assert (await stores.connections.end_refresh(late, before, after)).access_token == "late-access"
        assert await stores.connections.begin_refresh(GOOGLE, some_id(), MINUTE) is None

    async def test_a_refresh_of_a_connection_that_is_gone_is_not_stored(self, stores: Stores) -> None:
        connection = await stores.connect()
        owner = some_id()
        await stores.connections.begin_refresh(GOOGLE, owner, MINUTE)
        await stores.connections.remove(GOOGLE)
        with pytest.raises(ConnectionNotFound):
            await stores.connections.end_refresh(owner, connection, connection)

    async def test_a_refresh_that_led_to_nothing_gives_back_the_right_and_changes_nothing(self, stores: Stores) -> None:
        await stores.connect()
        owner = some_id()
        before = await begun(stores, owner)
        changed = await stores.connections.replace(replace(before, scopes=("new",), account_id="new"))
        changed = replace(changed, refresh=before.refresh)
        assert await stores.connections.end_refresh(owner, before, None) == changed
        assert await stores.connections.get(GOOGLE) == changed
        assert await begun(stores, some_id()) == changed

    async def test_it_does_not_take_the_right_from_somebody_else(self, stores: Stores) -> None:
        connection = await stores.connect()
        await stores.connections.begin_refresh(GOOGLE, some_id(), MINUTE)
        await stores.connections.end_refresh(some_id(), connection, None)
        assert await stores.connections.begin_refresh(GOOGLE, some_id(), MINUTE) is None

    async def test_scopes_and_expiry_that_the_refresh_left_alone_stay_as_somebody_set_them_meanwhile(
        self, stores: Stores
    ) -> None:
        await stores.connect()
        owner = some_id()
        before = await begun(stores, owner)
        await stores.connections.replace(replace(before, scopes=("new",), token_expires_at=NOON + 9 * HOUR))
        stored = await stores.connections.end_refresh(owner, before, replace(before, access_token=SealedToken("next")))
        assert (stored.access_token, stored.scopes, stored.token_expires_at) == ("next", ("new",), NOON + 9 * HOUR)
