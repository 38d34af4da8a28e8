"""Hand-written stand-ins for the world: time, ids, and platforms that follow a script."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import TypeAlias, TypeVar
from uuid import UUID

from anselai.domain.connection import ConnectionKey, Credentials
from anselai.domain.errors import UnknownPlatform
from anselai.domain.ports.clock import Clock, Ids
from anselai.domain.ports.platform_client import (
    Batch,
    FetchRequest,
    PlatformClient,
    PlatformInfo,
    Platforms,
    Verification,
)
from anselai.domain.secret import Secret

NOON = datetime(2026, 5, 20, 12, 0, tzinfo=UTC)
GOOGLE_INFO = PlatformInfo(name="google", label="Google")

T = TypeVar("T")


@dataclass(slots=True)
class FakeClock(Clock):
    """Stands still until it is told to advance."""

    instant: datetime = NOON
    seconds: float = 1000.0

    def now(self) -> datetime:
        return self.instant

    def monotonic(self) -> float:
        return self.seconds

    def advance(self, by: timedelta) -> None:
        self.instant += by
        self.seconds += by.total_seconds()


@dataclass(slots=True)
class SequentialIds(Ids):
    """UUIDs of version 7 in form, counted up: they sort in the order in which they were made."""

    last: int = 0

    def new(self) -> UUID:
        self.last += 1
        return UUID(int=7 << 76 | 0b10 << 62 | self.last)


class Hang(Enum):
    """A step of a script: never answer. Only cancellation ends it."""

    HANG = "hang"


HANG = Hang.HANG
Step: TypeAlias = T | Exception | Hang


@dataclass(slots=True, kw_only=True)
class ScriptedClient(PlatformClient):
    """Does step by step what its scripts say: answers, raises, or hangs.

    `fetches` has a script for each call of `fetch`, `verifications` and `refreshes` one step for each call. Without a
    script left it is a kind platform: nothing new, the token works, a refresh brings a new token. `requests` and
    `refreshed` are what it was asked.
    """

    info: PlatformInfo = GOOGLE_INFO
    fetches: deque[Sequence[Step[Batch]]] = field(default_factory=deque)
    verifications: deque[Step[Verification]] = field(default_factory=deque)
    refreshes: deque[Step[Credentials]] = field(default_factory=deque)
    requests: list[FetchRequest] = field(default_factory=list)
    refreshed: list[Credentials] = field(default_factory=list)

    def will_fetch(self, *script: Step[Batch]) -> None:
        self.fetches.append(script)

    async def verify(self, key: ConnectionKey, credentials: Credentials, now: datetime) -> Verification:
        return await _taken(self.verifications.popleft() if self.verifications else Verification(ok=True))

    async def refresh(self, key: ConnectionKey, credentials: Credentials, now: datetime) -> Credentials:
        self.refreshed.append(credentials)
        kind_answer = Credentials(
            access_token=Secret(f"refreshed-{len(self.refreshed)}"),
            refresh_token=credentials.refresh_token,
            expires_at=now + timedelta(hours=1),
            scopes=credentials.scopes,
        )
        return await _taken(self.refreshes.popleft() if self.refreshes else kind_answer)

    async def fetch(self, request: FetchRequest) -> AsyncGenerator[Batch]:
        self.requests.append(request)
        for step in self.fetches.popleft() if self.fetches else [Batch(cursor=request.cursor)]:
            yield await _taken(step)


@dataclass(frozen=True, slots=True)
class InstalledPlatforms(Platforms):
    """These clients are installed, and nothing needs settings but what `missing` names."""

    clients: Sequence[PlatformClient]
    missing: Iterable[str] = ()

    def get(self, platform: str) -> PlatformClient:
        for client in self.clients:
            if client.info.name == platform:
                return client
        raise UnknownPlatform(platform, [client.info.name for client in self.clients])

    def all(self) -> Sequence[PlatformInfo]:
        return sorted((client.info for client in self.clients), key=lambda info: info.name)

    def missing_settings(self, platform: str) -> Sequence[str]:
        return [name for name in self.get(platform).info.settings if name in set(self.missing)]


async def _taken(step: Step[T]) -> T:
    if isinstance(step, Exception):
        raise step
    if isinstance(step, Hang):
        await asyncio.Event().wait()
        raise AssertionError("nobody sets this event")
    return step
