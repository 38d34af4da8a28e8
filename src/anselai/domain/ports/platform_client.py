"""What a platform plug-in implements, and all it has to."""

from abc import abstractmethod
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from anselai.domain.connection import ConnectionKey, Credentials
from anselai.domain.errors import PlatformNotConfigured
from anselai.domain.frequency import Frequency
from anselai.domain.records import Record
from anselai.domain.secret import Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformInfo:
    """What is known of a platform before anything is called. `settings` are names of environment variables.

    `token_lifetime` is how long an access token lives when the platform does not say; None: it does not expire.
    `refresh_margin` is how long before its expiry a token is refreshed. Where `rotates_refresh_token`, a refresh token
    can be used once, and each refresh brings the next.
    """

    name: str
    label: str
    settings: tuple[str, ...] = ()
    token_lifetime: timedelta | None = None
    refresh_margin: timedelta = timedelta(minutes=10)
    rotates_refresh_token: bool = False
    simulated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformConfig:
    """The values of the settings that a platform declares, as far as they are set."""

    platform: str
    values: Mapping[str, Secret] = field(default_factory=dict)

    def require(self, name: str) -> Secret:
        """The value, at the moment it is needed. Raises PlatformNotConfigured."""
        if name not in self.values:
            raise PlatformNotConfigured(self.platform, [name])
        return self.values[name]


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

    @property
    @abstractmethod
    def info(self) -> PlatformInfo: ...

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


class PlatformPlugin(Protocol):
    """What a plug-in's entry point names: usually the client's class, with `info` as a class attribute."""

    @property
    def info(self) -> PlatformInfo: ...

    def __call__(self, config: PlatformConfig) -> PlatformClient: ...


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
