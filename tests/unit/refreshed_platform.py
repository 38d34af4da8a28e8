"""A platform whose answers to token refreshes are written down before, and what tests ask of its connection."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from anselai.application.ansel import Ansel
from anselai.domain.connection import ConnectionKey, Credentials, PlatformConnection
from anselai.domain.errors import AnselError
from anselai.domain.ports.platform_client import Batch, FetchRequest, PlatformClient, PlatformInfo, Verification
from anselai.domain.refreshing import RefreshStrategy, SecondUse
from anselai.domain.secret import Secret
from tests.fakes import NOON

HOUR = timedelta(hours=1)
KEY = ConnectionKey("default", "flickr")


@dataclass(slots=True)
class Refreshed(PlatformClient):
    """Raises what `failures` hold, one by one; then it is kind. `given` is what it was asked with, and `answers` change
    what it gives.
    """

    info: PlatformInfo
    failures: deque[Exception] = field(default_factory=deque)
    given: list[str] = field(default_factory=list)
    hold: asyncio.Event | None = None  # answers wait for it
    takes: timedelta = timedelta()
    answers: dict[str, Any] = field(default_factory=dict)

    def __call__(self, config: object) -> PlatformClient:
        return self

    async def verify(self, key: ConnectionKey, credentials: Credentials, now: datetime) -> Verification:
        return Verification(ok=True)

    async def refresh(self, key: ConnectionKey, credentials: Credentials, now: datetime) -> Credentials:
        token = credentials.access_token if self.info.exchanges_token else credentials.refresh_token
        assert token is not None
        self.given.append(token.reveal())
        if self.hold is not None:
            await self.hold.wait()
        if self.takes:
            await asyncio.sleep(self.takes.total_seconds())
        if self.failures:
            raise self.failures.popleft()
        number = len(self.given)
        rotated = self.info.second_use is not SecondUse.WORKS
        given: dict[str, Any] = {
            "access_token": Secret(f"access-{number}"),
            "refresh_token": Secret(f"refresh-{number}") if rotated else None,
            "expires_at": now + HOUR,
        }
        return replace(credentials, **(given | self.answers))

    async def fetch(self, request: FetchRequest) -> AsyncIterator[Batch]:
        yield Batch()


def platform(
    name: str = "flickr",
    second_use: SecondUse = SecondUse.REFUSED,
    strategy: RefreshStrategy = RefreshStrategy.REFRESH_TOKEN,
) -> Refreshed:
    return Refreshed(
        PlatformInfo(
            name=name,
            label=name.title(),
            token_lifetime=HOUR,
            refresh_strategy=strategy,
            second_use=second_use,
            reuse_grace=timedelta(minutes=4),
        )
    )


async def connect(ansel: Ansel, **given: object) -> None:
    fields = {"access_token": "access-0", "refresh_token": "refresh-0", "token_expires_at": NOON + HOUR, **given}
    await ansel.connections.save_connection("flickr", **fields)  # type: ignore[arg-type]


async def stored(ansel: Ansel) -> PlatformConnection:
    return await ansel.connections.connections.get(KEY)


async def refreshed(ansel: Ansel) -> str:
    """The code of what it led to."""
    try:
        await ansel.connections.refresh_token("flickr")
    except AnselError as error:
        return error.code
    return "ok"
