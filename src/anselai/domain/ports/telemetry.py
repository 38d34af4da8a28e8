"""What operators watch: what happens in this process is told here, and somebody may ask for it."""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from anselai.domain.frequency import Frequency
from anselai.domain.ports.jobs import QueueState
from anselai.domain.sync_job import Outcome


class RefreshOutcome(StrEnum):
    """What became of a token refresh: `refused` by the platform, `lost` with its answer, or `failed` for now."""

    SUCCEEDED = "succeeded"
    REFUSED = "refused"
    LOST = "lost"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreState:
    """What the store knows and no process alone: the queue of all studios, how many daemons are alive, and how often
    each encryption key has sealed.
    """

    queue: QueueState
    daemons: int
    seals: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposition:
    """A text for whoever collects the figures of many processes, and its media type."""

    media_type: str
    text: bytes


class Telemetry(Protocol):
    """Hears of every attempt, so each call returns at once, costs microseconds and never fails.

    It is told no studio, account, token or message, so that it can expose none. Durations are seconds.
    """

    @abstractmethod
    def run_started(self, platform: str, frequency: Frequency, lateness: float) -> None:
        """The first attempt of a scheduled run started, so long after its slot by the store's clock."""

    @abstractmethod
    def attempt_ended(self, platform: str, frequency: Frequency, outcome: Outcome, duration: float) -> None:
        """An attempt of this process ended so, and the store has it."""

    @abstractmethod
    def attempts_abandoned(self, number: int) -> None:
        """This process brought jobs back whose lease had run out, whoever had been at them."""

    @abstractmethod
    def token_refreshed(self, platform: str, outcome: RefreshOutcome) -> None:
        """This process asked a platform for new tokens."""

    @abstractmethod
    def api_error(self, code: str) -> None:
        """The HTTP API answered with an error. The code is one of ours, of which there are few."""

    @abstractmethod
    def exposition(self, store: StoreState | None, accept: str) -> Exposition:
        """All that was told so far, and the store's state, or that it is away.

        `accept` is an Accept header as HTTP has it; where nothing fits it, the oldest format is given.
        """
