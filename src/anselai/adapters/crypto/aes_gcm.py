"""AES-256-GCM (NIST SP 800-38D) with a fresh 96-bit nonce for every seal.

Sealed text is `version.key-id.payload`; the payload is nonce, ciphertext and tag as lower-case hex, since each text has
one spelling in it and it costs a third of base64. Version, key id, studio, platform and field are associated data (the
unit separator between them is in none of them): a sealed token that was moved, relabelled or cut is refused.
"""

from binascii import unhexlify
from dataclasses import dataclass, field
from os import urandom

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from anselai.adapters.crypto.keyring import SealingKey
from anselai.domain.connection import SealedToken
from anselai.domain.errors import TokenUnreadable
from anselai.domain.ports.cipher import TokenBinding, TokenCipher
from anselai.domain.secret import Secret

VERSION = "v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class AesGcmCipher(TokenCipher):
    """Seals with one key; opens what was sealed with it. Both are short because they are on the path of every sync.

    12 bytes are the nonce of 96 bits.
    """

    key: SealingKey
    prefix: str = field(init=False)
    aead: AESGCM = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "prefix", f"{VERSION}.{self.key.id}.")
        object.__setattr__(self, "aead", AESGCM(self.key.key))

    def seal(self, token: Secret, binding: TokenBinding) -> SealedToken:
        prefix, key, nonce = self.prefix, binding.key, urandom(12)
        associated = f"{prefix}\x1f{key.studio}\x1f{key.platform}\x1f{binding.field}".encode()
        ciphertext = self.aead.encrypt(nonce, token.reveal().encode(), associated)
        return f"{prefix}{nonce.hex()}{ciphertext.hex()}"  # type: ignore[return-value]  # calling a NewType takes time

    def open(self, sealed: SealedToken, binding: TokenBinding) -> Secret:
        prefix, key = self.prefix, binding.key
        hex_digits = sealed.removeprefix(prefix)
        if len(hex_digits) == len(sealed) or hex_digits.lower() != hex_digits:
            raise TokenUnreadable
        try:
            associated = f"{prefix}\x1f{key.studio}\x1f{key.platform}\x1f{binding.field}".encode()
            payload = unhexlify(hex_digits)
            return Secret(self.aead.decrypt(payload[:12], payload[12:], associated).decode())
        except (InvalidTag, ValueError):  # ValueError: no hex, too short for a nonce, no UTF-8
            raise TokenUnreadable from None
