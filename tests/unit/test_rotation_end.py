"""A rotation is at its end when nothing needs an older key, and not before; and what it says until then is true."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from anselai.adapters.crypto.aes_gcm import AesGcmCipher
from anselai.adapters.crypto.keyring import derive_ring, generate_secret
from anselai.application.key_rotation import RotationResult
from anselai.application.token_vault import TokenVault
from anselai.domain.connection import SealedToken
from anselai.domain.secret import Secret
from tests.unit.rotating_studio import NEW_ID, OLD_ID, Studio, a_rotating_studio


@pytest.fixture
def studio() -> Studio:
    return a_rotating_studio()


def sealing_the_first_one_again(studio: Studio) -> Callable[[], None]:
    """What a process does that still has the old key as its primary one."""

    def seal() -> None:
        stored = min(studio.store.connections.values(), key=lambda each: each.id)
        token = studio.vault.open_credentials(stored).access_token
        access = studio.old_vault.encrypt_token(token, stored.key)
        studio.store.connections[stored.key] = replace(stored, access_token=access)

    return seal


async def test_what_gets_an_older_seal_behind_the_back_of_a_pass_is_sealed_anew_by_another(studio: Studio) -> None:
    studio.connect(25)
    before = studio.opened()
    studio.tokens.meanwhile.extend([lambda: None, sealing_the_first_one_again(studio)])
    assert await studio.rotation.run(batch=10) == RotationResult(resealed=26)
    assert await studio.tokens.rows_per_key() == {NEW_ID: 25}
    assert studio.opened() == before


async def test_what_gets_an_older_seal_behind_the_back_of_every_pass_is_told(studio: Studio) -> None:
    studio.connect(25)
    studio.tokens.meanwhile.extend([sealing_the_first_one_again(studio)] * 1000)
    assert (await studio.rotation.run(batch=10)).left == 1
    assert await studio.tokens.rows_per_key() == {NEW_ID: 24, OLD_ID: 1}


async def test_the_progress_hears_of_each_connection_once_whatever_becomes_of_it(studio: Studio) -> None:
    studio.connect(3)
    lost = TokenVault(cipher=AesGcmCipher(derive_ring(generate_secret())))
    two_keys = studio.at(1)
    studio.store.connections[two_keys.key] = replace(
        two_keys, refresh_token=lost.encrypt_token(Secret("refresh"), two_keys.key, "refresh_token")
    )
    studio.tokens.meanwhile.append(sealing_the_first_one_again(studio))
    to_do, steps = await studio.rotation.to_do(), list[int]()
    result = await studio.rotation.run(progress=steps.append)
    assert (result.unreadable, result.left) == (1, 0)
    assert sum(steps) == to_do == 3


async def test_only_what_a_key_of_the_ring_would_open_is_left_of_an_earlier_rotation(studio: Studio) -> None:
    studio.connect(2)
    assert await studio.rotation.is_unfinished()
    await studio.rotation.run()
    stored = studio.at(1)
    studio.store.connections[stored.key] = replace(stored, access_token=SealedToken("damaged"))
    assert (await studio.rotation.to_do(), await studio.rotation.is_unfinished()) == (1, False)
