"""Platforms of a benchmark's own: plug-ins that do nothing but note when they are called.

A line for each call, in a file: its instant in seconds since 1970, the studio, the platform and the frequency.
"""

import os
import time
from collections.abc import AsyncIterator
from functools import cache
from typing import ClassVar

from anselai.adapters.platforms.stub import StubClient
from anselai.domain.ports.platform_client import Batch, FetchRequest, PlatformInfo

TRACE = "BENCH_TRACE"  # the setting that names the file
NAMES = ("bench-1", "bench-2", "bench-3", "bench-4")


class NotingPlatform(StubClient):
    async def fetch(self, request: FetchRequest) -> AsyncIterator[Batch]:
        called_at = time.time()
        line = f"{called_at:.6f} {request.key.studio} {request.key.platform} {request.frequency}\n"
        os.write(_file(self.config.require(TRACE).reveal()), line.encode())
        yield Batch(api_calls=0, simulated=True)


@cache
def _file(path: str) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)


def _info(name: str) -> PlatformInfo:
    return PlatformInfo(name=name, label=name, settings=(TRACE,), simulated=True)


class One(NotingPlatform):
    info: ClassVar[PlatformInfo] = _info(NAMES[0])


class Two(NotingPlatform):
    info: ClassVar[PlatformInfo] = _info(NAMES[1])


class Three(NotingPlatform):
    info: ClassVar[PlatformInfo] = _info(NAMES[2])


class Four(NotingPlatform):
    info: ClassVar[PlatformInfo] = _info(NAMES[3])


ENTRY_POINTS = "[anselai.platforms]\n" + "".join(
    f"{each.info.name} = {__name__}:{each.__name__}\n" for each in (One, Two, Three, Four)
)
