"""Writing down who did what.

Changes of keys and studios are written in the same transaction as the deed; those of connections and schedules right
after it (docs/decisions/0015-audit-after-the-act.md).
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final

from anselai.domain.audit import Actor, AuditAction, Deed
from anselai.domain.errors import StoreUnavailable
from anselai.domain.ports.audit_log import AuditLog

LIBRARY: Final = Actor(name="library")  # a program that imports AnselAI and does not say who it is

_ACTING: Final[ContextVar[Actor]] = ContextVar("anselai_acting", default=LIBRARY)
_log: Final = logging.getLogger(__name__)


@contextmanager
def acting_as(actor: Actor) -> Iterator[None]:
    """Whatever is done inside, also by tasks that are started there, is written down as this actor's."""
    before = _ACTING.set(actor)
    try:
        yield
    finally:
        _ACTING.reset(before)


def acting() -> Actor:
    """Who acts here and now."""
    return _ACTING.get()


def deed_of(studio: str, action: AuditAction, subject: str | None = None, detail: str | None = None) -> Deed:
    """What is done here and now, by who acts. Neither subject nor detail may hold a secret: name fields, not values."""
    return Deed(studio=studio, actor=acting(), action=action, subject=subject, detail=detail)


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """Writes down what was done. What cannot be written is told in the log as an error, and undoes nothing."""

    audit_log: AuditLog

    async def record(
        self, studio: str, action: AuditAction, subject: str | None = None, detail: str | None = None
    ) -> None:
        deed = deed_of(studio, action, subject, detail)
        try:
            await self.audit_log.append(deed)
        except StoreUnavailable:
            _log.error(
                "The audit log did not take this: %s by %s in studio %s, subject %s, request %s",
                deed.action,
                deed.actor.name,
                studio,
                subject,
                deed.actor.request_id,
            )
