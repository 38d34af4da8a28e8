"""The rights of the role that serves: what statements of this version use, and no more.

It owns nothing, so it changes no table, and row-level security holds it. Tests hold these against the statements, and
run everything as such a role.
"""

from collections.abc import Mapping
from typing import Final

from psycopg.sql import SQL, Identifier

_CHANGED: Final = "SELECT, INSERT, UPDATE, DELETE"

RIGHTS: Final[Mapping[str, str]] = {
    "alembic_version": "SELECT",
    "studios": "SELECT, INSERT, DELETE, UPDATE (name)",  # to lock one while it goes
    "platform_connections": _CHANGED,
    "sync_schedules": _CHANGED,
    "sync_jobs": _CHANGED,
    "sync_requests": _CHANGED,
    "sync_log": "SELECT, INSERT, DELETE, UPDATE (count)",
    "sync_workers": _CHANGED,
    "sealing_keys": "SELECT, INSERT, UPDATE (seals, last_used_at)",
    "api_keys": "SELECT, INSERT, DELETE, UPDATE (last_used_at, revoked_at)",
    "audit_log": "SELECT, INSERT (studio, actor, address, action, subject, detail, request_id)",  # not when, nor its id
    "ended_sessions": "SELECT, INSERT, DELETE",
    "metrics": _CHANGED,
    "content": _CHANGED,
    "content_metrics": _CHANGED,
    "ad_campaigns": _CHANGED,
    "ad_metrics": _CHANGED,
    "reviews": _CHANGED,
    "inquiries": _CHANGED,
    "bookings": _CHANGED,
    "attribution": _CHANGED,
}


def grants(role: str) -> str:
    """The SQL that gives this role its rights, and takes away others that it had, for the tables' owner to run."""
    to = Identifier(role)
    lines = [SQL("GRANT USAGE ON SCHEMA public TO {};").format(to)]
    for table, rights in RIGHTS.items():
        name = Identifier(table)
        lines.append(SQL("REVOKE ALL ON {} FROM {};").format(name, to))
        lines.append(SQL("GRANT " + rights + " ON {} TO {};").format(name, to))
    return "\n".join(each.as_string() for each in lines) + "\n"
