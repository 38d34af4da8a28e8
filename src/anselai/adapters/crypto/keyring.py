"""From the secrets that an operator gives to the keys that seal and open."""

import base64
import binascii
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from anselai.domain.errors import InvalidSettings
from anselai.domain.secret import Secret

KEY_BYTES = 32
KEY_ID_BYTES = 6
FEWEST_DIFFERENT_BYTES = 12
GENERATE = "anselai keys generate"
SEPARATED = "One that has a comma or a space in it has to be given as the hex or base64 of its bytes. "
ENCRYPTION_KEY = "ENCRYPTION_KEY"
_PLACEHOLDERS = ("change", "placeholder", "example", "your-", "your_", "replace", "password", "encryption", "secret")
_RUNS = ("123456", "abcdef", "qwerty")


@dataclass(frozen=True, slots=True)
class SealingKey:
    """A derived key and its id, a fingerprint that tells nothing of the key."""

    id: str
    key: Secret  # as hex


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRing:
    """The primary key seals; it and the older ones open. A key that is given twice counts once."""

    primary: SealingKey
    older: tuple[SealingKey, ...] = ()

    @property
    def keys(self) -> tuple[SealingKey, ...]:
        return tuple({each.id: each for each in (self.primary, *self.older)}.values())


def generate_secret() -> Secret:
    """A good ENCRYPTION_KEY: 32 random bytes, as base64."""
    return Secret(base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode())


def derive_ring(primary: Secret, older: Sequence[Secret] = (), *, older_name: str = "ENCRYPTION_KEYS_OLD") -> KeyRing:
    """The ring of these secrets. Raises InvalidSettings for one that is too weak, with the name that it goes by."""
    return KeyRing(primary=derive_key(primary), older=tuple(derive_key(each, older_name) for each in older))


def derive_key(secret: Secret, name: str = ENCRYPTION_KEY) -> SealingKey:
    """Derive the sealing key and its id by HKDF-SHA256 (RFC 5869). Raises InvalidSettings for a secret too weak."""
    material = parse_secret(secret, name)
    key_id = _hkdf(material, b"anselai/key-id/v1", KEY_ID_BYTES).hex()
    return SealingKey(key_id, Secret(_hkdf(material, b"anselai/token-sealing/v1", KEY_BYTES).hex()))


def parse_secret(secret: Secret, name: str = ENCRYPTION_KEY) -> bytes:
    """The 32 bytes that were given as 32 characters, as hex or as base64. Raises InvalidSettings."""
    text = secret.reveal().strip()
    material = _decode(text)
    subject = name if name == ENCRYPTION_KEY else f"Each key of {name}"
    if material is None:
        raise InvalidSettings(
            f"{subject} must be 32 characters, or 32 bytes as hex (64 digits) or base64 (44 characters). "
            f"{'' if name == ENCRYPTION_KEY else SEPARATED}Make a good one with: {GENERATE}"
        )
    if _looks_made_up(text, material):
        subject = name if name == ENCRYPTION_KEY else f"A key of {name}"
        raise InvalidSettings(f"{subject} is a placeholder or easy to guess. Make a good one with: {GENERATE}")
    return material


def _decode(text: str) -> bytes | None:
    if len(text) == 2 * KEY_BYTES:
        try:
            return binascii.unhexlify(text)  # which, unlike bytes.fromhex, skips no spaces
        except ValueError:
            return None
    if len(text.rstrip("=")) == 43:
        standard = text.rstrip("=").replace("-", "+").replace("_", "/") + "="
        try:
            return base64.b64decode(standard, validate=True)
        except binascii.Error:
            return None
    material = text.encode()
    return material if len(material) == KEY_BYTES else None


def _looks_made_up(text: str, material: bytes) -> bool:
    words = (*_PLACEHOLDERS, *_RUNS) if len(text) == KEY_BYTES else _PLACEHOLDERS
    return len(set(material)) < FEWEST_DIFFERENT_BYTES or any(word in text.lower() for word in words)


def _hkdf(material: bytes, purpose: bytes, length: int) -> bytes:
    return HKDF(algorithm=SHA256(), length=length, salt=None, info=purpose).derive(material)
