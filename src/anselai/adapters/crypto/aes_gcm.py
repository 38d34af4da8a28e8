"""AES-256-GCM (NIST SP 800-38D) with a fresh 96-bit nonce for every seal.

Sealed text is `version.key-id.payload`; the payload is nonce, ciphertext and tag as lower-case hex, since each text has
one spelling in it and it costs a third of base64. Version, key id, studio, platform and field are associated data (the
unit separator between them is in none of them): a sealed token that was moved, relabelled or cut is refused.
"""

from binascii import unhexlify
from collections.abc import Callable
from contextlib import suppress
from os import urandom
from typing import Final, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from anselai.adapters.crypto.keyring import KEY_BYTES, KeyRing
from anselai.domain.connection import SealedToken
from anselai.domain.errors import TokenUnreadable
from anselai.domain.ports.cipher import TokenBinding, TokenCipher
from anselai.domain.seal_tally import SealTally
from anselai.domain.secret import Secret

VERSION: Final = "v1"
_SHORTEST: Final = 2 * (12 + 16)  # digits of a payload: nonce and tag
Renewed = Callable[[], KeyRing | None]


class Aead(Protocol):
    """AES-256-GCM under one key."""

    def encrypt(self, nonce: bytes, data: bytes, associated_data: bytes) -> bytes: ...

    def decrypt(self, nonce: bytes, data: bytes, associated_data: bytes) -> bytes: ...


class AesGcmCipher(TokenCipher):
    """Seals with the primary key of a ring and opens with all. Both are short: they are on the path of every sync.

    `renewed` gives another ring when the keys have changed since it was last asked, and otherwise None. It is asked
    before a seal, so that no retired key seals, and before a refusal, so that a key which is new elsewhere opens.
    """

    __slots__ = (
        "_decoy",
        "_decrypt",
        "_encrypt",
        "_label",
        "_made",
        "_new_aead",
        "_prefix",
        "_renewed",
        "ring",
        "tally",
    )

    def __init__(
        self,
        ring: KeyRing,
        *,
        tally: SealTally | None = None,
        renewed: Renewed | None = None,
        new_aead: Callable[[bytes], Aead] = AESGCM,
    ) -> None:
        self.tally = SealTally() if tally is None else tally
        self._renewed = renewed
        self._new_aead = new_aead
        self._decoy = new_aead(urandom(KEY_BYTES)).decrypt
        self._use(ring)

    def key_ids(self) -> tuple[str, ...]:
        self._renew()
        return tuple(each.id for each in self.ring.keys)

    def seal(self, token: Secret, binding: TokenBinding) -> SealedToken:
        if self._renewed is not None:
            self._renew()
        self._made.made += 1
        key, nonce = binding.key, urandom(12)
        associated = f"{self._label}{key.studio}\x1f{key.platform}\x1f{binding.field}".encode()
        payload = nonce + self._encrypt(nonce, token.reveal().encode(), associated)
        return self._prefix + payload.hex()  # type: ignore[return-value]  # calling a NewType takes time

    def open(self, sealed: SealedToken, binding: TokenBinding) -> Secret:
        prefix, _, digits = sealed.rpartition(".")
        decrypt = self._decrypt.get(prefix, self._decoy)  # an unknown key takes the way of every other
        key = binding.key
        try:
            payload = unhexlify(digits)
            if "A" in digits or "B" in digits or "C" in digits or "D" in digits or "E" in digits or "F" in digits:
                raise ValueError  # six searches for a letter cost a third of one `lower`
            associated = f"{prefix}.\x1f{key.studio}\x1f{key.platform}\x1f{binding.field}".encode()
            return Secret(decrypt(payload[:12], payload[12:], associated).decode())
        except (InvalidTag, ValueError) as refusal:
            if not isinstance(refusal, InvalidTag) or len(digits) < _SHORTEST:
                self._refuse_at_full_cost(digits)
        if self._renew():
            return self.open(sealed, binding)
        raise TokenUnreadable

    def _refuse_at_full_cost(self, digits: str) -> None:
        """What was refused before it was decrypted costs what every other refusal costs."""
        with suppress(InvalidTag):
            self._decoy(bytes(12), bytes(max(_SHORTEST, len(digits)) // 2 - 12), self._prefix.encode())

    def _renew(self) -> bool:
        ring = self._renewed() if self._renewed is not None else None
        if ring is not None:  # what it could open until now may still be needed here, and somebody's key file be lost
            self._use(KeyRing(primary=ring.primary, older=(*ring.older, *self.ring.keys)))
        return ring is not None

    def _use(self, ring: KeyRing) -> None:
        self.ring = ring
        aeads = {f"{VERSION}.{each.id}": self._new_aead(unhexlify(each.key.reveal())) for each in ring.keys}
        primary = f"{VERSION}.{ring.primary.id}"
        self._prefix, self._label = f"{primary}.", f"{primary}.\x1f"
        self._encrypt = aeads[primary].encrypt
        self._decrypt = {prefix: each.decrypt for prefix, each in aeads.items()}
        self._made = self.tally.of(ring.primary.id)
