"""Asking a platform for new tokens, whatever its client does."""

import asyncio
import logging
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from anselai.application.connection_input import ConnectionFields
from anselai.application.token_vault import TokenVault
from anselai.domain.connection import Credentials, PlatformConnection
from anselai.domain.errors import AnswerLost, ClientBug, InvalidInput, PlatformFailure
from anselai.domain.ports.platform_client import PlatformClient, PlatformInfo
from anselai.domain.refreshing import COOLDOWN, SHARES_OF_GRACE, SecondUse

QUICK_LIMIT = timedelta(seconds=30)
PATIENT_LIMIT = timedelta(minutes=2)  # giving up on a single-use token's answer may cost the connection
LEAST_LIMIT = timedelta(seconds=2)
LAST_WORDS = timedelta(seconds=5)  # for a client that is cancelled

log = logging.getLogger("anselai.refresh")


def call_limit(info: PlatformInfo) -> timedelta:
    """How long an answer is waited for."""
    match info.second_use:
        case SecondUse.WORKS:
            return QUICK_LIMIT
        case SecondUse.GRACE:
            return max(LEAST_LIMIT, min(QUICK_LIMIT, info.reuse_grace / SHARES_OF_GRACE))
        case SecondUse.REFUSED:
            return PATIENT_LIMIT


def longest_call(info: PlatformInfo) -> timedelta:
    """How long a call may take, with the last words of a client that is cancelled."""
    limit = call_limit(info)
    return limit + _last_words(limit)


def _last_words(limit: timedelta) -> timedelta:
    return min(LAST_WORDS, limit / 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshCall:
    """Calls clients, and seals what they bring."""

    vault: TokenVault

    async def ask(self, client: PlatformClient, stored: PlatformConnection, now: datetime) -> PlatformConnection:
        """The connection with new tokens. `now` is the store's instant.

        Raises TokenUnreadable, when nothing was asked, and PlatformFailure. An AnswerLost or a ClientBug does not tell
        whether the platform gave new tokens.
        """
        credentials = self.vault.open_credentials(stored)
        label = client.info.label
        try:
            renewed = await _called(client, stored, credentials, now)
            return self._renewed(client.info, stored, renewed, now)
        except PlatformFailure as failure:
            raise failure.retold(self.vault.tell(failure, credentials)) from None
        except InvalidInput as nonsense:
            told = self.vault.tell(nonsense, credentials)
            raise ClientBug(f"The {label} client's token refresh gave nonsense: {told}") from None
        except TimeoutError:
            raise AnswerLost(f"{label} did not answer the token refresh in time.") from None
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            raise ClientBug(f"The {label} client cancelled its own token refresh.") from None
        except Exception as bug:  # noqa: BLE001  foreign code: what a plug-in raises unforeseen is told as its bug
            told = self.vault.tell(bug, credentials)
            raise ClientBug(f"The {label} client failed at the token refresh: {type(bug).__name__}: {told}") from None

    def _renewed(
        self, info: PlatformInfo, stored: PlatformConnection, renewed: object, now: datetime
    ) -> PlatformConnection:
        """The connection with what the platform gave. The token that was given may be used up by now, so nothing but a
        token that is none refuses the answer.
        """
        if not isinstance(renewed, Credentials):
            raise ClientBug(f"The {info.label} client returned no credentials from its token refresh.")
        given = ConnectionFields(access_token=renewed.access_token, refresh_token=renewed.refresh_token).checked()
        expires_at = _usable_expiry(info, given, renewed.expires_at, now)
        if expires_at is None and info.token_lifetime is not None:
            expires_at = now + info.token_lifetime
        after = stored.renewed(
            access_token=self.vault.encrypt_token(given.access_token, stored.key),
            refresh_token=self.vault.encrypt_other(stored.refresh_token, given.refresh_token, stored.key)
            or stored.refresh_token,
            token_expires_at=expires_at,
            scopes=_usable_scopes(info, given, renewed.scopes) or stored.scopes,
            now=now,
        )
        refresh_at = info.refresh_at(after, given_at=now, token_version=stored.token_version + 1)
        return after.refreshed_at(None if refresh_at is None else max(refresh_at, now + COOLDOWN))


async def _called(
    client: PlatformClient, stored: PlatformConnection, credentials: Credentials, now: datetime
) -> object:
    """What the client answers in time. One that ignores its cancellation is left behind with what it may bring."""
    limit = call_limit(client.info)
    call = asyncio.create_task(_refreshed(client, stored, credentials, now), name=f"{client.info.name} refreshes")
    call.add_done_callback(lambda done: done.cancelled() or done.exception())  # retrieved, for whoever is left behind
    is_late = False
    try:
        await asyncio.wait({call}, timeout=limit.total_seconds())
        if not call.done():
            is_late = True
            call.cancel()
            await asyncio.wait({call}, timeout=_last_words(limit).total_seconds())
    finally:
        call.cancel()
    if is_late and (not call.done() or call.cancelled()):
        raise TimeoutError
    return call.result()


async def _refreshed(
    client: PlatformClient, stored: PlatformConnection, credentials: Credentials, now: datetime
) -> object:
    return await client.refresh(stored.key, credentials, now)


def _usable_expiry(
    info: PlatformInfo, tokens: ConnectionFields, given: datetime | None, now: datetime
) -> datetime | None:
    """Its instant, or None. New tokens that had expired already would be refreshed over and over."""
    try:
        expires_at = replace(tokens, token_expires_at=given).checked().token_expires_at
        if expires_at is None or expires_at > now:
            return expires_at
        raise InvalidInput.of("tokenExpiresAt", "must be in the future")
    except Exception as bug:  # noqa: BLE001  foreign values
        log.warning("The %s client gives new tokens with an expiry that is none: %s", info.label, _reason(bug))
        return None


def _usable_scopes(info: PlatformInfo, tokens: ConnectionFields, given: object) -> tuple[str, ...]:
    """These, or none at all."""
    try:
        if not given:
            return ()
        if isinstance(given, str) or not isinstance(given, Collection):
            raise InvalidInput.of("scopes", "must be a tuple of texts")
        return replace(tokens, scopes=tuple(given)).checked().scopes
    except Exception as bug:  # noqa: BLE001  foreign values
        log.warning("The %s client gives new tokens with scopes that are none: %s", info.label, _reason(bug))
        return ()


def _reason(bug: Exception) -> str:
    """Without any value."""
    return str(bug) if isinstance(bug, InvalidInput) else type(bug).__name__
