"""Notifications that get lost, and sleepers that wake in the order in which they lay down."""

import asyncio
from collections.abc import Iterator
from random import Random
from typing import Any

from anselai.adapters.memory.wakeups import Wakeups


class InOrder(set["asyncio.Future[None]"]):
    """A set whose order does not depend on addresses."""

    def __init__(self) -> None:
        super().__init__()
        self.order: dict[Any, None] = {}

    def add(self, sleeper: "asyncio.Future[None]") -> None:
        self.order[sleeper] = None

    def discard(self, sleeper: object) -> None:
        self.order.pop(sleeper, None)

    def __iter__(self) -> "Iterator[asyncio.Future[None]]":
        return iter(tuple(self.order))


class LossyWakeups(Wakeups):
    def __init__(self, chance: Random, lost: float) -> None:
        super().__init__(sleepers=InOrder())
        self.chance, self.lost = chance, lost

    def wake(self) -> None:
        if self.chance.random() >= self.lost:
            super().wake()
