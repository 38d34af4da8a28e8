"""Google: Analytics, Ads and Business Profile, by one grant."""

from datetime import timedelta
from typing import ClassVar

from anselai.adapters.platforms.stub import StubClient
from anselai.domain.ports.platform_client import PlatformInfo


class GoogleStub(StubClient):
    """An access token lives an hour; the refresh token stays the same when it is used."""

    info: ClassVar[PlatformInfo] = PlatformInfo(
        name="google",
        label="Google",
        settings=("GOOGLE_CLIENT_ID", "GOOGLE_CLIENT_SECRET", "GOOGLE_ANALYTICS_PROPERTY_ID"),
        token_lifetime=timedelta(seconds=3599),
        refresh_margin=timedelta(minutes=10),
        simulated=True,
    )
