"""Studios, keys and the audit log as JSON."""

from datetime import datetime
from uuid import UUID

from anselai.application.access_views import ApiKeyView, AuditPage
from anselai.domain.access import Studio
from anselai.domain.audit import AuditEntry
from anselai.entrypoints.http.schemas.shape import Output


class StudioJson(Output):
    id: str
    name: str
    created_at: datetime

    @classmethod
    def of(cls, studio: Studio) -> "StudioJson":
        return cls(id=studio.id, name=studio.name, created_at=studio.created_at)


class ApiKeyJson(Output):
    id: UUID
    studio: str
    name: str
    scopes: tuple[str, ...]
    state: str
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None

    @classmethod
    def of(cls, view: ApiKeyView) -> "ApiKeyJson":
        return cls(
            id=view.id,
            studio=view.studio,
            name=view.name,
            scopes=tuple(each.value for each in view.scopes),
            state=view.state.value,
            created_at=view.created_at,
            expires_at=view.expires_at,
            last_used_at=view.last_used_at,
            revoked_at=view.revoked_at,
        )


class NewApiKeyJson(Output):
    """The one time that a key's text is told."""

    key: str
    details: ApiKeyJson


class AuditEntryJson(Output):
    id: int
    at: datetime
    studio: str
    actor: str
    address: str | None
    action: str
    subject: str | None
    detail: str | None
    request_id: str | None

    @classmethod
    def of(cls, entry: AuditEntry) -> "AuditEntryJson":
        return cls(
            id=entry.id,
            at=entry.at,
            studio=entry.studio,
            actor=entry.actor,
            address=entry.address,
            action=entry.action,
            subject=entry.subject,
            detail=entry.detail,
            request_id=entry.request_id,
        )


class AuditPageJson(Output):
    entries: tuple[AuditEntryJson, ...]
    next_cursor: str | None

    @classmethod
    def of(cls, page: AuditPage) -> "AuditPageJson":
        return cls(entries=tuple(AuditEntryJson.of(each) for each in page.entries), next_cursor=page.next_cursor)
