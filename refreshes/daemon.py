"""A process under test: it keeps tokens fresh as the scheduler does, and asks for new ones together with all others."""

import argparse
import asyncio
import os
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from anselai.application import platform_trouble, refresh_call, refresh_keeper
from anselai.application.ansel import Ansel
from anselai.application.token_refresh import TokenRefresher
from anselai.container.opening import open_on
from anselai.domain.connection import ConnectionKey
from anselai.domain.errors import AnselError
from anselai.domain.ports.clock import Clock
from anselai.settings import load_settings
from refreshes.platform import NAME


@dataclass(frozen=True, slots=True)
class SkewedClock(Clock):
    """A clock that is wrong."""

    clock: Clock
    skew: timedelta

    def now(self) -> datetime:
        return self.clock.now() + self.skew

    def monotonic(self) -> float:
        return self.clock.monotonic()


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--connections", type=int, required=True)
    parser.add_argument("--callers", type=int, required=True)
    parser.add_argument("--crowd", type=float, required=True, help="seconds for which all ask for one connection")
    parser.add_argument("--skew", type=float, required=True, help="seconds")
    parser.add_argument("--patience", type=float, required=True, help="seconds; a lease is twice as long")
    parser.add_argument("--trace", type=Path, required=True)
    parser.add_argument("--calm", type=Path, required=True, help="once this file is there, nobody asks any more")
    args = parser.parse_args()
    refresh_call.PATIENT_LIMIT = timedelta(seconds=args.patience)  # as it is otherwise, a run would take hours
    refresh_keeper.HOLD = timedelta(seconds=2)
    platform_trouble.TROUBLE_PAUSE, platform_trouble.LONGEST_PAUSE = (
        0.2,
        1.0,
    )  # what was lost must come to light in time
    settings = load_settings(dotenv=None)
    assert settings.database_url is not None
    async with open_on(settings.database_url, settings) as ansel:
        keeper = ansel.worker.keeper
        clock = SkewedClock(keeper.clock, timedelta(seconds=args.skew))
        refresher = replace(keeper.refresher, clock=clock)
        keeper.refresher, keeper.clock = refresher, clock
        keeper.limits = replace(keeper.limits, look_every=timedelta(seconds=0.5))
        keys = [ConnectionKey(f"studio-{number}", NAME) for number in range(args.connections)]
        trace = os.open(args.trace, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        callers = (_call(ansel, refresher, keys, args.crowd, trace, args.calm) for _ in range(args.callers))
        await asyncio.gather(keeper.run(), *callers)


async def _call(
    ansel: Ansel, refresher: TokenRefresher, keys: Sequence[ConnectionKey], crowd: float, trace: int, calm: Path
) -> None:
    connections = ansel.connections.connections
    while not calm.exists():  # noqa: ASYNC240  a lookup that does not block
        await asyncio.sleep(crowd - time.time() % crowd + random.random() * crowd / 4)  # noqa: S311
        key = keys[int(time.time() / crowd) % len(keys)]
        try:
            seen = await connections.get(key)
            os.write(trace, f"{key.studio} {seen.token_version}\n".encode())
            await refresher.refresh(key, seen=seen)
        except AnselError as error:
            os.write(trace, f"! {error.code}\n".encode())


if __name__ == "__main__":
    asyncio.run(main())
