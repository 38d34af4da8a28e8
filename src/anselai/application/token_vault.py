"""Open tokens in, sealed tokens out, and back at the moment of a platform call."""

from dataclasses import dataclass

from anselai.domain.connection import (
    ConnectionKey,
    Credentials,
    PlatformConnection,
    SealedToken,
    TokenField,
)
from anselai.domain.ports.cipher import TokenBinding, TokenCipher
from anselai.domain.secret import Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenVault:
    """Seals and opens the tokens of connections; each is bound to its studio, platform and field."""

    cipher: TokenCipher

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

    def scrub(self, message: str, credentials: Credentials | None) -> str:
        """The message with every token in it blotted out, for what foreign code says of a failure."""
        if credentials is None:
            return message
        for token in (credentials.access_token, credentials.refresh_token):
            if token:
                message = message.replace(token.reveal(), "***")
        return message
