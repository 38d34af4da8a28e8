"""Save, get, list, update, test, refresh and remove connections."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from anselai.application.audit import Audit
from anselai.application.connection_input import ConnectionFields
from anselai.application.connection_swap import swap
from anselai.application.slot_planner import SlotPlanner
from anselai.application.token_refresh import TokenRefresher
from anselai.application.token_vault import TokenVault
from anselai.application.views import ConnectionTest, ConnectionView
from anselai.domain.audit import AuditAction
from anselai.domain.connection import (
    DEFAULT_STUDIO,
    ConnectionKey,
    ConnectionStatus,
    Credentials,
    PlatformConnection,
    SealedToken,
    TokenField,
)
from anselai.domain.errors import ConnectionChanged, InvalidInput, PlatformFailure, TokenUnreadable
from anselai.domain.frequency import Frequency
from anselai.domain.ports.clock import Clock, Ids
from anselai.domain.ports.connections import Connections
from anselai.domain.ports.platform_client import Platforms, Verification
from anselai.domain.ports.timetable import Timetable
from anselai.domain.schedule import SyncSchedule
from anselai.domain.secret import Secret
from anselai.domain.text import refuse_unstorable

VERIFY_LIMIT = timedelta(seconds=20)


class Keep:
    """The default of a field in an update: leave what is stored."""


KEEP: Final = Keep()


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionManager:
    """A studio's connections. Every method raises UnknownPlatform for a platform that is not installed (but removing
    works all the same), and StoreUnavailable.
    """

    connections: Connections
    platforms: Platforms
    vault: TokenVault
    refresher: TokenRefresher
    timetable: Timetable
    planner: SlotPlanner
    audit: Audit
    clock: Clock
    ids: Ids

    async def save_connection(
        self,
        platform: str,
        *,
        access_token: str | Secret,
        refresh_token: str | Secret | None = None,
        account_id: str | None = None,
        token_expires_at: datetime | None = None,
        scopes: Sequence[str] = (),
        studio: str = DEFAULT_STUDIO,
    ) -> ConnectionView:
        """Connect a platform and give it its three default schedules. Raises ConnectionExists, InvalidInput."""
        info = self.platforms.get(platform).info
        key = ConnectionKey(studio, platform)
        fields = ConnectionFields(
            access_token=_secret(access_token),
            refresh_token=_secret(refresh_token) if refresh_token is not None else None,
            account_id=account_id,
            token_expires_at=token_expires_at,
            scopes=_listed(scopes),
        ).checked()
        now = await self.planner.now(key)
        connection = PlatformConnection(
            id=self.ids.new(),
            key=key,
            account_id=fields.account_id,
            access_token=self.vault.encrypt_token(fields.access_token, key),
            refresh_token=self.vault.encrypt_other(None, fields.refresh_token, key),
            token_expires_at=fields.token_expires_at,
            scopes=fields.scopes,
            status=ConnectionStatus.ACTIVE,
            created_at=now,
            updated_at=now,
        )
        connection = connection.refreshed_at(info.refresh_at(connection, given_at=now, token_version=1))
        await self.connections.add(connection, [self._default_schedule(key, each, now) for each in Frequency])
        await self.audit.record(studio, AuditAction.CONNECTION_SAVED, platform)
        return ConnectionView.of(connection, now)

    async def get_connection(self, platform: str, *, studio: str = DEFAULT_STUDIO) -> ConnectionView:
        """Raises ConnectionNotFound."""
        self.platforms.get(platform)
        return self._view(await self.connections.get(ConnectionKey(studio, platform)))

    async def list_connections(self, *, studio: str = DEFAULT_STUDIO) -> Sequence[ConnectionView]:
        """All connections of the studio, sorted by platform."""
        now = self.clock.now()
        return [ConnectionView.of(each, now) for each in await self.connections.list(studio)]

    async def update_connection(
        self,
        platform: str,
        *,
        access_token: str | Secret | Keep = KEEP,
        refresh_token: str | Secret | Keep | None = KEEP,
        account_id: str | Keep | None = KEEP,
        token_expires_at: datetime | Keep | None = KEEP,
        scopes: Sequence[str] | Keep = KEEP,
        studio: str = DEFAULT_STUDIO,
    ) -> ConnectionView:
        """Replace the given fields. A new access token makes the connection active again; without an expiry of its
        own it has none, since the stored one was the old token's. Raises ConnectionNotFound, ConnectionChanged,
        InvalidInput.
        """
        info = self.platforms.get(platform).info
        key = ConnectionKey(studio, platform)
        stored = await self.connections.get(key)
        renews = not isinstance(access_token, Keep)
        old_expiry = None if renews else stored.token_expires_at
        fields = ConnectionFields(
            access_token=Secret("kept") if isinstance(access_token, Keep) else _secret(access_token),
            refresh_token=None if isinstance(refresh_token, Keep) or refresh_token is None else _secret(refresh_token),
            account_id=stored.account_id if isinstance(account_id, Keep) else account_id,
            token_expires_at=old_expiry if isinstance(token_expires_at, Keep) else token_expires_at,
            scopes=stored.scopes if isinstance(scopes, Keep) else _listed(scopes),
        ).checked()
        sealed_refresh = (
            stored.refresh_token
            if isinstance(refresh_token, Keep)
            else self.vault.encrypt_other(stored.refresh_token, fields.refresh_token, key)
        )
        now = self.clock.now()
        changed = replace(
            stored,
            account_id=fields.account_id,
            refresh_token=sealed_refresh,
            token_expires_at=fields.token_expires_at,
            scopes=fields.scopes,
            updated_at=now,
        )
        if renews:
            changed = changed.renewed(
                access_token=self.vault.encrypt_token(fields.access_token, key),
                refresh_token=sealed_refresh,
                token_expires_at=fields.token_expires_at,
                scopes=fields.scopes,
                now=now,
            )
        new_tokens = renews or sealed_refresh != stored.refresh_token
        new_expiry = changed.token_expires_at != stored.token_expires_at
        if new_tokens or (new_expiry and not stored.needs_new_tokens):
            token_version = stored.token_version + new_tokens
            changed = changed.refreshed_at(info.refresh_at(changed, given_at=now, token_version=token_version))
        replaced = await swap(self.connections, stored, changed)
        given = {
            "accessToken": access_token,
            "refreshToken": refresh_token,
            "accountId": account_id,
            "tokenExpiresAt": token_expires_at,
            "scopes": scopes,
        }
        named = ", ".join(name for name, value in given.items() if not isinstance(value, Keep))
        await self.audit.record(studio, AuditAction.CONNECTION_UPDATED, platform, named or None)
        return self._view(replaced)

    async def test_connection(self, platform: str, *, studio: str = DEFAULT_STUDIO) -> ConnectionTest:
        """Ask the platform whether the access token works, and keep what that says of the connection.

        A platform that does not answer says nothing of the connection: the test fails, the status stays. Raises
        ConnectionNotFound.
        """
        client = self.platforms.get(platform)
        stored = await self.connections.get(ConnectionKey(studio, platform))
        now = self.clock.now()
        credentials: Credentials | None = None
        answer: Verification | None = None
        try:
            credentials = self.vault.open_credentials(stored)
            async with asyncio.timeout(VERIFY_LIMIT.total_seconds()):
                answer = _verification(await client.verify(stored.key, credentials, now))
            reason = None if answer.reason is None else self.vault.tell(answer.reason, credentials)
        except TokenUnreadable as unreadable:
            stored, reason = await self._mark_error(stored, unreadable.code, str(unreadable)), str(unreadable)
        except PlatformFailure as failure:
            reason = self.vault.tell(failure, credentials)
        except TimeoutError:
            reason = f"{client.info.label} did not answer within {VERIFY_LIMIT.total_seconds():.0f} seconds."
        except Exception as bug:  # noqa: BLE001  foreign code: whatever a plug-in raises is a failed test, not a crash
            told = self.vault.tell(bug, credentials)
            reason = f"The {client.info.label} client failed: {type(bug).__name__}: {told}"
        if answer is not None:
            stored = await self._keep_answer(stored, answer, reason)
        return ConnectionTest(
            ok=answer is not None and answer.ok,
            status=stored.status_at(now),
            simulated=client.info.simulated,
            checked_at=now,
            reason=reason,
        )

    async def refresh_token(self, platform: str, *, studio: str = DEFAULT_STUDIO) -> ConnectionView:
        """Get new tokens with the stored refresh token. Raises ConnectionNotFound, NoRefreshToken, RefreshInProgress,
        TokenUnreadable, and PlatformFailure when the platform refuses or does not answer.
        """
        self.platforms.get(platform)
        refreshed = await self.refresher.refresh(ConnectionKey(studio, platform))
        await self.audit.record(studio, AuditAction.TOKEN_REFRESHED, platform)
        return self._view(refreshed)

    async def check_removable(self, platform: str, *, studio: str = DEFAULT_STUDIO) -> None:
        """For whoever asks a person first; of an uninstalled platform too. Raises ConnectionNotFound."""
        await self.connections.get(ConnectionKey(studio, platform))

    async def remove_connection(self, platform: str, *, studio: str = DEFAULT_STUDIO) -> None:
        """Forget the connection, its tokens, schedules and queued jobs; the log stays, and tells of every slot that was
        due. Raises ConnectionNotFound.
        """
        key = ConnectionKey(studio, platform)

        async def remove(_now: datetime) -> None:
            await self.connections.remove(key)

        await self.planner.after_settling(key, tuple(Frequency), remove, give_up=True)
        await self.audit.record(studio, AuditAction.CONNECTION_REMOVED, platform)

    def encrypt_token(
        self, platform: str, token: str | Secret, *, field: TokenField = "access_token", studio: str = DEFAULT_STUDIO
    ) -> SealedToken:
        """Seal a token for this platform and field (AES-256-GCM). Raises InvalidInput for what is no text."""
        secret = _secret(token)
        refuse_unstorable(secret.reveal())
        return self.vault.encrypt_token(secret, ConnectionKey(studio, platform), field)

    def decrypt_token(
        self, platform: str, sealed: str, *, field: TokenField = "access_token", studio: str = DEFAULT_STUDIO
    ) -> Secret:
        """Open a sealed token. Raises TokenUnreadable unless it was sealed for the same studio, platform and field."""
        return self.vault.decrypt_token(SealedToken(sealed), ConnectionKey(studio, platform), field)

    def _view(self, connection: PlatformConnection) -> ConnectionView:
        return ConnectionView.of(connection, self.clock.now())

    def _default_schedule(self, key: ConnectionKey, frequency: Frequency, now: datetime) -> SyncSchedule:
        cron = self.timetable.default_cron(frequency, f"{key.studio}/{key.platform}/{frequency}")
        return SyncSchedule(
            key=key,
            frequency=frequency,
            cron=cron,
            timezone="UTC",
            enabled=True,
            next_slot_at=self.timetable.next_after(frequency, cron, "UTC", now),
        )

    async def _keep_answer(
        self, stored: PlatformConnection, answer: Verification, reason: str | None
    ) -> PlatformConnection:
        now = self.clock.now()
        if not answer.ok:
            if stored.status_at(now) is ConnectionStatus.EXPIRED:
                return stored  # known already; a refresh or a new token heals it
            return await self._mark_error(stored, "TEST_FAILED", reason)
        if stored.needs_new_tokens or (stored.status is ConnectionStatus.ACTIVE and stored.last_error is None):
            return stored
        return await self._replace(stored, stored.marked(ConnectionStatus.ACTIVE, now=now))

    async def _mark_error(self, stored: PlatformConnection, code: str, reason: str | None) -> PlatformConnection:
        if stored.needs_new_tokens:
            return stored
        marked = stored.marked(ConnectionStatus.ERROR, now=self.clock.now(), code=code, reason=reason)
        return await self._replace(stored, marked)

    async def _replace(self, seen: PlatformConnection, changed: PlatformConnection) -> PlatformConnection:
        try:
            return await swap(self.connections, seen, changed)
        except ConnectionChanged:  # somebody knows better by now: what the test saw is of a connection that was
            return await self.connections.get(changed.key)


def _verification(answer: object) -> Verification:
    if not isinstance(answer, Verification):
        raise TypeError(f"verify returned {type(answer).__name__} where a Verification was due")
    return answer


def _listed(scopes: Sequence[str]) -> tuple[str, ...]:
    if isinstance(scopes, str):
        raise InvalidInput.of("scopes", "must be a list of names, not one text")
    return tuple(scopes)


def _secret(token: str | Secret) -> Secret:
    if isinstance(token, Secret):
        return token
    if not isinstance(token, str):
        raise InvalidInput.of("accessToken", "must be text")
    return Secret(token)
