"""A stub calls no platform, and says so in all it answers."""

import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import ClassVar

from anselai.domain.connection import ConnectionKey, Credentials, is_well_formed
from anselai.domain.errors import AuthFailure
from anselai.domain.ports.platform_client import (
    Batch,
    FetchRequest,
    PlatformClient,
    PlatformConfig,
    PlatformInfo,
    Verification,
)
from anselai.domain.refreshing import SecondUse
from anselai.domain.secret import Secret


@dataclass(frozen=True, slots=True)
class StubClient(PlatformClient):
    """What every stub does; a platform's own file adds what is known of the platform."""

    config: PlatformConfig
    info: ClassVar[PlatformInfo] = PlatformInfo(name="stub", label="Stub", simulated=True)

    async def verify(self, key: ConnectionKey, credentials: Credentials, now: datetime) -> Verification:
        """A well-formed token that has not expired is good; any other is not."""
        if not is_well_formed(credentials.access_token):
            return Verification(ok=False, reason="The access token is not well-formed.", simulated=True)
        if credentials.expires_at is not None and credentials.expires_at <= now:
            expired_at = credentials.expires_at.strftime("%Y-%m-%d %H:%M UTC")
            remedy = "Refresh it." if credentials.refresh_token else "Connect again."
            return Verification(ok=False, reason=f"The access token expired on {expired_at}. {remedy}", simulated=True)
        return Verification(ok=True, simulated=True)

    async def refresh(self, key: ConnectionKey, credentials: Credentials, now: datetime) -> Credentials:
        """A new token with the platform's real lifetime, for what the real platform takes for it."""
        given = credentials.access_token if self.info.exchanges_token else credentials.refresh_token
        if given is None or not is_well_formed(given):
            kind = "access" if self.info.exchanges_token else "refresh"
            raise AuthFailure(f"The {kind} token is not well-formed. Connect the platform again.")
        if self.info.exchanges_token and credentials.expires_at is not None and credentials.expires_at <= now:
            raise AuthFailure("The access token expired before it was exchanged. Connect the platform again.")
        lifetime = self.info.token_lifetime
        return replace(
            credentials,
            access_token=_simulated_token(key.platform, "access"),
            refresh_token=self._next_refresh_token(key, credentials.refresh_token),
            expires_at=None if lifetime is None else now + lifetime,
        )

    async def fetch(self, request: FetchRequest) -> AsyncIterator[Batch]:
        """An honest empty batch: nothing was asked, nothing came."""
        yield Batch(api_calls=0, simulated=True)

    def _next_refresh_token(self, key: ConnectionKey, current: Secret | None) -> Secret | None:
        stays = current is None or self.info.second_use is SecondUse.WORKS
        return current if stays else _simulated_token(key.platform, "refresh")


def _simulated_token(platform: str, kind: str) -> Secret:
    return Secret(f"simulated-{platform}-{kind}-{secrets.token_urlsafe(24)}")
