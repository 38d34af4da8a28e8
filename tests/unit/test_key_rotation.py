"""Rotating keys: every token is sealed anew, nothing that changed meanwhile is lost, and no key goes too early."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import pytest

from anselai.adapters.crypto.aes_gcm import AesGcmCipher
from anselai.adapters.crypto.keyring import derive_key, derive_ring, generate_secret
from anselai.adapters.memory.connections import MemoryConnections
from anselai.adapters.memory.sealed_tokens import MemorySealedTokens
from anselai.application.connection_swap import swap
from anselai.application.key_rotation import RotationResult
from anselai.application.seal_ledger import MOST_SEALS, WARN_FROM
from anselai.application.sealing_keys import KeyRole, SealingKeys
from anselai.application.token_vault import TokenVault
from anselai.domain.connection import ConnectionStatus, SealedToken
from anselai.domain.errors import ConnectionChanged, KeyNeeded, KeysMissing, NotFound, RotationTooEarly, TokenUnreadable
from anselai.domain.ports.cipher import key_id_of
from anselai.domain.ports.kept_keys import KeptKeys
from anselai.domain.ports.sealed_tokens import Resealed, SealedRow
from anselai.domain.refreshing import RefreshState
from anselai.domain.secret import Secret
from tests.samples import a_connection
from tests.unit.rotating_studio import NEW_ID, OLD, OLD_ID, Studio, a_rotating_studio


@pytest.fixture
def studio() -> Studio:
    return a_rotating_studio()


async def test_every_token_is_the_same_under_the_new_key(studio: Studio) -> None:
    studio.connect(25)
    before = studio.opened()
    steps: list[int] = []
    result = await studio.rotation.run(progress=steps.append, batch=10)
    assert result == RotationResult(resealed=25)
    assert steps == [10, 10, 5]
    assert studio.opened() == before
    assert await studio.tokens.rows_per_key() == {NEW_ID: 25}
    assert (await studio.tokens.uses())[NEW_ID].seals >= 50


async def test_a_rotation_that_is_interrupted_goes_on_where_it_was(studio: Studio) -> None:
    studio.connect(25)
    before = studio.opened()

    class PowerCut(Exception):
        pass

    def cut(_done: int) -> None:
        raise PowerCut

    with pytest.raises(PowerCut):
        await studio.rotation.run(progress=cut, batch=10)
    assert await studio.tokens.rows_per_key() == {NEW_ID: 10, OLD_ID: 15}
    assert await studio.rotation.to_do() == 15
    assert (await studio.rotation.run(batch=10)).resealed == 15
    assert studio.opened() == before


async def test_a_dry_run_tells_and_changes_nothing(studio: Studio) -> None:
    studio.connect(3)
    before = dict(studio.store.connections)
    assert await studio.rotation.run(dry_run=True) == RotationResult(resealed=3)
    await studio.rotation.ledger.settle()  # as everybody does who stores a token, and who closes AnselAI
    assert studio.store.connections == before
    assert await studio.tokens.uses() == {}, "nothing was sealed"


async def test_tokens_that_a_refresh_brought_meanwhile_win(studio: Studio) -> None:
    studio.connect(2)

    def refreshed() -> None:
        stored = studio.at(1)
        access = studio.vault.encrypt_token(Secret("refreshed"), stored.key)
        studio.store.connections[stored.key] = replace(stored, access_token=access, token_version=2)

    studio.tokens.meanwhile.append(refreshed)
    result = await studio.rotation.run()
    assert result == RotationResult(resealed=2)
    assert studio.opened() == [("access-0", "refresh-0"), ("refreshed", "refresh-1")]
    assert await studio.tokens.rows_per_key() == {NEW_ID: 2}


async def test_what_is_sealed_with_the_old_key_again_and_again_is_told_and_left(studio: Studio) -> None:
    studio.connect(1)

    def sealed_again() -> None:
        stored = studio.at(0)
        access = studio.old_vault.encrypt_token(Secret("access-0"), stored.key)
        studio.store.connections[stored.key] = replace(stored, access_token=access)

    studio.tokens.meanwhile.extend([sealed_again] * 1000)
    assert (await studio.rotation.run()).left == 1


async def test_what_cannot_be_opened_keeps_its_tokens_and_says_that_it_is_an_error(studio: Studio) -> None:
    studio.connect(3)
    moved = replace(studio.at(1), access_token=studio.at(2).access_token)
    studio.store.connections[moved.key] = moved
    assert await studio.rotation.run(dry_run=True) == RotationResult(resealed=2, unreadable=1)
    assert studio.at(1) == moved
    assert await studio.rotation.run() == RotationResult(resealed=2, unreadable=1)
    told = studio.at(1)
    assert (told.status, told.last_error_code) == (ConnectionStatus.ERROR, TokenUnreadable.code)
    assert (told.access_token, told.refresh_token) == (moved.access_token, moved.refresh_token)
    await studio.rotation.run()
    assert studio.at(1) == told, "what says so already is left alone"
    ended = replace(told.marked(ConnectionStatus.EXPIRED, now=told.updated_at), refresh=RefreshState(ended=True))
    studio.store.connections[moved.key] = ended
    await studio.rotation.run()
    assert studio.at(1) == ended, "and so is what needs new tokens anyway"


async def test_a_dry_run_for_a_key_that_is_still_to_be_made_opens_everything(studio: Studio) -> None:
    studio.connect(3)
    await studio.rotation.run()
    assert (await studio.rotation.run(dry_run=True), await studio.rotation.to_do()) == (RotationResult(), 0)
    assert await studio.rotation.run(dry_run=True, afresh=True) == RotationResult(resealed=3)
    assert await studio.rotation.to_do(afresh=True) == 3
    assert await studio.tokens.rows_per_key() == {NEW_ID: 3}


async def test_no_rotation_begins_before_every_living_process_has_the_key(studio: Studio) -> None:
    studio.connect(1)
    studio.tokens.rings[:] = [(NEW_ID[:8], OLD_ID[:8]), (OLD_ID[:8],)]
    with pytest.raises(RotationTooEarly, match=NEW_ID):
        await studio.rotation.run()
    assert await studio.tokens.rows_per_key() == {OLD_ID: 1}
    studio.tokens.rings[:] = [(OLD_ID[:8], NEW_ID[:8]), (OLD_ID[:8], "+")]
    assert (await studio.rotation.run()).resealed == 1


async def test_no_key_is_made_in_files_beside_a_process_that_does_not_read_them(studio: Studio) -> None:
    rotation = replace(studio.rotation, keys_in_files=True)
    studio.tokens.rings[:] = [("files",), (OLD_ID[:8], NEW_ID[:8])]
    await rotation.check_everybody_knows()
    with pytest.raises(RotationTooEarly, match="an ENCRYPTION_KEY of its own"):
        await rotation.check_everybody_knows(afresh=True)
    studio.tokens.rings[:] = [("files",)]
    await rotation.check_everybody_knows(afresh=True)


async def test_a_process_whose_keys_are_in_files_has_the_primary_key_only_if_that_is_one_of_them(
    studio: Studio,
) -> None:
    studio.connect(1)
    studio.tokens.rings[:] = [("files",)]
    with pytest.raises(RotationTooEarly, match=NEW_ID):
        await studio.rotation.run()
    assert await studio.tokens.rows_per_key() == {OLD_ID: 1}
    studio.tokens.rings[:] = [("files", NEW_ID[:8])]
    await studio.rotation.check_everybody_knows()
    studio.tokens.rings[:] = [("files",)]
    assert (await replace(studio.rotation, keys_in_files=True).run()).resealed == 1
    with pytest.raises(KeyNeeded, match="still seals"):
        await studio.keys.check_unneeded(OLD_ID)
    await replace(studio.keys, keys_in_files=True).check_unneeded(OLD_ID)


async def test_a_change_that_was_read_before_a_rotation_is_stored_with_the_new_seals(studio: Studio) -> None:
    studio.connect(1)
    connections = MemoryConnections(store=studio.store)
    seen = studio.at(0)
    await studio.rotation.run()
    key = seen.key
    renamed = await swap(connections, seen, replace(seen, account_id="renamed"))
    assert (renamed.account_id, key_id_of(renamed.access_token)) == ("renamed", NEW_ID)
    assert renamed.token_version == seen.token_version
    given = studio.vault.encrypt_token(Secret("given"), key)
    changed = await swap(connections, seen := renamed, replace(seen, access_token=given))
    assert (changed.access_token, changed.refresh_token) == (given, renamed.refresh_token)
    with pytest.raises(ConnectionChanged):
        await swap(connections, seen, replace(seen, account_id="late"))


def damaged(sealed: SealedToken) -> SealedToken:
    """With another digit in its key id."""
    return SealedToken(f"{sealed[:3]}{'0' if sealed[3] == '1' else '1'}{sealed[4:]}")


async def test_the_status_tells_every_key_and_what_needs_it(studio: Studio) -> None:
    studio.connect(3)
    lost = TokenVault(cipher=AesGcmCipher(derive_ring(generate_secret())))
    stored = studio.at(1)
    studio.store.connections[stored.key] = replace(
        stored, refresh_token=lost.encrypt_token(Secret("refresh"), stored.key, "refresh_token")
    )
    third = studio.at(2)
    studio.store.connections[third.key] = replace(third, access_token=damaged(third.access_token))
    for key_id, seals in (("0" * 12, 7), (NEW_ID, WARN_FROM), (lost.cipher.key_ids()[0], 1)):
        await studio.tokens.count_seals(key_id, seals)
    states = await studio.keys.status()
    by_id = {each.role: each.id for each in states}
    assert [(each.role, each.rows) for each in states] == [
        (KeyRole.PRIMARY, 0),
        (KeyRole.OLDER, 3),
        *sorted([(KeyRole.MISSING, 1), (KeyRole.DAMAGED, 1)], key=lambda each: by_id[each[0]]),
        (KeyRole.GONE, 0),
    ]
    assert [bool(each.warning) for each in states] == [True, False, True, True, False]


async def test_a_ring_without_a_needed_key_is_refused_with_its_id_and_what_to_do(studio: Studio) -> None:
    studio.connect(2)
    await studio.tokens.count_seals(OLD_ID, 4)
    ring = AesGcmCipher(derive_ring(generate_secret()))
    with pytest.raises(KeysMissing, match=rf"{OLD_ID} \(2\).*default/platform-0.*ENCRYPTION_KEYS_OLD") as refused:
        await SealingKeys(cipher=ring, sealed_tokens=studio.tokens, audit=studio.keys.audit).check()
    assert refused.value.rows == {OLD_ID: 2}
    await studio.keys.check()


async def test_a_damaged_text_is_told_and_stops_nobody(studio: Studio, caplog: pytest.LogCaptureFixture) -> None:
    studio.connect(2)
    stored = studio.at(1)
    studio.store.connections[stored.key] = replace(stored, access_token=damaged(stored.access_token))
    await studio.tokens.count_seals(OLD_ID, 4)
    await studio.keys.check()
    assert "damaged, for example those of default/platform-1. Connect" in caplog.text
    ring = AesGcmCipher(derive_ring(generate_secret()))
    with pytest.raises(KeysMissing) as refused:
        await SealingKeys(cipher=ring, sealed_tokens=studio.tokens, audit=studio.keys.audit).check()
    assert refused.value.rows == {OLD_ID: 2}


async def test_a_key_may_not_go_while_it_is_needed(studio: Studio) -> None:
    studio.connect(3)
    with pytest.raises(KeyNeeded, match=f"3 connections need the key {OLD_ID}"):
        await studio.keys.check_unneeded(OLD_ID)
    with pytest.raises(KeyNeeded, match="primary"):
        await studio.keys.check_unneeded(NEW_ID)
    await studio.rotation.run()
    studio.tokens.rings[:] = [(OLD_ID[:8], NEW_ID[:8])]
    with pytest.raises(KeyNeeded, match="still seals"):
        await studio.keys.check_unneeded(OLD_ID)
    studio.tokens.rings[:] = [(NEW_ID[:8], OLD_ID[:8])]
    await studio.keys.check_unneeded(OLD_ID)


@dataclass(slots=True)
class Kept(KeptKeys):
    """Older keys in memory; something happens as soon as one is forgotten."""

    keys: list[Secret]
    meanwhile: Callable[[], None] = lambda: None

    def forget(self, key_id: str) -> Secret | None:
        found = next((each for each in self.keys if derive_key(each).id == key_id), None)
        if found is not None:
            self.keys.remove(found)
        self.meanwhile()
        return found

    def bring_back(self, key: Secret) -> None:
        self.keys.append(key)


async def test_a_key_that_nothing_needs_is_forgotten_and_that_is_written_down(studio: Studio) -> None:
    studio.connect(1)
    kept = Kept([OLD])
    with pytest.raises(KeyNeeded):
        await studio.keys.retire(OLD_ID, kept)
    await studio.rotation.run()
    assert kept.keys == [OLD]
    assert await studio.keys.retire(OLD_ID, kept)
    assert kept.keys == []
    assert not await studio.keys.retire(OLD_ID, kept), "it is gone already"
    assert not await studio.keys.retire(OLD_ID, None), "an operator keeps it"
    assert [each.action for each in studio.store.audit] == ["sealing.rotated", "sealing.retired"]


async def test_a_key_is_brought_back_when_somebody_stores_what_he_had_sealed_with_it(studio: Studio) -> None:
    kept = Kept([OLD], meanwhile=lambda: studio.connect(1))
    with pytest.raises(KeyNeeded, match="1 connection needs"):
        await studio.keys.retire(OLD_ID, kept)
    assert kept.keys == [OLD]


async def test_a_key_is_brought_back_when_its_retirement_is_interrupted(studio: Studio) -> None:
    class Stopped(MemorySealedTokens):
        __slots__ = ()

        async def rows_per_key(self) -> Mapping[str, int]:
            if not kept.keys:
                raise asyncio.CancelledError
            return await MemorySealedTokens.rows_per_key(self)

    kept = Kept([OLD])
    keys = replace(studio.keys, sealed_tokens=Stopped(store=studio.store))
    with pytest.raises(asyncio.CancelledError):
        await keys.retire(OLD_ID, kept)
    assert kept.keys == [OLD]


async def test_an_id_that_nobody_has_heard_of_is_not_said_to_be_unneeded(studio: Studio) -> None:
    studio.connect(1)
    for mistyped in (OLD_ID[:-1], OLD_ID.upper() + "0", ""):
        with pytest.raises(NotFound, match="anselai keys status"):
            await studio.keys.retire(mistyped, None)


@pytest.mark.parametrize(("seals", "level"), [(WARN_FROM - 100, None), (WARN_FROM, "WARNING"), (MOST_SEALS, "ERROR")])
async def test_a_key_that_is_worn_is_warned_of_when_it_seals_and_at_the_start(
    studio: Studio, caplog: pytest.LogCaptureFixture, seals: int, level: str | None
) -> None:
    await studio.tokens.count_seals(NEW_ID, seals)
    await studio.keys.check()
    assert [each.levelname for each in caplog.records] == ([level] if level else [])
    studio.connect(1)
    await studio.rotation.run()
    assert [each.levelname for each in caplog.records] == ([level] * 2 if level else [])
    assert studio.opened() == [("access-0", "refresh-0")], "it is warned of, and nothing is refused"


async def test_a_sealed_text_is_never_seen_in_the_repr_of_a_row() -> None:
    sealed = SealedToken("v1.key.payload")
    connection = a_connection()
    row = SealedRow(id=connection.id, key=connection.key, access_token=sealed, refresh_token=sealed)
    assert "payload" not in repr(Resealed(before=row, access_token=sealed, refresh_token=sealed))


async def test_a_rotation_is_written_down_and_a_dry_run_is_not(studio: Studio) -> None:
    studio.connect(2)
    await studio.rotation.run(dry_run=True)
    assert studio.store.audit == []
    await studio.rotation.run()
    await studio.rotation.run()
    [entry] = studio.store.audit
    assert (entry.studio, entry.action, entry.detail) == ("*", "sealing.rotated", "2 connections sealed anew")
