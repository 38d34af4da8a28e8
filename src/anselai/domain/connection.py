"""A studio's connection to a platform. Its tokens are sealed; the entity never holds an open one."""

import re
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal, NewType
from uuid import UUID

from anselai.domain.secret import Secret

DEFAULT_STUDIO = "default"

SealedToken = NewType("SealedToken", str)
TokenField = Literal["access_token", "refresh_token"]

# RFC 6750, section 2.1 (b64token), and "|", which Meta's tokens contain.
_WELL_FORMED_TOKEN = re.compile(r"[A-Za-z0-9\-._~+/|]+=*")


def is_well_formed(token: Secret) -> bool:
    """Whether the text can be a bearer token at all (RFC 6750, section 2.1)."""
    return _WELL_FORMED_TOKEN.fullmatch(token.reveal()) is not None


@dataclass(frozen=True, slots=True, order=True)
class ConnectionKey:
    """Which connection: the studio (one photography business) and the platform."""

    studio: str
    platform: str


class ConnectionStatus(StrEnum):
    ACTIVE = "active"
    EXPIRED = "expired"
    ERROR = "error"


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """Open tokens, for the moment of a platform call."""

    access_token: Secret
    refresh_token: Secret | None = None
    expires_at: datetime | None = None
    scopes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformConnection:
    """One studio's grant on one platform. Instants are aware and in UTC; `version` grows with every change."""

    id: UUID
    key: ConnectionKey
    account_id: str | None
    access_token: SealedToken = field(repr=False)
    refresh_token: SealedToken | None = field(repr=False)
    token_expires_at: datetime | None
    scopes: tuple[str, ...]
    status: ConnectionStatus
    created_at: datetime
    updated_at: datetime
    last_sync_at: datetime | None = None
    last_error_code: str | None = None
    last_error: str | None = None
    version: int = 1

    def renewed(
        self,
        *,
        access_token: SealedToken,
        refresh_token: SealedToken | None,
        token_expires_at: datetime | None,
        scopes: tuple[str, ...],
        now: datetime,
    ) -> "PlatformConnection":
        """New tokens make a connection active again and clear its error."""
        return replace(
            self,
            access_token=access_token,
            refresh_token=refresh_token,
            token_expires_at=token_expires_at,
            scopes=scopes,
            status=ConnectionStatus.ACTIVE,
            last_error_code=None,
            last_error=None,
            updated_at=now,
        )

    def marked(
        self, status: ConnectionStatus, *, now: datetime, code: str | None = None, reason: str | None = None
    ) -> "PlatformConnection":
        return replace(self, status=status, last_error_code=code, last_error=reason, updated_at=now)

    def status_at(self, now: datetime) -> ConnectionStatus:
        """The status as a person should see it: an access token past its expiry is expired, whoever noticed it."""
        return ConnectionStatus.EXPIRED if self.expires_within(timedelta(), now) else self.status

    def expires_within(self, margin: timedelta, now: datetime) -> bool:
        return self.token_expires_at is not None and self.token_expires_at <= now + margin
