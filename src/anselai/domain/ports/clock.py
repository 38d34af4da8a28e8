"""The world's time, ids and chance."""

from abc import abstractmethod
from datetime import datetime
from typing import Protocol
from uuid import UUID

from anselai.domain.secret import Secret


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


class SecretTexts(Protocol):
    @abstractmethod
    def new(self) -> Secret:
        """A new random text of 43 characters of URL-safe base64, without padding: 256 bits that nobody can foresee."""
