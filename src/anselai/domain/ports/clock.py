"""The world's time, ids and chance."""

from abc import abstractmethod
from datetime import datetime
from typing import Protocol
from uuid import UUID


class Clock(Protocol):
    @abstractmethod
    def now(self) -> datetime:
        """The present instant, aware and in UTC."""

    @abstractmethod
    def monotonic(self) -> float:
        """Seconds that never go backwards, for measuring how long something took."""


class Ids(Protocol):
    @abstractmethod
    def new(self) -> UUID:
        """A new id that sorts by time (UUID version 7, RFC 9562)."""
