"""What the outside may see of keys and of the audit log."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from anselai.domain.access import ApiKey, Scope
from anselai.domain.audit import AuditEntry


class KeyState(StrEnum):
    ACTIVE = "active"
    EXPIRED = "expired"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKeyView:
    """A key without its text, which nobody can show again. `last_used_at` is exact to about a minute."""

    id: UUID
    studio: str
    name: str
    scopes: tuple[Scope, ...]
    state: KeyState
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None

    @classmethod
    def of(cls, key: ApiKey, now: datetime) -> "ApiKeyView":
        expired = KeyState.ACTIVE if key.opens_at(now) else KeyState.EXPIRED
        return cls(
            id=key.id,
            studio=key.studio,
            name=key.name,
            scopes=key.scopes,
            state=expired if key.revoked_at is None else KeyState.REVOKED,
            created_at=key.created_at,
            expires_at=key.expires_at,
            last_used_at=key.last_used_at,
            revoked_at=key.revoked_at,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditPage:
    """Rows of the audit log, newest first."""

    entries: tuple[AuditEntry, ...]
    next_cursor: str | None
