"""HMAC-SHA256 (RFC 2104) under a key for each purpose, derived from the encryption key by HKDF (RFC 5869)."""

import hmac
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from anselai.adapters.crypto.keyring import parse_secret
from anselai.domain.ports.signer import Signer
from anselai.domain.secret import Secret

KEY_BYTES = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class HmacSigner(Signer):
    """Another encryption key is another signer: what was signed before is not signed any more."""

    secret: Secret
    keys: dict[str, Secret] = field(default_factory=dict, init=False, repr=False, compare=False)  # as hex

    def sign(self, purpose: str, text: str) -> str:
        signature = hmac.digest(self._key(purpose), text.encode("utf-8", "surrogatepass"), "sha256")
        return urlsafe_b64encode(signature).rstrip(b"=").decode()

    def is_signed(self, purpose: str, text: str, signature: str) -> bool:
        right = self.sign(purpose, text).encode()
        return hmac.compare_digest(right, signature.encode("utf-8", "surrogatepass"))

    def _key(self, purpose: str) -> bytes:
        """Derived once: purposes are few, and each is named in our own code."""
        key = self.keys.get(purpose)
        if key is None:
            info = b"anselai/signing/v1/" + purpose.encode()
            hkdf = HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=info)
            key = self.keys[purpose] = Secret(hkdf.derive(parse_secret(self.secret)).hex())
        return bytes.fromhex(key.reveal())
