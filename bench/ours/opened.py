"""AnselAI over a database of the benchmark's, as `anselai serve` opens it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from anselai.application.ansel import Ansel
from anselai.container import open_container
from anselai.domain.secret import Secret
from anselai.settings import Settings

KEY = Secret("3f8b1c6e9d204a75b0e7d1928c4f6a53b7e2905d18c64fa39e0b5d7286f1ac94")  # of nothing but benchmarks


@asynccontextmanager
async def opened(dsn: str) -> AsyncIterator[Ansel]:
    async with open_container(Settings(database_url=Secret(dsn), encryption_key=KEY)) as ansel:
        yield ansel
