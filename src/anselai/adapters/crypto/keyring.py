"""From the secret that an operator gives to the key that seals."""

import base64
import binascii
import secrets
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from anselai.domain.errors import InvalidSettings
from anselai.domain.secret import Secret

KEY_BYTES = 32
FEWEST_DIFFERENT_BYTES = 12
GENERATE = "anselai key generate"
_PLACEHOLDERS = ("change", "placeholder", "example", "your-", "your_", "replace", "password", "encryption", "secret")
_RUNS = ("123456", "abcdef", "qwerty")


@dataclass(frozen=True, slots=True)
class SealingKey:
    """A derived key and its id, a fingerprint that tells nothing of the key."""

    id: str
    key: bytes = field(repr=False)


def generate_secret() -> Secret:
    """A good ENCRYPTION_KEY: 32 random bytes, as base64."""
    return Secret(base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode())


def derive_key(secret: Secret) -> SealingKey:
    """Derive the sealing key and its id by HKDF-SHA256 (RFC 5869). Raises InvalidSettings for a secret too weak."""
    material = parse_secret(secret)
    key_id = _hkdf(material, b"anselai/key-id/v1", 6).hex()
    return SealingKey(key_id, _hkdf(material, b"anselai/token-sealing/v1", KEY_BYTES))


def parse_secret(secret: Secret) -> bytes:
    """The 32 bytes that were given as 32 characters, as hex or as base64. Raises InvalidSettings."""
    text = secret.reveal().strip()
    material = _decode(text)
    if material is None:
        raise InvalidSettings(
            "ENCRYPTION_KEY must be 32 characters, or 32 bytes as hex (64 digits) or base64 (44 characters). "
            f"Make a good one with: {GENERATE}"
        )
    if _looks_made_up(text, material):
        raise InvalidSettings(f"ENCRYPTION_KEY is a placeholder or easy to guess. Make a good one with: {GENERATE}")
    return material


def _decode(text: str) -> bytes | None:
    if len(text) == 2 * KEY_BYTES:
        try:
            return bytes.fromhex(text)
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
