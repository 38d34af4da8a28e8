"""The only place that reads the world's clock, and makes ids and random texts."""

import os
import secrets
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from anselai.domain.ports.clock import Clock, Ids, SecretTexts
from anselai.domain.secret import Secret


@dataclass(frozen=True, slots=True)
class SystemClock(Clock):
    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()


@dataclass(frozen=True, slots=True)
class RandomIds(Ids):
    """UUID version 7: 48 bits of Unix milliseconds, then 74 random bits (RFC 9562, section 5.7)."""

    def new(self) -> UUID:
        milliseconds = time.time_ns() // 1_000_000
        random = int.from_bytes(os.urandom(10))
        value = (milliseconds & 0xFFFFFFFFFFFF) << 80 | random
        value = value & ~(0xF << 76) | 7 << 76  # version
        value = value & ~(0b11 << 62) | 0b10 << 62  # variant
        return UUID(int=value)


@dataclass(frozen=True, slots=True)
class RandomSecretTexts(SecretTexts):
    def new(self) -> Secret:
        return Secret(secrets.token_urlsafe(32))
