"""Asking a platform for new tokens, whatever its client does."""

import asyncio
import logging
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from anselai.application.connection_input import ConnectionFields
from anselai.application.token_vault import TokenVault
from anselai.domain.connection import Credentials, PlatformConnection, SealedToken
from anselai.domain.errors import AnswerLost, ClientBug, InvalidInput, PlatformFailure
from anselai.domain.ports.platform_client import PlatformClient, PlatformInfo
from anselai.domain.refreshing import SHARES_OF_GRACE, SecondUse
from anselai.domain.secret import Secret

QUICK_LIMIT = timedelta(seconds=30)
PATIENT_LIMIT = timedelta(minutes=2)  # giving up on a single-use token's answer may cost the connection
LEAST_LIMIT = timedelta(seconds=2)

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
            async with asyncio.timeout(call_limit(client.info).total_seconds()):
                renewed = await client.refresh(stored.key, credentials, now)
            return self._renewed(client.info, stored, credentials, renewed, now)
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
        self, info: PlatformInfo, stored: PlatformConnection, used: Credentials, renewed: object, now: datetime
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
            refresh_token=self._next_refresh_token(stored, used.refresh_token, given.refresh_token),
            token_expires_at=expires_at,
            scopes=_usable_scopes(info, given, renewed.scopes) or stored.scopes,
            now=now,
        )
        refresh_at = info.refresh_at(after, given_at=now, token_version=stored.token_version + 1)
        return after.refreshed_at(refresh_at)

    def _next_refresh_token(
        self, stored: PlatformConnection, used: Secret | None, given: Secret | None
    ) -> SealedToken | None:
        """The sealed text that is there already, where the token stays the same: sealing it again would tell a change
        that there is not.
        """
        if given is None or (used is not None and given.reveal() == used.reveal()):
            return stored.refresh_token
        return self.vault.encrypt_token(given, stored.key, "refresh_token")


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
