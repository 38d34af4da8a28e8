"""Who did what, when and from where. Never a secret."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

LONGEST_DETAIL: Final = 1000  # characters; the rest is cut off


class AuditAction(StrEnum):
    """What is written down: each change of a connection, a schedule, a key or a studio that somebody asked for, and the
    settings of each start.
    """

    CONNECTION_SAVED = "connection.saved"
    CONNECTION_UPDATED = "connection.updated"
    CONNECTION_REMOVED = "connection.removed"
    TOKEN_REFRESHED = "connection.refreshed"  # noqa: S105  no token
    SCHEDULE_CHANGED = "schedule.changed"
    KEY_CREATED = "key.created"
    KEY_REVOKED = "key.revoked"
    SEALING_KEY_ROTATED = "sealing.rotated"
    SEALING_KEY_RETIRED = "sealing.retired"
    STUDIO_ADDED = "studio.added"
    STUDIO_REMOVED = "studio.removed"
    SERVED = "served"
    SIGNED_IN = "signed.in"
    SIGNED_OUT = "signed.out"


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who acts: their name, the address that they come from, and the id of the request, where there are such."""

    name: str
    address: str | None = None
    request_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """What is to be written down; the store adds when."""

    studio: str
    actor: Actor
    action: AuditAction
    subject: str | None = None
    detail: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """One row. `id` grows with time."""

    id: int
    at: datetime
    studio: str
    actor: str
    address: str | None
    action: str
    subject: str | None
    detail: str | None
    request_id: str | None
