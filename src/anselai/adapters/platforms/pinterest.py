"""Pinterest, API version 5."""

from datetime import timedelta
from typing import ClassVar

from anselai.adapters.platforms.stub import StubClient
from anselai.domain.ports.platform_client import PlatformInfo
from anselai.domain.refreshing import SecondUse


class PinterestStub(StubClient):
    """An access token lives 30 days; the refresh token is a new one each time it is used."""

    info: ClassVar[PlatformInfo] = PlatformInfo(
        name="pinterest",
        label="Pinterest",
        settings=("PINTEREST_CLIENT_ID", "PINTEREST_CLIENT_SECRET"),
        token_lifetime=timedelta(days=30),
        refresh_margin=timedelta(days=3),
        second_use=SecondUse.REFUSED,
        simulated=True,
    )
