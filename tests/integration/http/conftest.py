"""The HTTP side over an AnselAI in memory, asked without a network."""

from collections.abc import AsyncIterator

import httpx
import pytest
from starlette.applications import Starlette

from anselai.application.ansel import Ansel
from anselai.container import open_in_memory
from anselai.entrypoints.http.app import build_app
from tests.fakes import FakeClock
from tests.integration.http.asking import KEY, sign_in

ADDRESS = "http://127.0.0.1:3200"


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def ansel(clock: FakeClock) -> AsyncIterator[Ansel]:
    async with open_in_memory(clock=clock, api_key=KEY) as opened:
        yield opened


@pytest.fixture
async def app(ansel: Ansel) -> AsyncIterator[Starlette]:
    app = build_app(ansel)
    async with app.router.lifespan_context(app):
        yield app


@pytest.fixture
async def client(app: Starlette) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody who has the key and signed in with it."""
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url=ADDRESS) as client:
        await sign_in(client)
        yield client


@pytest.fixture
async def stranger(app: Starlette) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody without a key."""
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url=ADDRESS) as client:
        yield client
