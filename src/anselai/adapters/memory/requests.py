"""What was asked for with an Idempotency-Key, in memory."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice, takewhile
from uuid import UUID

from anselai.domain.frequency import Frequency
from anselai.domain.idempotency import KEY_HOLDS


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncRequest:
    platform: str
    frequency: Frequency | None
    job_id: UUID
    requested_at: datetime


@dataclass(slots=True)
class RequestBook:
    """Requests by studio and key, the oldest first."""

    requests: dict[tuple[str, str], SyncRequest] = field(default_factory=dict)
    keys_of: Counter[str] = field(default_factory=Counter)

    def find(self, studio: str, idempotency_key: str) -> SyncRequest | None:
        return self.requests.get((studio, idempotency_key))

    def add(self, studio: str, idempotency_key: str, request: SyncRequest) -> None:
        self.requests[studio, idempotency_key] = request
        self.keys_of[studio] += 1

    def drop(self, studio: str, idempotency_key: str) -> None:
        if self.requests.pop((studio, idempotency_key), None) is not None:
            self.keys_of[studio] -= 1

    def forget(self, studio: str) -> None:
        """Drop every request of the studio."""
        for place in [each for each in self.requests if each[0] == studio]:
            self.drop(*place)

    def prune(self, now: datetime, limit: int | None = None) -> int:
        """Forget keys that hold no longer, at most so many; how many that were."""
        first = islice(self.requests.items(), limit)
        old = [place for place, _ in takewhile(lambda item: item[1].requested_at <= now - KEY_HOLDS, first)]
        for place in old:
            self.drop(*place)
        return len(old)
