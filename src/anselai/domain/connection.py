"""A studio's connection to a platform. Its tokens are sealed; the entity never holds an open one."""

import re
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal, NewType
from uuid import UUID

from anselai.domain.confided import confide_tokens
from anselai.domain.refreshing import RefreshState
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

    def __post_init__(self) -> None:
        confide_tokens(self.tokens)

    @property
    def tokens(self) -> tuple[Secret, ...]:
        """As secrets, also where a plug-in gave something else."""
        given: tuple[object, ...] = (self.access_token, self.refresh_token)
        return tuple(each if isinstance(each, Secret) else Secret(str(each)) for each in given if each is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformConnection:
    """One studio's grant on one platform. Instants are aware and in UTC.

    The store moves the versions: `version` with every change, `token_version` when the tokens become others. The same
    tokens sealed with another key are not others: ask `has_tokens_of`, and never compare sealed texts.
    """

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
    token_version: int = 1
    refresh: RefreshState = field(default_factory=RefreshState)

    def has_tokens_of(self, other: "PlatformConnection") -> bool:
        """Whether this is the same connection with the same tokens, however they are sealed by now."""
        return (self.id, self.token_version) == (other.id, other.token_version)

    @property
    def needs_new_tokens(self) -> bool:
        """Whether a refresh ended it: it was refused, or its answer is lost. Then nothing else makes it active again,
        also while its access token lives and works.
        """
        return self.refresh.ended

    def rebased(self, seen: "PlatformConnection", current: "PlatformConnection") -> "PlatformConnection | None":
        """This, made of `seen`, as if it were made of `current`; None unless the two differ in their seals only."""
        as_seen = {"access_token": seen.access_token, "refresh_token": seen.refresh_token, "version": seen.version}
        if replace(current, **as_seen) != seen:  # type: ignore[arg-type]  # each is what the field of its name is
            return None
        keeps_access, keeps_refresh = self.access_token == seen.access_token, self.refresh_token == seen.refresh_token
        return replace(
            self,
            access_token=current.access_token if keeps_access else self.access_token,
            refresh_token=current.refresh_token if keeps_refresh else self.refresh_token,
            version=current.version,
        )

    def renewed(
        self,
        *,
        access_token: SealedToken,
        refresh_token: SealedToken | None,
        token_expires_at: datetime | None,
        scopes: tuple[str, ...],
        now: datetime,
    ) -> "PlatformConnection":
        """New tokens make a connection active again and clear its error. When to refresh them is yet to be said."""
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
            refresh=RefreshState(),
        )

    def refreshed_at(self, at: datetime | None) -> "PlatformConnection":
        """The connection with a time for its next refresh."""
        return replace(self, refresh=replace(self.refresh, at=at))

    def marked(
        self, status: ConnectionStatus, *, now: datetime, code: str | None = None, reason: str | None = None
    ) -> "PlatformConnection":
        return replace(self, status=status, last_error_code=code, last_error=reason, updated_at=now)

    def status_at(self, now: datetime) -> ConnectionStatus:
        """The status as a person should see it: an access token past its expiry is expired, whoever noticed it."""
        return ConnectionStatus.EXPIRED if self.expires_within(timedelta(), now) else self.status

    def expires_within(self, margin: timedelta, now: datetime) -> bool:
        return self.token_expires_at is not None and self.token_expires_at <= now + margin
