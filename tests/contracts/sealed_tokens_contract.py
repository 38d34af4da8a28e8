"""What every SealedTokens has to do, beside the Connections of the same store."""

import asyncio
from dataclasses import replace

import pytest

from anselai.adapters.crypto.aes_gcm import AesGcmCipher
from anselai.adapters.crypto.keyring import derive_ring, generate_secret
from anselai.application.seal_ledger import SealLedger
from anselai.domain.connection import ConnectionKey, ConnectionStatus, PlatformConnection, SealedToken
from anselai.domain.errors import ConnectionChanged
from anselai.domain.ports.cipher import TokenBinding
from anselai.domain.ports.connections import Connections
from anselai.domain.ports.sealed_tokens import Resealed, SealedRow
from anselai.domain.seal_tally import FEWEST_AT_ONCE, SealTally
from anselai.domain.secret import Secret
from anselai.domain.sync_job import AttemptResult, Outcome
from tests.contracts.stores import ELSEWHERE, META, MINUTE, SECOND, Stores
from tests.samples import GOOGLE, a_connection, some_id

OLD, NEW, THIRD = "0" * 11 + "a", "0" * 11 + "b", "0" * 11 + "c"


def sealed(key_id: str, text: str = "payload") -> SealedToken:
    return SealedToken(f"v1.{key_id}.{text}")


async def connect(
    stores: Stores, key: ConnectionKey = GOOGLE, access: str = OLD, refresh: str | None = OLD
) -> PlatformConnection:
    refresh_token = None if refresh is None else sealed(refresh, "refresh")
    connection = a_connection(key, access_token=sealed(access, "access"), refresh_token=refresh_token)
    await stores.connections.add(connection, [])
    return connection


def row_of(connection: PlatformConnection) -> SealedRow:
    return SealedRow(
        id=connection.id,
        key=connection.key,
        access_token=connection.access_token,
        refresh_token=connection.refresh_token,
    )


def anew(connection: PlatformConnection, key_id: str = NEW) -> Resealed:
    return Resealed(
        before=row_of(connection),
        access_token=sealed(key_id, "access"),
        refresh_token=None if connection.refresh_token is None else sealed(key_id, "refresh"),
    )


class SealedTokensContract:
    async def test_an_empty_store_needs_no_key(self, stores: Stores) -> None:
        assert await stores.sealed_tokens.number_not_sealed_with([]) == 0
        assert await stores.sealed_tokens.rows_per_key() == {}
        assert await stores.sealed_tokens.not_sealed_with([], None, 10) == []

    async def test_the_connections_of_all_studios_are_counted_for_each_key_that_they_need(self, stores: Stores) -> None:
        await connect(stores)
        await connect(stores, META, NEW, None)
        await connect(stores, ELSEWHERE, NEW, THIRD)
        assert await stores.sealed_tokens.rows_per_key() == {OLD: 1, NEW: 2, THIRD: 1}

    @pytest.mark.parametrize(
        "text",
        ["plain", "", "ya29.A0SECRET.more", f"ya29.{OLD}.more", "v1.A0SECRET1234.more", f"v1.{OLD}0.m", f"v1.{OLD}"],
    )
    async def test_a_text_that_names_no_key_is_counted_too_and_nothing_of_it_is_told(
        self, stores: Stores, text: str
    ) -> None:
        refresh = SealedToken(text.replace("v1", "v"))
        await stores.connections.add(a_connection(access_token=SealedToken(text), refresh_token=refresh), [])
        assert await stores.sealed_tokens.rows_per_key() == {"": 1}
        assert len(await stores.sealed_tokens.not_sealed_with([OLD], None, 10)) == 1
        assert await stores.sealed_tokens.not_sealed_with([OLD, ""], None, 10) == []

    async def test_those_that_need_another_key_are_numbered_each_once(self, stores: Stores) -> None:
        await connect(stores, access=OLD, refresh=THIRD)
        await connect(stores, META, NEW, None)
        await connect(stores, ELSEWHERE, NEW, OLD)
        numbers = [await stores.sealed_tokens.number_not_sealed_with(each) for each in ([NEW], [NEW, OLD], [], [OLD])]
        assert numbers == [2, 1, 3, 3]

    async def test_those_that_need_another_key_are_found_by_id(self, stores: Stores) -> None:
        google = await connect(stores)
        await connect(stores, META, NEW, NEW)
        elsewhere = await connect(stores, ELSEWHERE, NEW, OLD)
        found = await stores.sealed_tokens.not_sealed_with([NEW], None, 10)
        assert found == sorted((row_of(google), row_of(elsewhere)), key=lambda each: each.id)
        assert await stores.sealed_tokens.not_sealed_with([NEW, OLD], None, 10) == []

    async def test_they_are_found_in_pages(self, stores: Stores) -> None:
        for key in (GOOGLE, META, ELSEWHERE):
            await connect(stores, key)
        [first] = await stores.sealed_tokens.not_sealed_with([NEW], None, 1)
        others = await stores.sealed_tokens.not_sealed_with([NEW], first.id, 10)
        assert len(others) == 2
        assert first not in others

    async def test_the_same_tokens_under_another_key_move_the_version_and_not_the_token_version(
        self, stores: Stores
    ) -> None:
        connection = await connect(stores)
        assert await stores.sealed_tokens.reseal([anew(connection)]) == 1
        assert await stores.connections.get(GOOGLE) == replace(
            connection,
            access_token=sealed(NEW, "access"),
            refresh_token=sealed(NEW, "refresh"),
            version=connection.version + 1,
        )

    async def test_a_connection_without_a_refresh_token_gets_none(self, stores: Stores) -> None:
        connection = await connect(stores, refresh=None)
        assert await stores.sealed_tokens.reseal([anew(connection)]) == 1
        assert (await stores.connections.get(GOOGLE)).refresh_token is None

    @pytest.mark.parametrize("change", [{"access_token": sealed(OLD, "theirs")}, {"refresh_token": None}])
    async def test_tokens_that_became_others_meanwhile_are_left_alone(
        self, stores: Stores, change: dict[str, SealedToken | None]
    ) -> None:
        connection = await connect(stores)
        other = await connect(stores, META)
        theirs = await stores.connections.replace(replace(connection, **change))  # type: ignore[arg-type]
        assert await stores.sealed_tokens.reseal([anew(connection), anew(other)]) == 1
        assert await stores.connections.get(GOOGLE) == theirs
        assert (await stores.connections.get(META)).access_token == sealed(NEW, "access")

    async def test_a_connection_that_is_gone_or_made_anew_is_left_alone(self, stores: Stores) -> None:
        connection = await connect(stores)
        await stores.connections.remove(GOOGLE)
        assert await stores.sealed_tokens.reseal([anew(connection)]) == 0
        again = await connect(stores)
        assert await stores.sealed_tokens.reseal([anew(connection)]) == 0
        assert await stores.connections.get(GOOGLE) == again

    async def test_what_else_changed_meanwhile_is_kept(self, stores: Stores) -> None:
        connection = await connect(stores)
        await stores.connections.replace(replace(connection, account_id="renamed"))
        assert await stores.sealed_tokens.reseal([anew(connection)]) == 1
        assert (await stores.connections.get(GOOGLE)).account_id == "renamed"

    async def test_a_stale_change_does_not_bring_the_old_seals_back(self, stores: Stores) -> None:
        connection = await connect(stores)
        await stores.sealed_tokens.reseal([anew(connection)])
        with pytest.raises(ConnectionChanged):
            await stores.connections.replace(replace(connection, account_id="renamed"))

    async def test_a_refresh_that_was_under_way_still_stores_its_tokens(self, stores: Stores) -> None:
        connection, owner = await connect(stores), some_id()
        turn = await stores.connections.begin_refresh(GOOGLE, owner, MINUTE)
        assert turn is not None
        await stores.sealed_tokens.reseal([anew(connection)])
        before = turn.connection
        after = replace(before, access_token=sealed(OLD, "refreshed"))
        stored = await stores.connections.end_refresh(owner, before, after)
        assert stored.access_token == sealed(OLD, "refreshed")
        assert stored.refresh_token == sealed(NEW, "refresh"), "what the refresh left alone stays as it is sealed now"
        assert stored.token_version == before.token_version + 1

    async def test_a_refresh_that_was_refused_meanwhile_leaves_the_new_seals(self, stores: Stores) -> None:
        connection, owner = await connect(stores), some_id()
        turn = await stores.connections.begin_refresh(GOOGLE, owner, MINUTE)
        assert turn is not None
        await stores.sealed_tokens.reseal([anew(connection)])
        before = turn.connection
        refused = replace(before, status=ConnectionStatus.EXPIRED)
        stored = await stores.connections.end_refresh(owner, before, refused)
        assert (stored.status, stored.access_token) == (ConnectionStatus.EXPIRED, sealed(NEW, "access"))
        assert stored.token_version == before.token_version

    async def test_what_a_running_sync_learns_of_the_connection_still_holds(self, stores: Stores) -> None:
        connection = await connect(stores)
        claimed = await stores.running()
        await stores.sealed_tokens.reseal([anew(connection)])
        result = AttemptResult(
            lease=claimed.job.lease,
            outcome=Outcome.FAILED,
            error_code="PLATFORM_AUTH",
            error_message="refused",
            connection_status=ConnectionStatus.EXPIRED,
            judged_token_version=claimed.connection.token_version,
        )
        await stores.jobs.finish([result])
        stored = await stores.connections.get(GOOGLE)
        assert (stored.status, stored.access_token) == (ConnectionStatus.EXPIRED, sealed(NEW, "access"))


class CountingSealsContract:
    async def test_seals_add_up_for_each_key(self, stores: Stores) -> None:
        assert await stores.sealed_tokens.uses() == {}
        assert await stores.sealed_tokens.count_seals(OLD, 16) == 16
        assert await stores.sealed_tokens.count_seals(NEW, 1 << 33) == 1 << 33
        assert await stores.sealed_tokens.count_seals(OLD, 4) == 20
        assert {key_id: use.seals for key_id, use in (await stores.sealed_tokens.uses()).items()} == {
            OLD: 20,
            NEW: 1 << 33,
        }

    async def test_seals_that_many_count_at_once_all_add_up(self, stores: Stores) -> None:
        await asyncio.gather(*(stores.sealed_tokens.count_seals(OLD, 3) for _ in range(50)))
        assert (await stores.sealed_tokens.uses())[OLD].seals == 150

    async def test_a_key_tells_when_it_was_first_and_last_counted(self, stores: Stores) -> None:
        before = await stores.now()
        await stores.sealed_tokens.count_seals(OLD, 1)
        stores.pass_time(SECOND)
        await stores.sealed_tokens.count_seals(OLD, 1)
        use = (await stores.sealed_tokens.uses())[OLD]
        assert before - SECOND <= use.first_used_at < use.last_used_at <= await stores.now()

    async def test_no_sealed_text_is_stored_before_its_seal_is_counted(self, stores: Stores) -> None:
        tally = SealTally()
        cipher = AesGcmCipher(derive_ring(generate_secret()), tally=tally)
        key_id = cipher.key_ids()[0]
        ledger = SealLedger(tally=tally, sealed_tokens=stores.sealed_tokens)
        connections: Connections = replace(stores.connections, before_storing=ledger.settle)  # type: ignore[type-var]

        def seal() -> SealedToken:
            return cipher.seal(Secret("token"), TokenBinding(GOOGLE, "access_token"))

        async def counted() -> int:
            return (await stores.sealed_tokens.uses())[key_id].seals

        await connections.add(a_connection(access_token=seal(), refresh_token=seal()), [])
        assert await counted() >= 2
        connection = await connections.get(GOOGLE)
        for made in range(3, 200):
            connection = await connections.replace(replace(connection, access_token=seal()))
            assert made <= await counted() <= 2 * made + FEWEST_AT_ONCE
        turn = await connections.begin_refresh(GOOGLE, some_id(), MINUTE)
        assert turn is not None
        for _ in range(500):
            seal()  # what a platform's answer led to, before the store was back
        await connections.end_refresh(some_id(), turn.connection, replace(turn.connection, access_token=seal()))
        assert await counted() >= 700
