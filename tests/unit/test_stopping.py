"""How a long-running process ends: asked once, asked twice, or by itself."""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator
from dataclasses import replace

import httpx
import pytest

import anselai
from anselai.application.ansel import Ansel
from anselai.application.sync_worker import SyncWorker
from anselai.domain.errors import InvalidSettings
from anselai.domain.secret import Secret
from anselai.entrypoints.daemon import until_stopped
from anselai.entrypoints.http.app import build_app
from anselai.entrypoints.http_server import address_of, listen
from anselai.entrypoints.serve import serve_on
from anselai.entrypoints.start_screen import place_of_data
from anselai.entrypoints.stop_signals import TWICE_AT_ONCE, StopSignals
from anselai.settings import Settings


class DyingWorker(SyncWorker):
    """A scheduler with a bug."""

    async def run(self) -> None:
        raise RuntimeError("a bug in the scheduler")


@pytest.fixture
async def ansel() -> AsyncIterator[Ansel]:
    async with anselai.in_memory() as ansel:
        yield ansel


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def stop(said: list[str]) -> StopSignals:
    return StopSignals(say=said.append)


async def test_a_signal_ends_the_wait_and_was_asked_for(stop: StopSignals) -> None:
    task = asyncio.create_task(asyncio.sleep(3600))
    asyncio.get_running_loop().call_soon(stop.receive)
    assert await until_stopped(stop, task) is True
    task.cancel()


async def test_a_task_that_ends_by_itself_ends_the_wait_and_is_told(
    stop: StopSignals, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail() -> None:
        raise RuntimeError("a bug")

    assert await until_stopped(stop, asyncio.create_task(fail(), name="scheduler")) is False
    [record] = caplog.records
    assert (record.levelno, record.getMessage()) == (
        logging.CRITICAL,
        "The scheduler ended unexpectedly, so AnselAI stops.",
    )
    assert record.exc_info is not None


async def test_serve_does_not_live_on_without_its_scheduler(ansel: Ansel, stop: StopSignals) -> None:
    worker = ansel.worker
    dying = DyingWorker(
        **{
            name: getattr(worker, name)
            for name in (
                "id",
                "host",
                "pid",
                "jobs",
                "schedules",
                "workers",
                "planner",
                "runner",
                "clock",
                "telemetry",
                "limits",
                "keeper",
            )
        }
    )
    app, broken = build_app(ansel), replace(ansel, worker=dying)
    with listen("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
        assert not await serve_on(broken, app, stop, listener, lambda: None, with_scheduler=True)
    with socket.create_server(("127.0.0.1", port)):
        pass  # nobody listens there any more


async def test_serve_stops_in_order_when_asked(ansel: Ansel, stop: StopSignals) -> None:
    with listen("localhost", 0) as listener:
        served = serve_on(ansel, build_app(ansel), stop, listener, lambda: None, with_scheduler=True)
        serving = asyncio.create_task(served)
        async with httpx.AsyncClient(trust_env=False) as client:
            assert (await client.get(address_of(listener) + "/healthz")).status_code == 200
        stop.receive()
        assert await serving is True


async def test_the_same_signal_passed_on_twice_at_once_is_one(stop: StopSignals, said: list[str]) -> None:
    stop.receive()
    stop.receive()
    assert not stop.hurried.is_set()
    stop.asked_at -= TWICE_AT_ONCE + 0.1
    stop.receive()
    stop.receive()
    assert stop.hurried.is_set()
    assert len(said) == 2


async def test_a_signal_while_everything_opens_cancels_that(stop: StopSignals) -> None:
    async def open_for_ever() -> None:
        with stop.cancelling():
            await asyncio.sleep(3600)

    opening = asyncio.create_task(open_for_ever())
    await asyncio.sleep(0)
    stop.receive()
    with pytest.raises(asyncio.CancelledError):
        await opening


def test_a_taken_port_is_refused_with_the_way_out() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(InvalidSettings, match=rf"Port {port} of 127.0.0.1 is taken.*ANSELAI_PORT="):
            listen("127.0.0.1", port)
        with pytest.raises(InvalidSettings, match=rf"ANSELAI_METRICS_PORT={port + 1} anselai scheduler"):
            listen("127.0.0.1", port, "ANSELAI_METRICS_PORT={} anselai scheduler")


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("postgresql://me:hunter2@db.example:5432/photos", "photos on db.example:5432 (DATABASE_URL)"),
        ("postgresql://me:hunter2@one:1,two:2/photos", "photos on one:1,two:2 (DATABASE_URL)"),
        ("postgresql:///photos?user=me&password=hunter2", "photos on this machine (DATABASE_URL)"),
        ("postgresql://?host=/run/pg&dbname=photos&user=me", "photos on /run/pg (DATABASE_URL)"),
        ("postgresql://me@[::1]", "the user's own database on [::1] (DATABASE_URL)"),
    ],
)
def test_the_place_of_the_data_tells_neither_user_nor_password(url: str, place: str) -> None:
    assert place_of_data(Settings(database_url=Secret(url))) == place
