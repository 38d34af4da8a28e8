"""The audit log in PostgreSQL. A trigger refuses to change it, and so do the rights of the role that serves."""

# ruff: noqa: S608  only names of columns and other statements are formatted into a statement, never a value

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from anselai.adapters.postgres.database import Database, Row
from anselai.domain.access import EVERY_STUDIO
from anselai.domain.audit import LONGEST_DETAIL, AuditEntry, Deed
from anselai.domain.ports.audit_log import AuditLog
from anselai.domain.text import storable

_COLUMNS: Final = "id, at, studio, actor, address, action, subject, detail, request_id"

# Writes the deed, as the last part of whatever statement does it.
WRITE_DOWN: Final = """
INSERT INTO audit_log (studio, actor, address, action, subject, detail, request_id)
SELECT %(deed_studio)s, %(deed_actor)s, %(deed_address)s, %(deed_action)s, %(deed_subject)s, %(deed_detail)s,
    %(deed_request_id)s
"""

# An id is taken when a row is written and not when it is committed, so one may still appear before the newest.
_OF_STUDIO: Final = f"""
SELECT {_COLUMNS} FROM audit_log
WHERE studio = %(studio)s AND at >= (SELECT created_at FROM studios WHERE id = %(studio)s)
    AND id < coalesce(%(before_id)s, 9223372036854775807)
ORDER BY id DESC LIMIT %(limit)s
"""
_OF_ALL: Final = f"""
SELECT {_COLUMNS} FROM audit_log WHERE id < coalesce(%(before_id)s, 9223372036854775807)
ORDER BY id DESC LIMIT %(limit)s
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresAuditLog(AuditLog):
    database: Database

    async def append(self, deed: Deed) -> None:
        await self.database.rows(f"{WRITE_DOWN} RETURNING id", values_of(deed), studio=deed.studio)

    async def query(self, studio: str, limit: int, before_id: int | None = None) -> Sequence[AuditEntry]:
        values = {"studio": studio, "limit": limit, "before_id": before_id}
        return [_to_entry(row) for row in await self.database.rows(_OF_STUDIO, values, studio=studio)]

    async def query_all(self, limit: int, before_id: int | None = None) -> Sequence[AuditEntry]:
        values = {"limit": limit, "before_id": before_id}
        return [_to_entry(row) for row in await self.database.rows(_OF_ALL, values, studio=EVERY_STUDIO)]


def values_of(deed: Deed) -> dict[str, Any]:
    """What WRITE_DOWN takes."""
    kept = storable(deed)
    return {
        "deed_studio": kept.studio,
        "deed_actor": kept.actor.name,
        "deed_address": kept.actor.address,
        "deed_action": kept.action.value,
        "deed_subject": kept.subject,
        "deed_detail": None if kept.detail is None else kept.detail[:LONGEST_DETAIL],
        "deed_request_id": kept.actor.request_id,
    }


def _to_entry(row: Row) -> AuditEntry:
    entry_id, at, studio, actor, address, action, subject, detail, request_id = row
    return AuditEntry(
        id=entry_id,
        at=at,
        studio=studio,
        actor=actor,
        address=address,
        action=action,
        subject=subject,
        detail=detail,
        request_id=request_id,
    )
