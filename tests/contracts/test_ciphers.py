"""Every cipher keeps the contract: with keys of ours, and with data keys that an external service wraps.

The service stands for AWS KMS, Vault transit and their like: see docs/decisions/0006-keys-from-elsewhere.md.
"""

import asyncio
import secrets
from dataclasses import dataclass, field

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from anselai.adapters.crypto.aes_gcm import AesGcmCipher
from anselai.adapters.crypto.keyring import KeyRing, SealingKey, derive_key, derive_ring, generate_secret
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
