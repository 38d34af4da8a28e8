"""What a platform plug-in implements, and all it has to."""

from abc import abstractmethod
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from anselai.domain.connection import ConnectionKey, Credentials
from anselai.domain.frequency import Frequency
from anselai.domain.records import Record


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformInfo:
    """What is known of a platform before anything is called. `settings` are names of environment variables.

    `token_lifetime` is how long an access token lives when the platform does not say; None: it does not expire.
    `refresh_margin` is how long before its expiry a token is refreshed.
    """

    name: str
    label: str
    settings: tuple[str, ...] = ()
    token_lifetime: timedelta | None = None
    refresh_margin: timedelta = timedelta(minutes=10)
    simulated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """The answer of a connection test. `reason` is a sentence for the photographer when `ok` is false."""

    ok: bool
    reason: str | None = None
    account_id: str | None = None
    simulated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchRequest:
    """What to fetch. `cursor` is that of the last batch which was stored, or None for a fresh run."""

    key: ConnectionKey
    account_id: str | None
    frequency: Frequency
    credentials: Credentials = field(repr=False)
    cursor: str | None
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """A page of records, stored together with its cursor. `has_more` promises that the cursor moves on."""

    records: Sequence[Record] = ()
    cursor: str | None = None
    has_more: bool = False
    api_calls: int = 1
    simulated: bool = False


class PlatformClient(Protocol):
    """A platform. Failures are raised as subclasses of PlatformFailure; messages must not contain a token."""

    info: PlatformInfo

    @abstractmethod
    async def verify(self, key: ConnectionKey, credentials: Credentials, now: datetime) -> Verification:
        """Ask the platform whether the access token works. A token that does not is an answer, not an error."""

    @abstractmethod
    async def refresh(self, key: ConnectionKey, credentials: Credentials, now: datetime) -> Credentials:
        """Get new tokens. A platform that keeps its refresh token returns it again; `None` means there is none.

        Raises AuthFailure when the grant is gone for good.
        """

    @abstractmethod
    def fetch(self, request: FetchRequest) -> AsyncIterator[Batch]:
        """Stream what is new, in batches. Called again with a stored cursor it goes on after it."""


class Platforms(Protocol):
    """The platforms that are installed."""

    @abstractmethod
    def get(self, platform: str) -> PlatformClient:
        """Raises UnknownPlatform."""

    @abstractmethod
    def all(self) -> Sequence[PlatformInfo]:
        """Every installed platform, sorted by name."""

    @abstractmethod
    def missing_settings(self, platform: str) -> Sequence[str]:
        """Names of the platform's settings that are not set. Raises UnknownPlatform."""
