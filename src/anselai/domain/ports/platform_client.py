"""What a platform plug-in implements, and all it has to."""

from abc import abstractmethod
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from anselai.domain.confided import confide_settings
from anselai.domain.connection import ConnectionKey, Credentials, PlatformConnection
from anselai.domain.errors import PlatformNotConfigured
from anselai.domain.frequency import Frequency
from anselai.domain.records import Record
from anselai.domain.refreshing import RefreshStrategy, SecondUse, planned_at, spread_of
from anselai.domain.secret import Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformInfo:
    """What is known of a platform before anything is called. `settings` are names of environment variables.

    `token_lifetime` is how long an access token lives when the platform does not say; None: it does not expire.
    `refresh_margin` is how long before its expiry a token is refreshed at the latest; of one that lives shorter than
    three times that, the last third of its life. `refresh_strategy` is what is given for new tokens, and `second_use`
    what becomes of that when it is given again, for `reuse_grace` where there is a grace.
    """

    name: str
    label: str
    settings: tuple[str, ...] = ()
    token_lifetime: timedelta | None = None
    refresh_margin: timedelta = timedelta(minutes=10)
    refresh_strategy: RefreshStrategy = RefreshStrategy.REFRESH_TOKEN
    second_use: SecondUse = SecondUse.WORKS
    reuse_grace: timedelta = timedelta()
    simulated: bool = False

    def can_refresh(self, connection: PlatformConnection) -> bool:
        """Whether there is anything to get new tokens for."""
        by_refresh_token = self.refresh_strategy is RefreshStrategy.REFRESH_TOKEN
        return connection.refresh_token is not None if by_refresh_token else self.exchanges_token

    @property
    def exchanges_token(self) -> bool:
        """Whether new tokens are given for the access token, so that no refresh token is needed."""
        return self.refresh_strategy is RefreshStrategy.EXCHANGE

    def refresh_at(self, connection: PlatformConnection, *, given_at: datetime, token_version: int) -> datetime | None:
        """When tokens that were given then are to be refreshed; None: not at all.

        Of an expiry that nobody told, the known lifetime is assumed; but not where tokens are exchanged: what has no
        expiry there may well be a token that never expires, which an exchange would end.
        """
        expires_at = connection.token_expires_at
        if expires_at is None and self.token_lifetime is not None and not self.exchanges_token:
            expires_at = given_at + self.token_lifetime
        if expires_at is None or not self.can_refresh(connection):
            return None
        spread = spread_of(connection.id, token_version)
        return planned_at(given_at=given_at, expires_at=expires_at, margin=self.refresh_margin, spread=spread)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformConfig:
    """The values of the settings that a platform declares, as far as they are set."""

    platform: str
    values: Mapping[str, Secret] = field(default_factory=dict)

    def __post_init__(self) -> None:
        confide_settings(self.values.values())

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
        """Get new tokens, by the strategy of `info`. Without a refresh token in the answer the stored one stays in use
        (RFC 6749, section 6).

        Raises AuthFailure when the grant is gone for good (`invalid_grant`). TransientFailure, RateLimited and
        PermanentFailure say that the platform gave no tokens: it answered so, or was never reached. Where the question
        may have reached it and no answer came, raise AnswerLost; whatever else is raised counts as that too.
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
