"""A process that stops keeps what platforms are about to answer, and is hurried when somebody has no time for it."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from anselai.application.ansel import Ansel
from anselai.application.refresh_call import PATIENT_LIMIT
from anselai.application.token_refresh import HURRIED, TokenRefresher
from anselai.container import open_in_memory
from anselai.domain.connection import Credentials
from anselai.domain.errors import StoreUnavailable
from tests.fakes import NOON
from tests.simulation.virtual_time import StoreClock, virtual_loop
from tests.unit.refreshed_platform import Refreshed, connect, platform, refreshed, stored

SECOND = timedelta(seconds=1)


class Deaf(Refreshed):
    """Ignores its cancellation."""

    async def refresh(self, *asked: object) -> object:  # type: ignore[override]
        self.given.append("asked")
        while True:
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                if len(self.given) > 5:  # the end of the test
                    raise
                self.given.append("cancelled")


def in_made_up_time(flickr: Refreshed, story: Callable[[Ansel, TokenRefresher], Awaitable[None]]) -> float:
    """Tell the story while a refresh is under way; how many seconds it took."""
    with virtual_loop() as loop:

        async def told() -> None:
            async with open_in_memory(plugins=[flickr], clock=StoreClock(loop, NOON)) as ansel:
                await connect(ansel)
                caller = asyncio.create_task(refreshed(ansel))
                while not flickr.given:  # noqa: ASYNC110  it is on its way
                    await asyncio.sleep(0)
                await story(ansel, ansel.connections.refresher)
                caller.cancel()

        loop.run_until_complete(told())
        return loop.time()


def test_a_single_use_token_is_waited_for_as_long_as_its_answer_may_take() -> None:
    flickr = platform()
    flickr.takes = PATIENT_LIMIT - SECOND

    async def story(ansel: Ansel, refresher: TokenRefresher) -> None:
        await refresher.settle()
        assert (await stored(ansel)).token_version == 2
        assert (await stored(ansel)).refresh.asked_at is None

    assert in_made_up_time(flickr, story) < PATIENT_LIMIT.total_seconds()


def test_what_a_refresh_leaves_to_be_done_is_waited_for_too() -> None:
    flickr, cleaned = platform(), list[bool]()
    flickr.takes = SECOND

    async def story(ansel: Ansel, refresher: TokenRefresher) -> None:
        async def clean() -> None:
            await asyncio.sleep(20)
            cleaned.append(True)

        def leave(_: object) -> None:
            task = asyncio.create_task(clean())
            refresher.cleaning.add(task)
            task.add_done_callback(refresher.cleaning.discard)

        (under_way,) = refresher.running.values()
        under_way.add_done_callback(leave)
        await refresher.settle()
        assert cleaned

    in_made_up_time(flickr, story)


def test_a_second_signal_hurries_and_what_is_given_up_is_told(caplog: pytest.LogCaptureFixture) -> None:
    flickr = platform()
    flickr.takes = PATIENT_LIMIT - SECOND

    async def story(ansel: Ansel, refresher: TokenRefresher) -> None:
        hurried = asyncio.Event()
        asyncio.get_running_loop().call_later(1, hurried.set)
        await refresher.settle(hurried)
        await refresher.settle()
        assert (await stored(ansel)).refresh.asked_at is not None, "as after a crash"

    assert in_made_up_time(flickr, story) == pytest.approx(1 + HURRIED.total_seconds(), abs=0.5)
    assert "The process stops while flickr is asked for new tokens of default." in caplog.text


class Telling(Refreshed):
    """Tells that it was cancelled."""

    async def refresh(self, *asked: Any) -> Credentials:
        try:
            return await Refreshed.refresh(self, *asked)
        except asyncio.CancelledError:
            self.given.append("cancelled")
            raise


def test_a_client_that_is_given_up_does_not_go_on() -> None:
    flickr = Telling(platform().info)
    flickr.takes = PATIENT_LIMIT - SECOND

    async def story(ansel: Ansel, refresher: TokenRefresher) -> None:
        hurried = asyncio.Event()
        hurried.set()
        await refresher.settle(hurried)
        await asyncio.sleep(1)
        assert flickr.given == ["refresh-0", "cancelled"]

    in_made_up_time(flickr, story)


def test_a_store_that_stays_away_does_not_keep_the_process(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    flickr = platform()
    flickr.takes = SECOND

    async def story(ansel: Ansel, refresher: TokenRefresher) -> None:
        async def is_away(self: object, *args: object) -> object:
            raise StoreUnavailable

        monkeypatch.setattr(type(refresher.connections), "end_refresh", is_away)
        await refresher.settle()
        monkeypatch.undo()

    assert 170 <= in_made_up_time(flickr, story) < 171, "as long as docs/refreshing.md says"
    assert "The process stops while flickr is asked" in caplog.text


def test_a_client_that_ignores_its_cancellation_is_waited_for_once() -> None:
    flickr = Deaf(platform().info)

    async def story(ansel: Ansel, refresher: TokenRefresher) -> None:
        await refresher.settle()
        await refresher.settle()
        flickr.given.extend(["the end"] * 5)

    assert in_made_up_time(flickr, story) < 180
