"""AES-256-GCM (NIST SP 800-38D) with a fresh 96-bit nonce for every seal.

Sealed text is `version.key-id.payload`; the payload is base64 of nonce, ciphertext and tag. Version, key id, studio,
platform and field are associated data: a sealed token that was moved, relabelled or cut is refused.
"""

import binascii
import os
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from anselai.adapters.crypto.keyring import SealingKey
from anselai.domain.connection import SealedToken
from anselai.domain.errors import TokenUnreadable
from anselai.domain.ports.cipher import TokenBinding, TokenCipher
from anselai.domain.secret import Secret

VERSION = "v1"
NONCE_BYTES = 12
TAG_BYTES = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class AesGcmCipher(TokenCipher):
    """Seals with one key; opens what was sealed with it."""

    key: SealingKey
    prefix: str = field(init=False)
    aead: AESGCM = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "prefix", f"{VERSION}.{self.key.id}.")
        object.__setattr__(self, "aead", AESGCM(self.key.key))

    def seal(self, token: Secret, binding: TokenBinding) -> SealedToken:
        nonce = os.urandom(NONCE_BYTES)
        sealed = self.aead.encrypt(nonce, token.reveal().encode(), self._associated_data(binding))
        return SealedToken(self.prefix + binascii.b2a_base64(nonce + sealed, newline=False).decode("ascii"))

    def open(self, sealed: SealedToken, binding: TokenBinding) -> Secret:
        if not sealed.startswith(self.prefix):
            raise TokenUnreadable
        try:
            payload = binascii.a2b_base64(sealed[len(self.prefix) :], strict_mode=True)
            if len(payload) < NONCE_BYTES + TAG_BYTES:
                raise TokenUnreadable
            opened = self.aead.decrypt(payload[:NONCE_BYTES], payload[NONCE_BYTES:], self._associated_data(binding))
            return Secret(opened.decode())
        except (InvalidTag, ValueError):  # ValueError: no base64, no ASCII, no UTF-8
            raise TokenUnreadable from None

    def _associated_data(self, binding: TokenBinding) -> bytes:
        key = binding.key  # the unit separator is in no studio, platform or field name
        return f"{self.prefix}\x1f{key.studio}\x1f{key.platform}\x1f{binding.field}".encode()
