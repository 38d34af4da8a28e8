"""Open tokens in, sealed tokens out, and back at the moment of a platform call."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote, quote_plus

from anselai.domain.connection import (
    ConnectionKey,
    Credentials,
    PlatformConnection,
    SealedToken,
    TokenField,
)
from anselai.domain.ports.cipher import TokenBinding, TokenCipher
from anselai.domain.secret import Secret

SHORTEST_SECRET = 6  # a shorter one would blot out ordinary words, and is no secret
LONGEST_TEXT = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenVault:
    """Seals and opens the tokens of connections; each is bound to its studio, platform and field."""

    cipher: TokenCipher
    other_secrets: Sequence[Secret] = ()  # the platforms' own settings: foreign code knows them too

    def encrypt_token(self, token: Secret, key: ConnectionKey, field: TokenField = "access_token") -> SealedToken:
        return self.cipher.seal(token, TokenBinding(key, field))

    def decrypt_token(self, sealed: SealedToken, key: ConnectionKey, field: TokenField = "access_token") -> Secret:
        """Raises TokenUnreadable."""
        return self.cipher.open(sealed, TokenBinding(key, field))

    def open_credentials(self, connection: PlatformConnection) -> Credentials:
        """The open tokens of a connection. Raises TokenUnreadable."""
        refresh_token = connection.refresh_token
        return Credentials(
            access_token=self.decrypt_token(connection.access_token, connection.key),
            refresh_token=self.decrypt_token(refresh_token, connection.key, "refresh_token") if refresh_token else None,
            expires_at=connection.token_expires_at,
            scopes=connection.scopes,
        )

    def tell(self, foreign_text: object, credentials: Credentials | None) -> str:
        """What foreign code said of a failure, as it may be kept and shown: without a token in any usual spelling,
        without characters that a database or a terminal stumbles over, and of a bounded length.
        """
        text = _said(foreign_text)
        tokens = () if credentials is None else (credentials.access_token, credentials.refresh_token)
        for secret in (*tokens, *self.other_secrets):
            if secret is not None and len(secret.reveal()) >= SHORTEST_SECRET:
                for spelling in _spellings(secret.reveal()):
                    text = text.replace(spelling, "***")
        return "".join(each if each.isprintable() else " " for each in text)[:LONGEST_TEXT]


def _said(foreign_text: object) -> str:
    try:
        return str(foreign_text)
    except Exception:  # noqa: BLE001  even an error's own text may be broken
        return type(foreign_text).__name__


def _spellings(secret: str) -> set[str]:
    """As it is, as in a URL, and as in JSON. A lone surrogate has no spelling in a URL."""
    quotable = secret.encode("utf-8", "replace")
    in_json = json.dumps(secret)[1:-1]
    in_urls = (quote(quotable, safe=""), quote(quotable), quote_plus(quotable))
    return {secret, *in_urls, in_json, in_json.replace("/", "\\/")}
