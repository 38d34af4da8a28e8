"""Every cipher keeps the contract: with keys of ours, and with data keys that an external service wraps.

The service stands for AWS KMS, Vault transit and their like: see docs/decisions/0006-keys-from-elsewhere.md.
"""

import asyncio
import secrets
from dataclasses import dataclass, field

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from dependency_injector.providers import Object

from anselai.adapters.crypto.aes_gcm import AesGcmCipher
from anselai.adapters.crypto.keyring import KeyRing, SealingKey, derive_key, derive_ring, generate_secret
from anselai.adapters.platforms.registry import InstalledPlatforms
from anselai.adapters.platforms.stub import StubClient
from anselai.adapters.system import SystemClock
from anselai.application.ansel import Ansel
from anselai.application.running_jobs import WorkerLimits
from anselai.application.sealing_keys import KeyRole
from anselai.container.providers import Container, MemoryStores
from anselai.domain.errors import KeyNeeded, KeysMissing
from anselai.domain.ports.cipher import TokenCipher
from anselai.domain.secret import Secret
from tests.contracts.cipher_contract import ACCESS, CANARY, CipherContract


class TestAesGcmCipher(CipherContract):
    FIRST, SECOND = (generate_secret() for _ in range(2))

    @pytest.fixture
    def cipher(self) -> TokenCipher:
        return AesGcmCipher(derive_ring(self.FIRST, [self.SECOND]))

    @pytest.fixture
    def successor(self) -> TokenCipher:
        return AesGcmCipher(derive_ring(self.SECOND, [self.FIRST]))

    @pytest.fixture
    def stranger(self) -> TokenCipher:
        return AesGcmCipher(derive_ring(generate_secret()))


@dataclass(slots=True)
class KeyService:
    """Wraps data keys with a master key that never leaves it, and counts how often it is asked."""

    master: AESGCM = field(default_factory=lambda: AESGCM(AESGCM.generate_key(256)))
    asked: int = 0

    def new_data_key(self) -> bytes:
        """A new data key, wrapped."""
        nonce = secrets.token_bytes(12)
        return nonce + self.master.encrypt(nonce, secrets.token_bytes(32), b"anselai")

    async def unwrap(self, wrapped: bytes) -> bytes:
        self.asked += 1
        return self.master.decrypt(wrapped[:12], wrapped[12:], b"anselai")


async def ring_from(service: KeyService, primary: bytes, *older: bytes) -> KeyRing:
    """What a container would do before it makes the cipher: the only place that waits for the service."""

    async def key(wrapped: bytes) -> SealingKey:
        return derive_key(Secret((await service.unwrap(wrapped)).hex()))

    return KeyRing(primary=await key(primary), older=tuple([await key(each) for each in older]))


class TestCipherOfAnExternalKeyService(CipherContract):
    SERVICE = KeyService()
    FIRST, SECOND = SERVICE.new_data_key(), SERVICE.new_data_key()

    @pytest.fixture
    def cipher(self) -> TokenCipher:
        return AesGcmCipher(asyncio.run(ring_from(self.SERVICE, self.FIRST, self.SECOND)))

    @pytest.fixture
    def successor(self) -> TokenCipher:
        return AesGcmCipher(asyncio.run(ring_from(self.SERVICE, self.SECOND, self.FIRST)))

    @pytest.fixture
    def stranger(self) -> TokenCipher:
        elsewhere = KeyService()
        return AesGcmCipher(asyncio.run(ring_from(elsewhere, elsewhere.new_data_key())))

    def test_the_service_is_not_asked_for_a_token(self, cipher: TokenCipher) -> None:
        asked = self.SERVICE.asked
        for _ in range(100):
            cipher.open(cipher.seal(Secret(CANARY), ACCESS), ACCESS)
        assert self.SERVICE.asked == asked

    def test_what_is_stored_of_a_data_key_opens_nothing_without_the_service(self, cipher: TokenCipher) -> None:
        assert isinstance(cipher, AesGcmCipher)
        for key in cipher.ring.keys:
            assert bytes.fromhex(key.key.reveal()) not in self.FIRST + self.SECOND

    async def test_starts_status_rotations_and_retirements_take_its_ring_for_any_other(self) -> None:
        old_id, new_id = [each.id for each in (await ring_from(self.SERVICE, self.FIRST, self.SECOND)).keys]
        clock = SystemClock()
        stores = MemoryStores(clock=clock)

        async def opened(primary: bytes, *older: bytes) -> Ansel:
            """As a start of another process over the same store."""
            container = Container(
                stores=stores,
                encryption_key=generate_secret(),  # which signs sessions
                ring=Object(await ring_from(self.SERVICE, primary, *older)),
                platforms=InstalledPlatforms([StubClient], {}),
                clock=clock,
                limits=WorkerLimits(),
            )
            return container.ansel()

        ansel = await opened(self.FIRST, self.SECOND)
        await ansel.connections.save_connection("stub", access_token=CANARY)
        with pytest.raises(KeysMissing, match=old_id):
            await (await opened(self.SECOND)).keys.check()
        ansel = await opened(self.SECOND, self.FIRST)
        await ansel.keys.check()
        assert [(each.id, each.role, each.rows) for each in await ansel.keys.status()] == [
            (new_id, KeyRole.PRIMARY, 0),
            (old_id, KeyRole.OLDER, 1),
        ]
        with pytest.raises(KeyNeeded):
            await ansel.keys.retire(old_id, None)
        asked = self.SERVICE.asked
        assert (await ansel.rotation.run()).resealed == 1
        assert not await ansel.keys.retire(old_id, None), "the operator takes it out"
        assert self.SERVICE.asked == asked
        ansel = await opened(self.SECOND)
        await ansel.keys.check()
        [stored] = await ansel.connections.connections.list("default")
        assert ansel.connections.vault.open_credentials(stored).access_token == Secret(CANARY)
