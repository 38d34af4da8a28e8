"""What is due when: a heap whose outdated entries are dropped only when they come up (lazy deletion)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from heapq import heapify, heappop, heappush
from typing import Any, Generic, TypeVar

Item = TypeVar("Item", bound=Any)  # anything that can be hashed and, among items of one instant, ordered

_SLACK = 1000


@dataclass(slots=True)
class Agenda(Generic[Item]):
    """Items by their instant. Moving, dropping and finding the first take O(log n)."""

    times: dict[Item, datetime] = field(default_factory=dict)
    heap: list[tuple[datetime, Item]] = field(default_factory=list)

    def put(self, item: Item, at: datetime) -> None:
        """Add the item, or move it."""
        if self.times.get(item) == at:
            return
        self.times[item] = at
        heappush(self.heap, (at, item))
        if len(self.heap) > 2 * len(self.times) + _SLACK:
            self.heap = [(at, item) for item, at in self.times.items()]
            heapify(self.heap)

    def drop(self, item: Item) -> None:
        self.times.pop(item, None)

    def first_at(self, accept: Callable[[Item], bool] = lambda _: True) -> datetime | None:
        """The earliest instant of an acceptable item. They stay in the agenda."""
        refused: list[tuple[datetime, Item]] = []
        first: datetime | None = None
        while self.heap and first is None:
            at, item = self.heap[0]
            if self.times.get(item) == at and accept(item):
                first = at
                continue
            entry = heappop(self.heap)
            if self.times.get(item) == at:
                refused.append(entry)
        for entry in refused:
            heappush(self.heap, entry)
        return first

    def due(self, now: datetime, limit: int, accept: Callable[[Item], bool] = lambda _: True) -> Sequence[Item]:
        """At most `limit` acceptable items of `now` or before, the earliest first. They stay in the agenda."""
        found: list[Item] = []
        seen: list[tuple[datetime, Item]] = []
        while self.heap and self.heap[0][0] <= now and len(found) < limit:
            at, item = entry = heappop(self.heap)
            if self.times.get(item) != at or (seen and seen[-1] == entry):  # moved, dropped, or dropped and put back
                continue
            seen.append(entry)
            if accept(item):
                found.append(item)
        for entry in seen:
            heappush(self.heap, entry)
        return found
