"""What a platform's answers to different connections have in common, and who may ask it for new tokens meanwhile."""

import asyncio
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta

from anselai.domain.connection import ConnectionKey
from anselai.domain.errors import (
    AuthFailure,
    PlatformFailure,
    PlatformPaused,
    RateLimited,
    RefreshUnanswered,
)
from anselai.domain.ports.clock import Clock
from anselai.domain.ports.platform_client import PlatformInfo
from anselai.domain.refreshing import SecondUse

TROUBLED_AFTER = 5  # failures of a platform in a row
TROUBLE_PAUSE = 30.0  # seconds; then one connection tries whether it is over
LONGEST_PAUSE = 300.0
AT_RISK = 10  # connections at once, whose tokens work once: so many may be lost before the first one is known to be
LOOK_AGAIN = timedelta(milliseconds=100)


@dataclass(slots=True, kw_only=True)
class PlatformTrouble:
    """A platform that is down, or that limits the whole app, as this process knows it.

    `failures` (each of another connection) and `limited` are of the last answers in a row; one rate limit may be that
    of a user, two are the app's.
    """

    failures: int = 0
    failed: set[ConnectionKey] = field(default_factory=set)
    limited: ConnectionKey | None = None
    paused_at: float = 0.0  # of the monotonic clock
    paused_until: float = 0.0
    asking: int = 0

    def note(self, key: ConnectionKey, failure: PlatformFailure, asked_at: float, now: float) -> None:
        """A lost answer may have cost a connection, so already the first one counts as trouble, and each that is risked
        after it is risked later. One that refuses a grant is an answer.
        """
        is_lost = isinstance(failure, RefreshUnanswered)
        if isinstance(failure, AuthFailure) and not is_lost:
            self.over(asked_at)
            return
        self.failures = max(self.failures + (key not in self.failed), TROUBLED_AFTER if is_lost else 0)
        self.failed.add(key)
        pause = TROUBLE_PAUSE if self.failures >= TROUBLED_AFTER else 0.0
        if is_lost:
            pause *= 2.0 ** min(self.failures - TROUBLED_AFTER, 16)
        before, self.limited = self.limited, None
        if isinstance(failure, RateLimited):
            self.limited = key
            if failure.retry_after is not None and before not in (None, key):
                pause = failure.retry_after.total_seconds()
        if pause:
            self.paused_at, self.paused_until = now, max(self.paused_until, now + min(pause, LONGEST_PAUSE))

    def over(self, asked_at: float) -> None:
        """It answers. That ends a pause if it was asked in it: what was on its way before says nothing."""
        self.failures, self.limited = 0, None
        self.failed.clear()
        if asked_at > self.paused_at:
            self.paused_until = 0.0

    def room(self, at_once: int, busy: int, now: float) -> int:
        """How many more connections may ask, where otherwise so many do at once: none in a pause, and after it one,
        whoever of the process asks.
        """
        if now < self.paused_until:
            return 0
        return 1 - self.asking if self.failures >= TROUBLED_AFTER else at_once - busy

    async def wait_for_room(self, info: PlatformInfo, clock: Clock, deadline: float) -> None:
        """Until one more may ask. Raises PlatformPaused where there is trouble, and at the deadline: those who are told
        so wait, and not all of them for as long.
        """
        while self.asking >= AT_RISK and info.second_use is SecondUse.REFUSED and self.failures < TROUBLED_AFTER:
            if clock.monotonic() > deadline:
                raise self._paused(info, clock)
            await asyncio.sleep(LOOK_AGAIN.total_seconds())
        if self.room(self.asking + 1, self.asking, clock.monotonic()) <= 0:
            raise self._paused(info, clock)

    def _paused(self, info: PlatformInfo, clock: Clock) -> PlatformPaused:
        left = max(0.0, self.paused_until - clock.monotonic())
        spread = TROUBLE_PAUSE * random.random()  # noqa: S311  jitter, not a secret
        return PlatformPaused(info.label, timedelta(seconds=left + 1.0 + spread))

    @contextmanager
    def one_more(self) -> Iterator[None]:
        """Somebody asks."""
        self.asking += 1
        try:
            yield
        finally:
            self.asking -= 1
