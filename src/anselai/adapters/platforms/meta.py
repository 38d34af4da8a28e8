"""Meta: Facebook Pages, Instagram and Ads, by one grant."""

from datetime import timedelta
from typing import ClassVar

from anselai.adapters.platforms.stub import StubClient
from anselai.domain.ports.platform_client import PlatformInfo


class MetaStub(StubClient):
    """A long-lived token lives about 60 days and must be exchanged while it is still valid."""

    info: ClassVar[PlatformInfo] = PlatformInfo(
        name="meta",
        label="Meta",
        settings=("META_APP_ID", "META_APP_SECRET"),
        token_lifetime=timedelta(days=60),
        refresh_margin=timedelta(days=15),
        simulated=True,
    )
