"""Open tokens in, sealed tokens out, and back at the moment of a platform call."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from anselai.domain.connection import (
    ConnectionKey,
    Credentials,
    PlatformConnection,
    SealedToken,
    TokenField,
)
from anselai.domain.errors import TokenUnreadable
from anselai.domain.ports.cipher import TokenBinding, TokenCipher
from anselai.domain.scrubbing import scrubbed
from anselai.domain.secret import Secret

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

    def encrypt_other(self, stored: SealedToken | None, given: Secret | None, key: ConnectionKey) -> SealedToken | None:
        """A refresh token that is given for the stored one, sealed; the stored text where it is the same one: sealing
        that again would tell a change that there is not.
        """
        if given is None:
            return None
        if stored is not None:
            with suppress(TokenUnreadable):
                if self.decrypt_token(stored, key, "refresh_token") == given:
                    return stored
        return self.encrypt_token(given, key, "refresh_token")

    def open_credentials(self, connection: PlatformConnection) -> Credentials:
        """The open tokens of a connection. Raises TokenUnreadable."""
        refresh_token = connection.refresh_token
        return Credentials(
            access_token=self.decrypt_token(connection.access_token, connection.key),
            refresh_token=self.decrypt_token(refresh_token, connection.key, "refresh_token") if refresh_token else None,
            expires_at=connection.token_expires_at,
            scopes=connection.scopes,
        )

    def tell(self, foreign_text: object, *credentials: Credentials | None) -> str:
        """What foreign code said of a failure, as it may be kept and shown: without a token in any usual spelling,
        without characters that a database or a terminal stumbles over, and of a bounded length.
        """
        tokens = [token for each in credentials if each is not None for token in each.tokens]
        text = scrubbed(_said(foreign_text), (*tokens, *self.other_secrets))
        return "".join(each if each.isprintable() else " " for each in text[:LONGEST_TEXT])


def _said(foreign_text: object) -> str:
    try:
        return str(foreign_text)
    except Exception:  # noqa: BLE001  even an error's own text may be broken
        return type(foreign_text).__name__
