"""Meta: Facebook Pages, Instagram and Ads, by one grant."""

from datetime import timedelta
from typing import ClassVar

from anselai.adapters.platforms.stub import StubClient
from anselai.domain.ports.platform_client import PlatformInfo
from anselai.domain.refreshing import RefreshStrategy


class MetaStub(StubClient):
    """A long-lived token lives about 60 days and is exchanged for the next while it is still valid: there is no refresh
    token.
    """

    info: ClassVar[PlatformInfo] = PlatformInfo(
        name="meta",
        label="Meta",
        settings=("META_APP_ID", "META_APP_SECRET"),
        token_lifetime=timedelta(days=60),
        refresh_margin=timedelta(days=15),
        refresh_strategy=RefreshStrategy.EXCHANGE,
        simulated=True,
    )
