"""The platform of the daemons under test. It takes its time, and writes down what really ran.

The trace is a file of each process's own, a line for each event, written at once: a process that is killed leaves all
that it did. Nothing of the product is asked for what is in it, so it can bear witness against the product's tables.
"""

import asyncio
import os
import random
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import ClassVar

from anselai.adapters.platforms.stub import StubClient
from anselai.domain.ports.platform_client import Batch, FetchRequest, PlatformInfo
from anselai.domain.records import Metric

NAME = "chaos"
TRACE = "CHAOS_TRACE"  # the file
HURRY = "CHAOS_HURRY"  # a file: once it is there, nothing takes time any more
SYNC = "CHAOS_SYNC"  # seconds

STARTED, ENDED, STOPPED = "S", "E", "X"
FIRST_DAY = date(2026, 1, 1)


@dataclass(slots=True)
class Trace:
    """Where this process writes down what it runs."""

    descriptor: int
    numbers: "count[int]" = field(default_factory=count)

    def write(self, event: str, number: int, request: FetchRequest) -> None:
        line = f"{event} {number} {request.key.studio} {request.frequency} {time.time():.6f} {request.cursor or '-'}\n"
        os.write(self.descriptor, line.encode())


class ChaosPlatform(StubClient):
    """What a sync does is told by its account id: `short`, `storing:1` or `long:STEPS`."""

    info: ClassVar[PlatformInfo] = PlatformInfo(name=NAME, label="Chaos", simulated=True)
    trace: ClassVar[Trace | None] = None

    async def fetch(self, request: FetchRequest) -> AsyncIterator[Batch]:
        trace = self._trace()
        number, event = next(trace.numbers), STOPPED
        trace.write(STARTED, number, request)
        try:
            kind, _, steps = (request.account_id or "").partition(":")
            more = range(int(request.cursor or 0), int(steps or 0))
            if kind == "short":
                await _take_time(_short())
                yield Batch(simulated=True)
            for step in more:
                await _take_time(1.0 if kind == "long" else _short())
                yield _batch(request, step, more=step != more[-1])
            event = ENDED
        finally:
            trace.write(event, number, request)

    @classmethod
    def _trace(cls) -> Trace:
        if cls.trace is None:
            cls.trace = Trace(os.open(os.environ[TRACE], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600))
        return cls.trace


def _short() -> float:
    return float(os.environ[SYNC]) * random.uniform(1.0, 1.5)  # noqa: S311


async def _take_time(seconds: float) -> None:
    if not Path(os.environ[HURRY]).exists():  # noqa: ASYNC240  a lookup that does not block
        await asyncio.sleep(seconds)


def _batch(request: FetchRequest, step: int, *, more: bool) -> Batch:
    metric = Metric(
        account_id="account",
        metric="views",
        metric_date=FIRST_DAY + timedelta(days=step),
        value=Decimal(step),
        as_of=request.now,
    )
    return Batch(records=[metric], cursor=str(step + 1), has_more=more, simulated=True)
