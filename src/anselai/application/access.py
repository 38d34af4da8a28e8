"""Who may come in: keys and studios, and the log of who did what."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from anselai.application.access_views import ApiKeyView, AuditPage
from anselai.application.audit import deed_of
from anselai.application.authentication import Authenticator
from anselai.application.connection_input import LATEST_YEAR
from anselai.application.connection_manager import ConnectionManager
from anselai.application.log_pages import LARGEST_PAGE, decode_cursor, encode_cursor
from anselai.domain.access import ApiKey, Principal, Scope, Studio, check_studio_id, hash_of, key_text, scopes_of
from anselai.domain.audit import AuditAction
from anselai.domain.connection import DEFAULT_STUDIO
from anselai.domain.errors import InvalidInput, StudioInUse, StudioNotFound
from anselai.domain.ports.api_keys import ApiKeys
from anselai.domain.ports.audit_log import AuditLog
from anselai.domain.ports.clock import Clock, Ids, SecretTexts
from anselai.domain.ports.studios import Studios
from anselai.domain.secret import Secret

LONGEST_NAME: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessManager:
    """The keys of every studio, the studios, and the audit log. Every method raises StoreUnavailable."""

    authenticator: Authenticator
    api_keys: ApiKeys
    studios: Studios
    audit_log: AuditLog
    connections: ConnectionManager
    clock: Clock
    ids: Ids
    secret_texts: SecretTexts

    async def authenticate(self, text: Secret | None) -> Principal:
        """Who has the key with this text. Raises Unauthenticated, the same whatever is wrong with it, at one cost.

        A key that was revoked elsewhere may still open here for five seconds.
        """
        return await self.authenticator.by_text(text)

    async def principal_of(self, key_id: UUID) -> Principal:
        """Who has the key with this id, for somebody who showed its text before, as a session did.

        Raises Unauthenticated once it is revoked, expired or gone.
        """
        return await self.authenticator.by_id(key_id)

    async def create_key(
        self,
        name: str,
        *,
        scopes: Iterable[Scope | str] = (Scope.WRITE,),
        studio: str = DEFAULT_STUDIO,
        expires_at: datetime | None = None,
    ) -> tuple[ApiKeyView, Secret]:
        """A new key and its text, which is not kept: show it now. Raises StudioNotFound, InvalidInput."""
        now = self.clock.now()
        key_id = self.ids.new()
        text = key_text(key_id, self.secret_texts.new())
        key = ApiKey(
            id=key_id,
            studio=check_studio_id(studio),
            name=_checked_name(name),
            scopes=scopes_of(scopes),
            secret_hash=hash_of(text),
            created_at=now,
            expires_at=_in_future(expires_at, now),
        )
        ends = "does not expire" if key.expires_at is None else f"expires {key.expires_at:%Y-%m-%d %H:%M:%SZ}"
        deed = deed_of(studio, AuditAction.KEY_CREATED, str(key_id), f"{key.name}: {', '.join(key.scopes)}; {ends}")
        await self.api_keys.add(key, deed)
        return ApiKeyView.of(key, now), text

    async def list_keys(self, *, studio: str = DEFAULT_STUDIO) -> Sequence[ApiKeyView]:
        """The studio's keys, expired and revoked ones among them, the oldest first. Raises StudioNotFound."""
        now = self.clock.now()
        keys = await self.api_keys.list(studio)
        if not keys:
            await self._check_there(studio)
        return [ApiKeyView.of(each, now) for each in keys]

    async def revoke_key(self, key_id: UUID, *, studio: str = DEFAULT_STUDIO) -> ApiKeyView:
        """Let a key open nothing any more; revoking it again changes nothing. Raises ApiKeyNotFound."""
        key = await self.api_keys.revoke(studio, key_id, deed_of(studio, AuditAction.KEY_REVOKED, str(key_id)))
        self.authenticator.forget(lambda known: known.key_id == key_id)
        return ApiKeyView.of(key, self.clock.now())

    async def add_studio(self, studio: str, *, name: str | None = None) -> Studio:
        """Add a studio under this id, and this name for people, or else its id. Raises StudioExists, InvalidInput."""
        called = check_studio_id(studio) if name is None else _checked_name(name)
        return await self.studios.add(studio, called, deed_of(studio, AuditAction.STUDIO_ADDED, studio, called))

    async def list_studios(self) -> Sequence[Studio]:
        """All studios, sorted by id."""
        return await self.studios.list()

    async def remove_studio(self, studio: str, *, with_connections: bool = False) -> None:
        """Remove a studio with its keys, jobs, sync log and all that its platforms brought in. The audit log stays.

        Raises what `check_removable` raises.
        """
        await self.check_removable(studio, with_connections=with_connections)
        if with_connections:
            for each in await self.connections.list_connections(studio=studio):
                await self.connections.remove_connection(each.platform, studio=studio)
        await self.studios.remove(studio, deed_of(studio, AuditAction.STUDIO_REMOVED, studio))
        self.authenticator.forget(lambda known: known.studio == studio)

    async def check_removable(self, studio: str, *, with_connections: bool = False) -> None:
        """Whether it could be removed now, for whoever asks a person first.

        Raises StudioNotFound; StudioInUse while it has connections, unless these are to go as well; InvalidInput for
        the studio `default`, which is always there.
        """
        if studio == DEFAULT_STUDIO:
            raise InvalidInput.of("studio", f"{DEFAULT_STUDIO} is always there and cannot be removed")
        await self._check_there(studio)
        if not with_connections and await self.connections.list_connections(studio=studio):
            raise StudioInUse(studio)

    async def _check_there(self, studio: str) -> None:
        if studio not in {each.id for each in await self.studios.list()}:
            raise StudioNotFound(studio)

    async def audit(
        self, *, limit: int = 50, cursor: str | None = None, studio: str | None = DEFAULT_STUDIO
    ) -> AuditPage:
        """A page of the audit log, newest first; `next_cursor` asks for the page after it.

        Of one studio, from when it was added; with `studio=None` of all that there are or were. Raises StudioNotFound,
        InvalidInput.
        """
        if not 1 <= limit <= LARGEST_PAGE:
            raise InvalidInput.of("limit", f"must be from 1 to {LARGEST_PAGE}")
        before_id = None if cursor is None else decode_cursor(cursor)
        more = limit + 1  # one row more tells whether there is a next page
        if studio is None:
            rows = await self.audit_log.query_all(more, before_id)
        else:
            rows = await self.audit_log.query(studio, more, before_id)
            if not rows:
                await self._check_there(studio)
        page = tuple(rows[:limit])
        return AuditPage(entries=page, next_cursor=encode_cursor(page[-1].id) if len(rows) > limit else None)


def _checked_name(name: object) -> str:
    if not isinstance(name, str) or not 1 <= len(name) <= LONGEST_NAME or not name.isprintable() or name.isspace():
        raise InvalidInput.of("name", f"must be 1 to {LONGEST_NAME} characters that can be printed")
    return name


def _in_future(instant: datetime | None, now: datetime) -> datetime | None:
    if instant is None:
        return None
    if instant.tzinfo is None:
        raise InvalidInput.of("expiresAt", "must have a time zone")
    if instant <= now:
        raise InvalidInput.of("expiresAt", "must be in the future")
    if instant.year > LATEST_YEAR:
        raise InvalidInput.of("expiresAt", f"must be before the year {LATEST_YEAR + 1}")
    return instant.astimezone(UTC)
