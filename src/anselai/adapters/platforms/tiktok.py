"""TikTok by Login Kit. TikTok's advertising has its own kind of sign-in and would be a platform of its own."""

from datetime import timedelta
from typing import ClassVar

from anselai.adapters.platforms.stub import StubClient
from anselai.domain.ports.platform_client import PlatformInfo
from anselai.domain.refreshing import SecondUse


class TikTokStub(StubClient):
    """An access token lives two hours; the refresh token is single-use, each use gives a new one."""

    info: ClassVar[PlatformInfo] = PlatformInfo(
        name="tiktok",
        label="TikTok",
        settings=("TIKTOK_EMAIL", "TIKTOK_PASSWORD"),
        token_lifetime=timedelta(hours=2),
        refresh_margin=timedelta(minutes=15),
        second_use=SecondUse.REFUSED,
        simulated=True,
    )
